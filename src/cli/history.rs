//! Keeps the history of a session for its report.

use std::time::Duration;

use kreplay_model::{feed::Feed, timeline::Timeline};
use tokio::{runtime::Runtime, task::JoinHandle};

/// How long to wait for the end of the feed once the session has ended.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// A task that reduces the feed of a session to a timeline.
pub(super) struct HistoryRecorder(JoinHandle<Timeline>);

impl HistoryRecorder {
    pub(super) fn start(runtime: &Runtime, feed: Feed) -> Self {
        Self(runtime.spawn(record(feed)))
    }

    /// The history up to the end of the session, which must have ended. Empty if the feed does not end.
    pub(super) fn finish(self, runtime: &Runtime) -> Timeline {
        let ended = runtime.block_on(async { tokio::time::timeout(END_TIMEOUT, self.0).await });
        ended.ok().and_then(Result::ok).unwrap_or_default()
    }
}

async fn record(mut feed: Feed) -> Timeline {
    let mut timeline = Timeline::default();
    let mut next_event = 0;
    feed.snapshots.mark_changed();
    loop {
        // The last snapshot and the last events may come with the end.
        let has_ended = feed.snapshots.changed().await.is_err();
        timeline.add_snapshot(&feed.snapshots.borrow_and_update().clone());
        for event in feed.events.since(next_event) {
            next_event = event.seq + 1;
            timeline.add_event(&event);
        }
        if has_ended {
            return timeline;
        }
    }
}
