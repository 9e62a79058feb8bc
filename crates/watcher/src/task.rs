//! A watcher that looks at intervals.

use std::sync::Arc;
use std::time::Duration;

use kreplay_model::watch::{WatchLog, WatchSnapshot};
use kreplay_monitor::observer::Observation;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::control::{WatchControl, Wishes};
use crate::watcher::Watcher;

/// The shortest time between two looks, however often the view asks for one.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(250);

/// A watcher at work. It ends when this is dropped.
#[derive(Debug)]
pub struct WatchHandle {
    /// The latest snapshot.
    pub snapshots: watch::Receiver<Arc<WatchSnapshot>>,
    /// What has happened.
    pub events: WatchLog,
    /// Steers the watcher.
    pub control: WatchControl,
    task: JoinHandle<()>,
}

impl WatchHandle {
    /// Starts looking. Needs a tokio runtime.
    #[must_use]
    pub fn spawn(watcher: Watcher, first: Observation) -> Self {
        let events = WatchLog::default();
        events.extend(first.events);
        let (sender, snapshots) = watch::channel(Arc::new(first.snapshot));
        let (control, wishes) = WatchControl::new();
        let task = tokio::spawn(run(watcher, sender, events.clone(), wishes));
        Self { snapshots, events, control, task }
    }
}

impl Drop for WatchHandle {
    fn drop(&mut self) {
        // Every request can be dropped at any time, and nothing is written.
        self.task.abort();
    }
}

async fn run(
    mut watcher: Watcher,
    snapshots: watch::Sender<Arc<WatchSnapshot>>,
    events: WatchLog,
    mut wishes: watch::Receiver<Wishes>,
) {
    loop {
        let began = Instant::now();
        let now = wishes.borrow_and_update().clone();
        if !now.is_paused {
            watcher.follow(&now);
            let Observation { snapshot, events: happened, .. } = watcher.look().await;
            // Before the snapshot, so that a view that it wakes has both.
            events.extend(happened);
            snapshots.send_replace(Arc::new(snapshot));
        }
        let next = began + watcher.interval();
        tokio::select! {
            () = sleep_until(next), if !now.is_paused => {}
            changed = wishes.changed() => match changed {
                Ok(()) => sleep_until(began + SHORTEST_INTERVAL).await,
                // Nothing can steer it any more; a paused watcher would wait for ever.
                Err(_) if now.is_paused => return,
                Err(_) => sleep_until(next).await,
            },
        }
    }
}
