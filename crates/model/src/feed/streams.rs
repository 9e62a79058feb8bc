//! The feed as asynchronous streams.

use std::{collections::VecDeque, sync::Arc};

use futures_util::stream::{Stream, unfold};
use tokio::sync::watch;

use super::{Event, EventLog, Feed, Snapshot};

/// What is left to deliver to a reader of events.
struct Unread {
    log: EventLog,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    events: VecDeque<Event>,
    next_seq: u64,
    has_ended: bool,
}

impl Unread {
    fn fetch(&mut self) {
        self.events.extend(self.log.since(self.next_seq));
        self.next_seq = self.events.back().map_or(self.next_seq, |event| event.seq + 1);
    }
}

impl Feed {
    /// The latest snapshot, and then each new one. A slow reader misses snapshots, never the last one. Ends with the
    /// session.
    pub fn snapshot_stream(&self) -> impl Stream<Item = Arc<Snapshot>> + Send + use<> {
        let mut snapshots = self.snapshots.clone();
        snapshots.mark_changed();
        unfold(snapshots, |mut snapshots| async move {
            snapshots.changed().await.ok()?;
            let latest = Arc::clone(&snapshots.borrow_and_update());
            Some((latest, snapshots))
        })
    }

    /// All events since the session started that are still in the log, and then each new one, at the latest with the
    /// next snapshot. Ends with the session. A reader that is more than 10,000 events behind misses the oldest ones,
    /// which shows as a gap in their sequence numbers.
    pub fn event_stream(&self) -> impl Stream<Item = Event> + Send + use<> {
        let (log, snapshots) = (self.events.clone(), self.snapshots.clone());
        let unread = Unread { log, snapshots, events: VecDeque::new(), next_seq: 0, has_ended: false };
        unfold(unread, |mut unread| async move {
            loop {
                if let Some(event) = unread.events.pop_front() {
                    return Some((event, unread));
                }
                unread.fetch();
                if unread.events.is_empty() {
                    if unread.has_ended {
                        return None;
                    }
                    // The session may append its last events between the look above and its end: it is read once more.
                    unread.has_ended = unread.snapshots.changed().await.is_err();
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;
    use crate::feed::EventKind;

    fn feed() -> (watch::Sender<Arc<Snapshot>>, Feed) {
        let (sender, snapshots) = watch::channel(Arc::new(Snapshot::default()));
        (sender, Feed { snapshots, events: EventLog::default(), groups: None, alerts: None })
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn the_latest_snapshot_comes_first_and_the_last_is_not_missed() {
        let (sender, feed) = feed();
        let mut stream = Box::pin(feed.snapshot_stream());
        assert!(block_on(stream.next()).is_some(), "the one that was there before");
        let last = Arc::new(Snapshot::default());
        sender.send_replace(Arc::default());
        sender.send_replace(Arc::clone(&last));
        drop(sender);
        assert!(block_on(stream.next()).is_some_and(|snapshot| Arc::ptr_eq(&snapshot, &last)));
        assert!(block_on(stream.next()).is_none());
    }

    #[test]
    fn each_event_arrives_once_including_the_last() {
        let (sender, feed) = feed();
        feed.events.push(EventKind::Paused);
        let mut stream = Box::pin(feed.event_stream());
        assert_eq!(block_on(stream.next()).map(|event| event.seq), Some(0));
        feed.events.push(EventKind::Resumed);
        feed.events.push(EventKind::Paused);
        drop(sender);
        let rest: Vec<u64> = block_on(stream.map(|event| event.seq).collect());
        assert_eq!(rest, [1, 2]);
    }
}
