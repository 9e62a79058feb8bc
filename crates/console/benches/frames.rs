//! What a frame of each screen costs: `cargo bench -p kreplay-console --bench frames`. `-- Group HeatMap` measures only
//! these screens.
//!
//! The run has 10,000 partitions and 200 events a second, the watch a group with as many partitions, and the terminal
//! 200×60 cells. A frame is everything that happens between a change and the bytes for the terminal: drawing all cells,
//! comparing them with the frame before, and the areas that can be clicked. What it costs to take a snapshot, events
//! and a look is measured apart, and so is a tick of the clock while nothing changes.
//!
//! No case passes or fails by its time. `docs/performance.md` explains the figures.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a benchmark"
)]

#[allow(dead_code, clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "shared with the tests")]
#[path = "../tests/console/fixture.rs"]
mod fixture;
#[allow(dead_code, clippy::cast_sign_loss, reason = "shared with the tests")]
#[path = "../tests/console/watch_fixture.rs"]
mod watch_fixture;

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_console::{
    capture,
    screen::{SCREENS, Screen},
    state::State,
    theme::{Theme, ThemeChoice},
    update::{Event, update},
};
use kreplay_model::{
    domain::{Lag, Ordering},
    feed::{EventKind, PartitionView, RunState, RunView, Snapshot},
    watch::{VerdictKind, WatchSnapshot},
};
use ratatui::buffer::Buffer;

const SIZE: (u16, u16) = (200, 60);
const PARTITIONS: u32 = 10_000;
const WORKERS: u32 = 64;
/// Seconds of the run before the first frame that is measured, which the screens over time show.
const HISTORY_S: u32 = 120;
/// Snapshots a second, and events with each: 200 a second.
const SNAPSHOTS_PER_S: u32 = 10;
const EVENTS_PER_SNAPSHOT: u32 = 20;
/// The console's clock ticks so often while nothing happens.
const TICKS_PER_S: f64 = 4.0;
const TICKS: u32 = 10_000;

/// Times of one case.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn add<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = black_box(work());
        self.0.push(began.elapsed());
        result
    }

    /// A line with the median, the 99th percentile and the maximum in milliseconds.
    fn line(&mut self, case: &str) -> String {
        self.0.sort_unstable();
        let at = |share: f64| {
            let last = self.0.len().saturating_sub(1);
            self.0.get((last as f64 * share).round() as usize).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
        };
        format!("{case:<40} {:>10.3} {:>10.3} {:>10.3} {:>7}", at(0.5), at(0.99), at(1.0), self.0.len())
    }
}

/// What the feed says, one snapshot after another.
struct Story {
    pattern: PartitionView,
    tenths: u32,
    next_event: u64,
}

impl Story {
    fn seconds(&self) -> f64 {
        f64::from(self.tenths) / f64::from(SNAPSHOTS_PER_S)
    }

    fn snapshot(&mut self, step: u32) -> Arc<Snapshot> {
        self.tenths += step;
        let at_s = self.seconds();
        let mut run = fixture::run(3.0, RunState::Running, Ordering::Key);
        run.elapsed_s = at_s;
        run.partitions = (0..PARTITIONS).map(|number| self.partition(number)).collect();
        run.totals.handled = run.partitions.iter().map(|partition| partition.handled).sum();
        let worker = run.workers[0].clone();
        run.workers = (0..WORKERS).map(|id| self.worker(id, &worker)).collect();
        run.concurrency = WORKERS;
        Arc::new(fixture::snapshot(Some(run), at_s))
    }

    fn partition(&self, number: u32) -> PartitionView {
        // Some partitions stand still from time to time, so that the maps over time are not uniform.
        let moved = if number % 7 == 3 { self.tenths / 40 * 20 } else { self.tenths };
        let handled = u64::from(moved) * u64::from(1 + number % 13);
        let mut one = PartitionView {
            id: fixture::partition(&format!("orders-{}", number / 100), (number % 100).cast_signed()),
            handled,
            lag: Lag::Known(1_000_000 - handled),
            records_per_s: f64::from((number + self.tenths) % 97),
            ..self.pattern.clone()
        };
        one.handling_times.add(500 + u64::from(number % 11) * 300, handled);
        one
    }

    fn worker(&self, id: u32, pattern: &kreplay_model::feed::WorkerView) -> kreplay_model::feed::WorkerView {
        let busy = 0.5 + f64::from((id + self.tenths / 10) % 50) / 100.0;
        let busy_ns = u64::from(self.tenths) * 50_000_000 + u64::from(id) * 1_000_000;
        kreplay_model::feed::WorkerView { id, busy, busy_ns, handled: u64::from(self.tenths) * 100, ..pattern.clone() }
    }

    fn events(&mut self) -> Vec<kreplay_model::feed::Event> {
        let at_s = self.seconds();
        let events = (0..EVENTS_PER_SNAPSHOT).map(|number| {
            let seq = self.next_event + u64::from(number);
            let text = format!("retry {seq} of orders-{}-{} after: connection reset", seq % 100, seq % 89);
            let kind = if seq.is_multiple_of(5) { EventKind::Warning { text } } else { EventKind::Notice { text } };
            fixture::event(seq, at_s, kind)
        });
        let events = events.collect();
        self.next_event += u64::from(EVENTS_PER_SNAPSHOT);
        events
    }

