//! Progress of headless runs on standard error: a bar on a terminal, plain lines elsewhere.

mod coalesce;
mod line;

use std::{
    io::{self, IsTerminal, Write},
    sync::Arc,
    time::Duration,
};

use chrono::Utc;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish};
use tokio::time::{self, Instant, MissedTickBehavior};

use super::{Feed, RunState, Snapshot};
use crate::domain::number::whole;
use coalesce::RepeatSuppressor;
pub use coalesce::line as event_line;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressStyle {
    /// A bar that redraws itself, for terminals.
    Bar,
    /// A line at intervals, for logs.
    Lines {
        /// The interval between lines. Changes of state are printed immediately.
        every: Duration,
    },
}

impl ProgressStyle {
    /// A bar if standard error is a terminal, otherwise a line at the interval `every`.
    #[must_use]
    pub fn for_stderr(every: Duration) -> Self {
        if io::stderr().is_terminal() { Self::Bar } else { Self::Lines { every } }
    }
}

/// Shows the progress of a run until the run or the session ends.
///
/// Events are printed as they arrive, with their time. The future is cancel-safe: a bar stays on the screen as it is.
pub async fn follow(feed: Feed, style: ProgressStyle) {
    match style {
        ProgressStyle::Bar => drive(feed, BarView::new()).await,
        ProgressStyle::Lines { every } => drive(feed, LinesView::new(every, io::stderr())).await,
    }
}

/// The progress of a session in one line.
#[must_use]
pub fn status(snapshot: &Snapshot) -> String {
    line::describe(snapshot)
}

/// A display of progress.
trait View {
    fn event(&mut self, line: &str);
    fn state(&mut self, snapshot: &Snapshot, now: Instant);
    fn end(&mut self);
}

async fn drive(mut feed: Feed, mut view: impl View) {
    let mut suppressor = RepeatSuppressor::default();
    // Events must be printed even if no snapshot arrives.
    let mut tick = time::interval(Duration::from_millis(250));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ended = false;
    loop {
        let snapshot = Arc::clone(&feed.snapshots.borrow_and_update());
        ended |= snapshot.run.as_ref().is_some_and(|run| run.state.is_over());
        let mut lines = suppressor.take(&feed.events.since(suppressor.next_seq()));
        lines.extend(if ended { suppressor.flush() } else { suppressor.flush_until(Utc::now()) });
        for line in lines {
            view.event(&line);
        }
        view.state(&snapshot, Instant::now());
        if ended {
            if let Some(line) = line::advice(&snapshot) {
                view.event(&line);
            }
            return view.end();
        }
        tokio::select! {
            changed = feed.snapshots.changed() => ended = changed.is_err(),
            _ = tick.tick() => {}
        }
    }
}

struct BarView {
    bar: ProgressBar,
}

impl BarView {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr())
            .with_finish(ProgressFinish::Abandon);
        // The template is a constant. If it were invalid, indicatif's default bar would do.
        if let Ok(style) = indicatif::ProgressStyle::with_template("{bar:16} {wide_msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar }
    }
}

impl View for BarView {
    fn event(&mut self, line: &str) {
        self.bar.println(line);
    }

    fn state(&mut self, snapshot: &Snapshot, _now: Instant) {
        if let Some(run) = &snapshot.run {
            self.bar.set_position(whole(run.progress() * 1000.0));
        }
        self.bar.set_message(line::describe(snapshot));
    }

    fn end(&mut self) {
        self.bar.abandon();
    }
}

struct LinesView<W> {
    every: Duration,
    out: W,
    /// When the first run appeared.
    begun: Option<Instant>,
    last: Option<(Instant, Option<RunState>, Option<String>)>,
}

impl<W: Write> LinesView<W> {
    fn new(every: Duration, out: W) -> Self {
        Self { every, out, begun: None, last: None }
    }

    fn print(&mut self, line: &str) {
        // If standard error is closed, the run continues without progress output.
        let _ = writeln!(self.out, "{line}");
    }
}

impl<W: Write> View for LinesView<W> {
    fn event(&mut self, line: &str) {
        self.print(line);
    }

    fn state(&mut self, snapshot: &Snapshot, now: Instant) {
        let state = snapshot.run.as_ref().map(|run| run.state);
        if state.is_none() {
            // A problem that prevents the first run from starting ends the command, which reports it.
            return;
        }
        let begun = *self.begun.get_or_insert(now);
        let due = self.last.as_ref().is_none_or(|(at, shown, problem)| {
            now.duration_since(*at) >= self.every || *shown != state || *problem != snapshot.problem
        });
        // A run that has just started has no progress to show yet.
        let has_news = self.last.is_some() || now.duration_since(begun) >= self.every || has_news(snapshot);
        if due && has_news {
            self.print(&line::describe(snapshot));
            self.last = Some((now, state, snapshot.problem.clone()));
        }
    }

