//! One run of a session, watched or not.

use std::time::{Duration, Instant};

use kreplay::{
    console::{
        capture::Capture,
        theme::{Theme, ThemeChoice},
    },
    domain::{Concurrency, Ordering},
    feed::{Feed, RunState, RunView},
    kafka::{GroupProtocol, KafkaConfig},
    plan::Selection,
    replay::{Session, SessionOptions, Settings},
};

use super::Outcome;

/// The shortest time between two frames of the console.
const FRAME: Duration = Duration::from_millis(34);

/// What is run.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The cluster.
    pub kafka: KafkaConfig,
    /// The topics.
    pub selection: Selection,
    /// What keeps its order.
    pub ordering: Ordering,
    /// How many workers.
    pub workers: u64,
    /// What is done with the records.
    pub handler: &'static str,
}

impl Trial {
    /// What a session needs for it.
    pub fn options(&self) -> Outcome<SessionOptions> {
        Ok(SessionOptions {
            kafka: self.kafka.clone(),
            embedded: false,
            selection: Some(self.selection.clone()),
            settings: Settings {
                concurrency: Concurrency::new(self.workers)?,
                ordering: self.ordering,
                handler: self.handler.parse()?,
                ..Settings::default()
            },
            protocol: GroupProtocol::default(),
            group_per_run: false,
            timeout: Duration::from_secs(10),
            start: true,
            one_run: true,
        })
    }

    /// Runs to the end; with `followed` a console follows it.
    pub fn run(&self, followed: bool) -> Outcome<RunView> {
        let session = Session::spawn(self.options()?)?;
        let watcher = if followed { Some(follow(session.feed.clone())?) } else { None };
        let end = session.join();
        if let Some(watcher) = watcher {
            watcher.join().map_err(|_| "the follower panicked")?;
        }
        if let Some(problem) = end.problem {
            return Err(problem.text.into());
        }
        let run = end.run.ok_or("there was no run")?;
        if run.state != RunState::Done || run.totals.handled != run.plan.records {
            return Err(format!("{} with {} of {} records", run.state, run.totals.handled, run.plan.records).into());
        }
        Ok(run)
    }
}

/// Does what a console does with the feed, and draws every frame that it may, in the size of a large terminal.
fn follow(mut feed: Feed) -> Outcome<std::thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let theme = Theme::load(&ThemeChoice::default())?;
    Ok(std::thread::Builder::new().name("follower".into()).spawn(move || {
        let mut capture = Capture::new(160, 50, None);
        runtime.block_on(async {
            let mut next = Instant::now();
            loop {
                match tokio::time::timeout_at(next.into(), feed.snapshots.changed()).await {
                    Ok(Ok(())) => {
                        let events = feed.events.since(capture.next_seq());
                        let snapshot = feed.snapshots.borrow_and_update().clone();
                        capture.take(snapshot, events);
                    }
                    Ok(Err(_)) => return,
                    Err(_) => {
                        std::hint::black_box(capture.frame(&theme));
                        next = Instant::now() + FRAME;
                    }
                }
            }
        });
    })?)
}
