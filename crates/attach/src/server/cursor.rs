//! How far a client has read.

use std::sync::Arc;

use chrono::Utc;
use kreplay_model::{recording::Frame, watch::AlertsSnapshot};
use tokio::sync::watch::Receiver;

use super::Source;

/// How far a client has read a source. A client that is behind gets the latest snapshots, and all events that are still
/// in the logs.
#[derive(Debug)]
pub(super) struct Cursor {
    source: Source,
    next_event: u64,
    next_group_event: u64,
}

impl Cursor {
    /// Begins with the latest snapshots and the first event.
    pub(super) fn new(source: Source) -> Self {
        Self { source, next_event: 0, next_group_event: 0 }
    }

    /// The latest snapshots, and the events since the frame before.
    pub(super) fn frame(&mut self) -> Frame {
        let mut frame = Frame { at_ms: Utc::now().timestamp_millis(), ..Frame::default() };
        if let Some(session) = &mut self.source.session {
            frame.snapshot = Some(latest(&mut session.snapshots));
            frame.events = session.events.since(self.next_event);
            self.next_event = frame.events.last().map_or(self.next_event, |event| event.seq + 1);
        }
        if let Some(groups) = &mut self.source.groups {
            frame.groups = Some(latest(&mut groups.snapshots));
            (frame.group_events, self.next_group_event) = groups.events.since(self.next_group_event);
        }
        frame.alerts = match self.source.alerts() {
            [None, None] => None,
            [Some(one), None] | [None, Some(one)] => Some(latest(one)),
            [Some(runs), Some(groups)] => {
                let both = [latest(runs), latest(groups)];
                Some(Arc::new(AlertsSnapshot::of(both.iter().flat_map(|alerts| alerts.alerts.iter().cloned()))))
            }
        };
        frame
    }

    /// Waits for a change; returns false if the source has ended.
    pub(super) async fn changed(&mut self) -> bool {
        let (session, alerts_of_runs) = match &mut self.source.session {
            Some(session) => (Some(&mut session.snapshots), session.alerts.as_mut()),
            None => (None, None),
        };
        let (groups, alerts) = match &mut self.source.groups {
            Some(groups) => (Some(&mut groups.snapshots), groups.alerts.as_mut()),
            None => (None, None),
        };
        tokio::select! {
            is_open = changed(session) => is_open,
            is_open = changed(groups) => is_open,
            is_open = changed(alerts) => is_open,
            is_open = changed(alerts_of_runs) => is_open,
        }
    }
}

fn latest<T>(values: &mut Receiver<Arc<T>>) -> Arc<T> {
    Arc::clone(&values.borrow_and_update())
}

/// Waits forever if there is nothing to wait for.
async fn changed<T>(values: Option<&mut Receiver<T>>) -> bool {
    match values {
        Some(values) => values.changed().await.is_ok(),
        None => std::future::pending().await,
    }
}