    fn end(&mut self) {}
}

/// Whether a line would show more than that a run has started.
fn has_news(snapshot: &Snapshot) -> bool {
    snapshot.problem.is_some()
        || snapshot.run.as_ref().is_some_and(|run| match run.state {
            RunState::Planned => false,
            RunState::Running => run.totals.handled > 0 || run.progress() > 0.0,
            _ => true,
        })
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use tokio::sync::watch;

    use super::*;
    use crate::{
        domain::Lag,
        feed::{EventKind, EventLog, RunView},
    };

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Captured {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().clone()).unwrap()
        }
    }

    async fn wait_for_output(out: &Captured, part: &str) {
        let waiting = async {
            while !out.text().contains(part) {
                time::sleep(Duration::from_millis(10)).await;
            }
        };
        time::timeout(Duration::from_secs(60), waiting).await.expect(part);
    }

    fn snapshot(state: RunState, handled: u64) -> Arc<Snapshot> {
        let mut run = RunView { state, ..RunView::default() };
        run.plan.records = 100;
        run.totals.handled = handled;
        run.totals.lag = Lag::Known(100 - handled);
        Arc::new(Snapshot { run: Some(run), ..Snapshot::default() })
    }

    #[test]
    fn lines_appear_at_intervals_and_at_each_change_of_state() {
        let out = Captured::default();
        let mut view = LinesView::new(Duration::from_secs(5), out.clone());
        let start = Instant::now();
        view.state(&Snapshot::default(), start);
        for (second, state) in
            [(0, RunState::Running), (1, RunState::Running), (6, RunState::Running), (7, RunState::Paused)]
        {
            view.state(&snapshot(state, second), start + Duration::from_secs(second));
        }
        let text = out.text();
        let handled: Vec<_> = text.lines().map(|line| line.split_whitespace().take(3).collect::<Vec<_>>()).collect();
        assert_eq!(handled, [["running", "1", "%"], ["running", "6", "%"], ["paused", "7", "%"]]);
    }

    #[test]
    fn a_run_without_progress_prints_a_line_after_the_interval() {
        let out = Captured::default();
        let mut view = LinesView::new(Duration::from_secs(5), out.clone());
        let start = Instant::now();
        for (second, state) in [(0, RunState::Planned), (1, RunState::Running), (4, RunState::Running)] {
            view.state(&snapshot(state, 0), start + Duration::from_secs(second));
        }
        assert_eq!(out.text(), "");
        view.state(&snapshot(RunState::Running, 0), start + Duration::from_secs(5));
        assert!(out.text().starts_with("running    0 %"), "{}", out.text());
    }

    #[tokio::test]
    async fn it_ends_with_the_run_and_prints_the_last_events() {
        let (sender, snapshots) = watch::channel(snapshot(RunState::Running, 1));
        let events = EventLog::default();
        let out = Captured::default();
        let view = LinesView::new(Duration::from_secs(3600), out.clone());
        let following =
            tokio::spawn(drive(Feed { snapshots, events: events.clone(), groups: None, alerts: None }, view));
        events.push(EventKind::Warning { text: "broker\u{1b}[31m gone".into() });
        sender.send(snapshot(RunState::Done, 100)).unwrap();
        time::timeout(Duration::from_secs(60), following).await.unwrap().unwrap();
        let text = out.text();
        assert!(text.contains("Z warning: broker\\u{1b}[31m gone\n"), "{text}");
        assert!(text.trim_end().lines().last().unwrap().starts_with("done"), "{text}");
    }

    #[tokio::test]
    async fn it_ends_with_the_session_and_prints_events_without_snapshots() {
        let (sender, snapshots) = watch::channel(snapshot(RunState::Running, 1));
        let events = EventLog::default();
        let out = Captured::default();
        let view = LinesView::new(Duration::from_secs(3600), out.clone());
        let following =
            tokio::spawn(drive(Feed { snapshots, events: events.clone(), groups: None, alerts: None }, view));
        wait_for_output(&out, "running").await;
        events.push(EventKind::Paused);
        wait_for_output(&out, "Z paused").await;
        drop(sender);
        time::timeout(Duration::from_secs(60), following).await.unwrap().unwrap();
    }
}
