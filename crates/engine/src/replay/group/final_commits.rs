//! Which members still have positions to commit at the end of a run.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Counts a member among those with positions to commit, until it has none or has left.
pub struct UncommittedGuard {
    count: Arc<AtomicUsize>,
    is_counted: bool,
}

impl UncommittedGuard {
    /// Counts a member.
    pub fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Relaxed);
        Self { count: Arc::clone(count), is_counted: true }
    }

    /// Notes that the member has no positions left to commit.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.is_counted) {
            self.count.fetch_sub(1, Relaxed);
        }
    }

    /// Whether other members are counted.
    pub fn has_others(&self) -> bool {
        self.count.load(Relaxed) > usize::from(self.is_counted)
    }
}

impl Drop for UncommittedGuard {
    fn drop(&mut self) {
        self.clear();
    }
}
