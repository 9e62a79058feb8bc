//! Groups that rebalance too often, and the member that causes it.

use std::collections::BTreeMap;

use kreplay_model::watch::RebalanceEntry;

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

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn count_and_window_decide() {
        let entry = |seconds: i64| RebalanceEntry {
            began_at: DateTime::from_timestamp(seconds, 0).unwrap_or_default(),
            epochs: 1,
            duration_ms: None,
            error_ms: 0,
            joined: vec!["a".to_owned()],
            left: Vec::new(),
            partitions: None,
            stood_still: Vec::new(),
        };
        let history = [entry(0), entry(60), entry(120)];
        let is_flapping = |count, window_ms| flapping(history.iter(), 120_000, count, window_ms);
        assert_eq!(is_flapping(3, 120_000).as_deref(), Some("a"));
        assert_eq!(is_flapping(4, 120_000), None);
        assert_eq!(is_flapping(3, 119_999), None);
        assert_eq!(is_flapping(2, 119_999).as_deref(), Some("a"));
    }
}
