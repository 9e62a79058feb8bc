//! What the server answers from.

use std::sync::Arc;

use hyper::body::Bytes;
use kreplay_metrics::{EncodeError, Format, Observed, encode};
use kreplay_model::{
    feed::{EventLog, Snapshot},
    watch::WatchSnapshot,
};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::MetricsSettings;

/// Where the latest snapshots come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Of a session.
    pub session: Option<watch::Receiver<Arc<Snapshot>>>,
    /// The events of a session.
    pub events: Option<EventLog>,
    /// Of watched groups.
    pub groups: Option<watch::Receiver<Arc<WatchSnapshot>>>,
}

impl Sources {
    /// The latest snapshots. The channel is locked only while the reference is copied.
    pub(super) fn latest(&self) -> Observed {
        let session = self.session.as_ref().map(|snapshots| Arc::clone(&snapshots.borrow()));
        let groups = self.groups.as_ref().map(|snapshots| Arc::clone(&snapshots.borrow()));
        Observed { session, events: self.events.as_ref().map(EventLog::counts), groups }
    }
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: MetricsSettings,
    sources: Sources,
    texts: Mutex<Vec<LatestText>>,
}

/// The latest text in a format, and what it is of.
#[derive(Debug)]
struct LatestText {
    format: Format,
    observed: Observed,
    text: Bytes,
}

impl Shared {
    pub(super) fn new(settings: MetricsSettings, sources: Sources) -> Self {
        Self { settings, sources, texts: Mutex::default() }
    }

    /// The figures as text. Groups are looked at less often than they are scraped: as long as no snapshot is newer, the
    /// text is that of the scrape before.
    pub(super) fn text(&self, format: Format) -> Result<Bytes, EncodeError> {
        let observed = self.sources.latest();
        let mut texts = self.texts.lock();
        if let Some(latest) = texts.iter().find(|latest| latest.format == format && latest.observed.is_same(&observed))
        {
            return Ok(latest.text.clone());
        }
        let text = Bytes::from(encode(format, observed.clone(), &self.settings.options)?);
        texts.retain(|latest| latest.format != format);
        texts.push(LatestText { format, observed, text: text.clone() });
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::watch::GroupView;

    use super::*;

    #[test]
    fn a_text_is_kept_until_a_snapshot_is_newer() {
        let (newer, groups) = watch::channel(Arc::new(WatchSnapshot::default()));
        let shared = Shared::new(MetricsSettings::default(), Sources { groups: Some(groups), ..Sources::default() });
        let first = shared.text(Format::Prometheus).unwrap();
        let again = shared.text(Format::Prometheus).unwrap();
        assert_eq!(first.as_ptr(), again.as_ptr(), "not encoded again");
        assert_ne!(shared.text(Format::OpenMetrics).unwrap(), first);
        let one = WatchSnapshot { groups: vec![Arc::new(GroupView::listed("g"))], ..WatchSnapshot::default() };
        newer.send_replace(Arc::new(one));
        let next = shared.text(Format::Prometheus).unwrap();
        assert!(next != first && String::from_utf8_lossy(&next).contains("group=\"g\""), "{next:?}");
    }
}
