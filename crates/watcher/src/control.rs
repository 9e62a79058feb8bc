//! What a view asks of a watcher.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

use crate::schedule::InView;

/// What the view wishes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) in_view: InView,
    pub(crate) pinned: BTreeSet<Arc<str>>,
    pub(crate) is_paused: bool,
    /// Raised by each request to look at once.
    pub(crate) refreshes: u64,
}

/// Steers a watcher. Clones steer the same one; no call waits.
#[derive(Clone, Debug)]
pub struct WatchControl(Arc<watch::Sender<Wishes>>);

impl WatchControl {
    pub(crate) fn new() -> (Self, watch::Receiver<Wishes>) {
        let (sender, receiver) = watch::channel(Wishes::default());
        (Self(Arc::new(sender)), receiver)
    }

    /// Says which groups are in view: they are looked at in every interval, the others in turn.
    pub fn look_at(&self, in_view: InView) {
        self.0.send_if_modified(|wishes| {
            let is_new = wishes.in_view != in_view;
            wishes.in_view = in_view;
            is_new
        });
    }

    /// Says which groups are looked at every few seconds even if they are not in view.
    pub fn pin(&self, groups: BTreeSet<Arc<str>>) {
        self.0.send_modify(|wishes| wishes.pinned = groups);
    }

    /// Stops looking, or goes on.
    pub fn pause(&self, is_paused: bool) {
        self.0.send_if_modified(|wishes| std::mem::replace(&mut wishes.is_paused, is_paused) != is_paused);
    }

    /// Looks at once, without waiting for the interval.
    pub fn refresh(&self) {
        self.0.send_modify(|wishes| wishes.refreshes = wishes.refreshes.wrapping_add(1));
    }
}
