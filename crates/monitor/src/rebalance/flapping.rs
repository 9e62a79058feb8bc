//! Groups that rebalance too often, and the member that causes it.

use std::collections::BTreeMap;

use kreplay_model::watch::RebalanceEntry;

/// Rebalances within [`FLAPPING_WINDOW_MS`] from which on a group is flapping.
pub const FLAPPING_COUNT: u32 = 3;

/// The time in which rebalances are counted, in milliseconds: 10 minutes.
pub const FLAPPING_WINDOW_MS: i64 = 600_000;

/// The member that joined and left most often in the window, if there were too many rebalances; an empty name if none
/// did.
pub(super) fn flapping<'a>(
    history: impl Iterator<Item = &'a RebalanceEntry>,
    now_ms: i64,
    count: u32,
    window_ms: i64,
) -> Option<String> {
    let recent: Vec<&RebalanceEntry> =
        history.filter(|entry| now_ms - entry.began_at.timestamp_millis() <= window_ms).collect();
    if recent.iter().map(|entry| entry.epochs).sum::<u32>() < count {
        return None;
    }
    let mut changes: BTreeMap<&str, u32> = BTreeMap::new();
    for name in recent.iter().flat_map(|entry| entry.joined.iter().chain(&entry.left)) {
        *changes.entry(name).or_default() += 1;
    }
    let most = changes.into_iter().reduce(|most, next| if next.1 > most.1 { next } else { most });
    Some(most.map(|(name, _)| name.to_owned()).unwrap_or_default())
}