    fn look(&self) -> Arc<WatchSnapshot> {
        let rows = (0..PARTITIONS).map(|number| {
            let committed = u64::from(self.tenths + number);
            let topic = format!("orders-{}", number / 100);
            watch_fixture::partition_row(&topic, (number % 100).cast_signed(), committed, u64::from(number % 997))
        });
        let verdict = watch_fixture::verdict(VerdictKind::FallingBehind, "the lag grows by 40 offsets a second", None);
        let large = watch_fixture::group("large", rows.collect(), verdict);
        let mut look = watch_fixture::of(vec![large]);
        look.at = fixture::time(self.seconds());
        Arc::new(look)
    }
}

fn main() {
    let is_quick = std::env::args().any(|arg| arg == "--quick");
    let frames = if is_quick { 40 } else { 400 };
    let theme = Theme::load(&ThemeChoice::DARK).unwrap();
    let mut state = State::new(SIZE.0, SIZE.1, None);
    let pattern = fixture::run(3.0, RunState::Running, Ordering::Key).partitions[0].clone();
    let mut story = Story { pattern, tenths: 0, next_event: 0 };
    let _ = update(&mut state, Event::WatchBegan);
    for _ in 0..HISTORY_S {
        let _ = update(&mut state, Event::Snapshot(story.snapshot(SNAPSHOTS_PER_S)));
        let _ = update(&mut state, Event::Groups(story.look()));
    }
    println!("{:<40} {:>10} {:>10} {:>10} {:>7}", "frame (ms)", "median", "p99", "max", "frames");
    let mut taken = Taken::default();
    let named: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let is_chosen = |screen: &&Screen| named.is_empty() || named.contains(&format!("{:?}", screen.id));
    for screen in SCREENS.iter().filter(is_chosen) {
        match (screen.refusal)(&state) {
            None => println!("{}", measure(screen, &mut state, &mut story, &mut taken, &theme, frames)),
            Some(why) => println!("{:<40} not measured: {why}", name(screen)),
        }
    }
    println!("\n{:<40} {:>10} {:>10} {:>10} {:>7}", "update (ms)", "median", "p99", "max", "times");
    println!("{}", taken.snapshots.line("a snapshot of 10,000 partitions"));
    println!("{}", taken.events.line("20 events"));
    println!("{}", taken.looks.line("a look at 10,000 partitions"));
    println!("\n{}", idle(&mut state));
}

/// What it costs to take what the feed says.
#[derive(Default)]
struct Taken {
    snapshots: Times,
    events: Times,
    looks: Times,
}

fn name(screen: &Screen) -> String {
    format!("  {:?}", screen.id)
}

/// Draws a screen again and again while the run continues.
fn measure(
    screen: &Screen,
    state: &mut State,
    story: &mut Story,
    taken: &mut Taken,
    theme: &Theme,
    frames: u32,
) -> String {
    state.user.navigation.open(screen.id);
    let mut times = Times::default();
    let mut before: Option<Buffer> = None;
    for number in 0..frames {
        let (snapshot, events) = (story.snapshot(1), story.events());
        taken.snapshots.add(|| update(state, Event::Snapshot(snapshot)));
        taken.events.add(|| update(state, Event::Events(events)));
        if number % SNAPSHOTS_PER_S == 0 {
            let look = story.look();
            taken.looks.add(|| update(state, Event::Groups(look)));
        }
        before = Some(times.add(|| {
            let (frame, hits) = capture::frame_with_hits(state, theme);
            black_box(capture::changes(before.as_ref(), &frame).unwrap());
            let _ = update(state, Event::Drawn(hits.extents().clone()));
            frame
        }));
    }
    let _ = update(state, Event::Tick(Duration::from_secs_f64(story.seconds())));
    state.user.navigation.open(kreplay_console::state::ScreenId::Dashboard);
    times.line(&name(screen))
}

/// The share of a core that the clock of a console takes while nothing changes, and whether it draws.
fn idle(state: &mut State) -> String {
    let finished = RunView { state: RunState::Done, ..state.feed.run().unwrap().clone() };
    let snapshot = Snapshot { run: Some(finished), ..(*state.feed.snapshot).clone() };
    let _ = update(state, Event::Snapshot(Arc::new(snapshot)));
    let start = Duration::from_secs(3_600);
    let _ = update(state, Event::Tick(start));
    state.stale = false;
    let mut drawn = 0;
    let began = Instant::now();
    for tick in 1..=TICKS {
        let _ = update(state, Event::Tick(start + Duration::from_secs_f64(f64::from(tick) / TICKS_PER_S)));
        drawn += u32::from(std::mem::take(&mut state.stale));
    }
    let per_tick_s = began.elapsed().as_secs_f64() / f64::from(TICKS);
    format!(
        "idle: {:.3} µs for each of {TICKS_PER_S} ticks a second, {:.4} % of a core; {drawn} of {TICKS} ticks draw a frame",
        per_tick_s * 1e6,
        per_tick_s * TICKS_PER_S * 100.0
    )
}
