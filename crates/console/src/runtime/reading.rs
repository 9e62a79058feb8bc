//! Reads the feed, the events of watched groups, and the moments of a recording.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_model::{feed::Feed, watch::AlertsSnapshot};
use tokio::sync::watch::Receiver;

use super::{
    Next, Runtime,
    past::{LastFrames, Moments},
};
use crate::{ConsoleError, update::Event};

/// Time of an interval in which the timeline is filled from a recording.
const LOADING_TIME: Duration = Duration::from_millis(50);

impl Runtime {
    pub(super) fn read_feed(&mut self, feed: &mut Feed) -> Result<Next, ConsoleError> {
        let after_events = self.read_events(feed)?;
        let snapshot = feed.snapshots.borrow_and_update().clone();
        self.keep(|frames| frames.add_snapshot(&snapshot));
        Ok(after_events.or(self.apply(Event::Snapshot(snapshot))?))
    }

    pub(super) fn read_events(&mut self, feed: &Feed) -> Result<Next, ConsoleError> {
        let next = self.state.latest_feed().events.next_seq();
        if feed.events.next_seq() <= next {
            return Ok(Next::Continue);
        }
        let events = feed.events.since(next);
        self.keep(|frames| frames.add_events(&events));
        self.apply(Event::Events(events))
    }

    /// Reads the alerts if they are new. They belong to a snapshot that is published with them.
    pub(super) fn read_alerts(
        &mut self,
        alerts: &mut Option<Receiver<Arc<AlertsSnapshot>>>,
    ) -> Result<Next, ConsoleError> {
        let Some(alerts) = alerts.as_mut().filter(|alerts| alerts.has_changed().unwrap_or(false)) else {
            return Ok(Next::Continue);
        };
        let snapshot = Arc::clone(&alerts.borrow_and_update());
        self.show_alerts(snapshot)
    }

    pub(super) fn show_alerts(&mut self, snapshot: Arc<AlertsSnapshot>) -> Result<Next, ConsoleError> {
        self.keep(|frames| frames.add_alerts(&snapshot));
        self.apply(Event::Alerts(snapshot))
    }

    pub(super) fn read_group_events(&mut self) -> Result<Next, ConsoleError> {
        let Some((events, next)) = self.group_events.as_ref().map(|log| log.since(self.next_group_event)) else {
            return Ok(Next::Continue);
        };
        self.next_group_event = next;
        if events.is_empty() {
            return Ok(Next::Continue);
        }
        self.keep(|frames| frames.add_group_events(&events));
        self.apply(Event::GroupEvents(events))
    }

    /// Adds moments of the recording to the timeline for a short time.
    pub(super) fn fill_timeline(&mut self) -> Result<Next, ConsoleError> {
        let began = Instant::now();
        while began.elapsed() < LOADING_TIME {
            let Moments::Recording(recording) = &mut self.past else { break };
            if recording.is_loaded() {
                break;
            }
            if let Some(frame) = recording.next_for_timeline()
                && self.apply(Event::RecordedMoment(Box::new(frame)))? == Next::Quit
            {
                return Ok(Next::Quit);
            }
        }
        Ok(Next::Continue)
    }

    /// Keeps what the feed says, so that it can be shown again.
    pub(super) fn keep(&mut self, add: impl FnOnce(&mut LastFrames)) {
        if let Some(frames) = self.past.of_feed() {
            add(frames);
        }
    }
}
