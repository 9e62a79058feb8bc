//! From the feed to frames.

use std::sync::Arc;

use kreplay_model::{
    feed::{Feed, Snapshot},
    recording::Frame,
    watch::WatchLog,
};
use tokio::sync::watch::Receiver;

/// Reads what a feed says, at any moment.
#[derive(Debug)]
pub struct Source {
    feed: Feed,
    group_events: Option<WatchLog>,
    next_event: u64,
    next_group_event: u64,
}

impl Source {
    /// Reads a feed and, if groups are watched, their events. Of the groups and alerts, only values that `feed` has not
    /// seen are read, because the first one may be a placeholder.
    #[must_use]
    pub fn new(mut feed: Feed, group_events: Option<WatchLog>) -> Self {
        feed.snapshots.mark_changed();
        Self { feed, group_events, next_event: 0, next_group_event: 0 }
    }

    /// Leaves out events that were recorded before: those with lower sequence numbers than these.
    #[must_use]
    pub fn from_events(self, next_event: u64, next_group_event: u64) -> Self {
        Self { next_event, next_group_event, ..self }
    }

    /// What the feed has said since the last call. Of snapshots only the latest; of events all that it still has.
    pub fn frame(&mut self, at_ms: i64) -> Frame {
        // Events are read first: a snapshot that is newer than they are is consistent, one that is older is not.
        let events = self.feed.events.since(self.next_event);
        self.next_event = events.last().map_or(self.next_event, |event| event.seq + 1);
        let group_events = self.group_events.as_ref().map(|log| log.since(self.next_group_event));
        let (group_events, next) = group_events.unwrap_or((Vec::new(), self.next_group_event));
        self.next_group_event = next;
        Frame {
            at_ms,
            // The value before the first snapshot says nothing.
            snapshot: latest(&mut self.feed.snapshots).filter(|snapshot| **snapshot != Snapshot::default()),
            events,
            groups: self.feed.groups.as_mut().and_then(latest),
            group_events,
            alerts: self.feed.alerts.as_mut().and_then(latest),
        }
    }
}

/// The latest value if it was not seen, even if there will be no others.
fn latest<T>(receiver: &mut Receiver<Arc<T>>) -> Option<Arc<T>> {
    let value = receiver.borrow_and_update();
    value.has_changed().then(|| Arc::clone(&value))
}

#[cfg(test)]
mod tests {
    use kreplay_model::{
        feed::{EventKind, EventLog},
        watch::{WatchEvent, WatchEventKind, WatchSnapshot},
    };
    use tokio::sync::watch;

    use super::*;

    #[test]
    fn a_frame_has_what_was_said_since_the_last_one() {
        let named = |problem: &str| Arc::new(Snapshot { problem: Some(problem.into()), ..Snapshot::default() });
        let (sender, snapshots) = watch::channel(Arc::new(Snapshot::default()));
        let (group_sender, groups) = watch::channel(Arc::new(WatchSnapshot::default()));
        let (events, group_events) = (EventLog::default(), WatchLog::default());
        let feed = Feed { snapshots, events: events.clone(), groups: Some(groups), alerts: None };
        let mut source = Source::new(feed, Some(group_events.clone()));
        assert_eq!(source.frame(1), Frame { at_ms: 1, ..Frame::default() }, "placeholders are not recorded");
        sender.send_replace(named("a"));
        sender.send_replace(named("b"));
        group_sender.send_replace(Arc::default());
        events.push(EventKind::Paused);
        group_events.extend([WatchEvent {
            at: chrono::DateTime::UNIX_EPOCH,
            group: "g".into(),
            kind: WatchEventKind::Appeared,
        }]);
        let frame = source.frame(2);
        assert_eq!(frame.snapshot, Some(named("b")));
        assert_eq!((frame.events.len(), frame.group_events.len(), frame.groups.is_some()), (1, 1, true));
        sender.send_replace(named("last"));
        drop(sender);
        assert_eq!(source.frame(3), Frame { at_ms: 3, snapshot: Some(named("last")), ..Frame::default() });
        assert_eq!(source.frame(4), Frame { at_ms: 4, ..Frame::default() });
    }
}
