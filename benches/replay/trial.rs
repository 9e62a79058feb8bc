//! One run of a session, with or without a console that follows it.

use std::time::{Duration, Instant};

use kreplay::{
    console::{
        capture::Capture,
        theme::{Theme, ThemeChoice},
    },
    domain::{Concurrency, Ordering},
    feed::{Feed, RunState, RunView},
    handler::built_in,
    kafka::{GroupProtocol, KafkaConfig},
    plan::Selection,
    replay::{Session, SessionOptions},
    settings::Settings,
};

use super::Outcome;

/// The minimum time between two frames of the console.
const MIN_FRAME_INTERVAL: Duration = Duration::from_millis(34);

/// A run to measure.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The cluster.
    pub kafka: KafkaConfig,
    /// The topics.
    pub selection: Selection,
    /// The ordering.
    pub ordering: Ordering,
    /// The number of workers.
    pub workers: u64,
    /// The handler.
    pub handler: &'static str,
}

impl Trial {
    /// The options of the session.
    pub fn options(&self) -> Outcome<SessionOptions> {
        Ok(SessionOptions {
            kafka: self.kafka.clone(),
            embedded: false,
            selection: Some(self.selection.clone()),
            scope: self.selection.scope.clone(),
            settings: Settings {
                concurrency: Concurrency::new(self.workers)?,
                ordering: self.ordering,
                handler: built_in(self.handler)?,
                ..Settings::default()
            },
            protocol: GroupProtocol::default(),
            group_per_run: false,
            timeout: Duration::from_secs(10),
            start: true,
            one_run: true,
            journal: None,
        })
    }

    /// Runs to the end.
    pub fn run(&self) -> Outcome<RunView> {
        Ok(self.run_with(false)?.0)
    }

    /// Runs to the end while a console follows. Also returns the console's processor time, in seconds.
    pub fn run_followed(&self) -> Outcome<(RunView, f64)> {
        self.run_with(true)
    }

    fn run_with(&self, followed: bool) -> Outcome<(RunView, f64)> {
        let session = Session::spawn(self.options()?)?;
        let watcher = if followed { Some(follow(session.feed.clone())?) } else { None };
        let end = session.join();
        let cpu_s = match watcher {
            Some(watcher) => watcher.join().map_err(|_| "the follower panicked")?,
            None => 0.0,
        };
        if let Some(problem) = end.problem {
            return Err(problem.text.into());
        }
        let run = end.run.ok_or("there was no run")?;
        if run.state != RunState::Done || run.totals.handled != run.plan.records {
            return Err(format!("{} with {} of {} records", run.state, run.totals.handled, run.plan.records).into());
        }
        Ok((run, cpu_s))
    }
}

/// Does what a console does with the feed, at the size of a large terminal. The thread returns its processor time.
fn follow(mut feed: Feed) -> Outcome<std::thread::JoinHandle<f64>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let theme = Theme::load(&ThemeChoice::default())?;
    Ok(std::thread::Builder::new().name("follower".into()).spawn(move || {
        let mut capture = Capture::new(160, 50, None);
        let mut drawn: Option<Instant> = None;
        runtime.block_on(async {
            while feed.snapshots.changed().await.is_ok() {
                let events = feed.events.since(capture.next_seq());
                let snapshot = feed.snapshots.borrow_and_update().clone();
                capture.take(snapshot, events);
                if drawn.is_none_or(|then| then.elapsed() >= MIN_FRAME_INTERVAL) {
                    drawn = Some(Instant::now());
                    std::hint::black_box(capture.frame(&theme));
                }
            }
        });
        thread_cpu_s().unwrap_or(f64::NAN)
    })?)
}

/// The calling thread's processor time, from `/proc/thread-self/schedstat` (nanoseconds in its first field).
fn thread_cpu_s() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e9)
}
