//! The brokers that have been found, and for how long they are remembered.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::types::BrokerId;

/// What was neither found again nor asked about for this time is forgotten: 10 min. Groups, transactional ids and
/// topics come and go while a client lives.
const MAX_UNUSED: Duration = Duration::from_secs(600);

/// The broker of each group, transactional id or partition.
pub(super) struct Found<K>(BTreeMap<K, Entry>);

struct Entry {
    broker: BrokerId,
    used: Instant,
}

impl<K> Default for Found<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Found<K> {
    /// The broker to ask about `key`.
    pub(super) fn get(&mut self, key: &K, now: Instant) -> Option<BrokerId> {
        let entry = self.0.get_mut(key)?;
        entry.used = now;
        Some(entry.broker)
    }

    pub(super) fn insert(&mut self, key: K, broker: BrokerId, now: Instant) {
        self.0.insert(key, Entry { broker, used: now });
    }

    pub(super) fn remove(&mut self, key: &K) {
        self.0.remove(key);
    }

    pub(super) fn forget_unused(&mut self, now: Instant) {
        self.0.retain(|_, entry| now.saturating_duration_since(entry.used) <= MAX_UNUSED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_used_any_more_is_forgotten() {
        let began = Instant::now();
        let at = |minutes: u64| began + Duration::from_secs(60 * minutes);
        let mut found = Found::default();
        for key in ["gone", "asked", "found again"] {
            found.insert(key, BrokerId(1), began);
        }
        assert_eq!(found.get(&"asked", at(9)), Some(BrokerId(1)));
        found.insert("found again", BrokerId(2), at(9));
        found.forget_unused(at(11));
        let left = ["gone", "asked", "found again"].map(|key| found.get(&key, at(11)));
        assert_eq!(left, [None, Some(BrokerId(1)), Some(BrokerId(2))]);
    }
}
