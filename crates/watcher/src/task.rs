//! A watcher that looks at intervals.

use std::sync::Arc;
use std::time::Duration;

use kreplay_model::watch::{WatchCommand, WatchControl, WatchLog, WatchSnapshot};
use kreplay_monitor::observer::Observation;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::control::Wishes;
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
        let (control, commands) = WatchControl::channel();
        let task = tokio::spawn(run(watcher, sender, events.clone(), commands));
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
    mut commands: mpsc::UnboundedReceiver<WatchCommand>,
) {
    let mut wishes = Wishes::default();
    loop {
        let began = Instant::now();
        if !wishes.is_paused {
            watcher.follow(&mut wishes);
            let Observation { snapshot, events: happened, .. } = watcher.look().await;
            // Before the snapshot, so that a view that it wakes has both.
            events.extend(happened);
            snapshots.send_replace(Arc::new(snapshot));
        }
        wait(&mut wishes, began + watcher.interval(), &mut commands, &snapshots).await;
        sleep_until(began + SHORTEST_INTERVAL).await;
    }
}

/// Waits until `next`, or until a command needs a look at once. A paused watcher waits for the command that resumes it.
/// The latest snapshot says whether it is paused.
async fn wait(
    wishes: &mut Wishes,
    next: Instant,
    commands: &mut mpsc::UnboundedReceiver<WatchCommand>,
    snapshots: &watch::Sender<Arc<WatchSnapshot>>,
) {
    loop {
        tokio::select! {
            () = sleep_until(next), if !wishes.is_paused => return,
            command = commands.recv() => {
                let Some(command) = command else {
                    // Nothing commands it any more.
                    wishes.is_paused = false;
                    publish_pause(wishes, snapshots);
                    return sleep_until(next).await;
                };
                let is_due = wishes.take(command);
                publish_pause(wishes, snapshots);
                if is_due && !wishes.is_paused {
                    return;
                }
            }
        }
    }
}

fn publish_pause(wishes: &Wishes, snapshots: &watch::Sender<Arc<WatchSnapshot>>) {
    snapshots.send_if_modified(|latest| WatchSnapshot::note_pause(latest, wishes.is_paused));
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn a_paused_watcher_waits_for_the_command_that_resumes_it() {
        let (control, mut commands) = WatchControl::channel();
        let (sender, _snapshots) = watch::channel(Arc::default());
        let mut wishes = Wishes::default();
        let began = Instant::now();
        control.send(WatchCommand::Pause(true));
        control.send(WatchCommand::Refresh);
        control.send(WatchCommand::Pause(false));
        wait(&mut wishes, began + LONG, &mut commands, &sender).await;
        assert!(!wishes.is_paused && wishes.refreshes && began.elapsed() < LONG);
        wait(&mut wishes, began + LONG, &mut commands, &sender).await;
        assert!(began.elapsed() >= LONG);
        drop(control);
        wishes.is_paused = true;
        wait(&mut wishes, began + 2 * LONG, &mut commands, &sender).await;
        assert!(!wishes.is_paused && began.elapsed() >= 2 * LONG);
    }

    /// A view may attach to a watch that another view has paused.
    #[tokio::test(start_paused = true)]
    async fn the_latest_snapshot_says_whether_the_watch_is_paused() {
        let (control, mut commands) = WatchControl::channel();
        let (sender, mut snapshots) = watch::channel(Arc::<WatchSnapshot>::default());
        let mut wishes = Wishes::default();
        let next = Instant::now() + LONG;
        control.send(WatchCommand::Pause(true));
        tokio::select! {
            () = wait(&mut wishes, next, &mut commands, &sender) => panic!("the watch is paused"),
            changed = snapshots.changed() => changed.unwrap(),
        }
        assert!(snapshots.borrow_and_update().paused);
        control.send(WatchCommand::Pause(true));
        control.send(WatchCommand::Pause(false));
        wait(&mut wishes, next, &mut commands, &sender).await;
        assert!(!snapshots.borrow_and_update().paused);
    }
}
