//! The member that causes a group to rebalance too often.

use std::collections::BTreeMap;

use kreplay_model::watch::RebalanceEntry;

/// The member that joined and left most often in the rebalances that were in progress in the window; an empty name if
/// none did. One that is still in progress may have begun long before the window.
pub(super) fn most_restless<'a>(
    ended: impl IntoIterator<Item = &'a RebalanceEntry>,
    open: Option<&'a RebalanceEntry>,
    now_ms: i64,
    window_ms: i64,
) -> String {
    let recent = ended.into_iter().filter(|entry| now_ms - ended_ms(entry) <= window_ms).chain(open);
    let mut changes: BTreeMap<&str, u32> = BTreeMap::new();
    for name in recent.flat_map(|entry| entry.joined.iter().chain(&entry.left)) {
        *changes.entry(name).or_default() += 1;
    }
    let most = changes.into_iter().reduce(|most, next| if next.1 > most.1 { next } else { most });
    most.map(|(name, _)| name.to_owned()).unwrap_or_default()
}

/// When a rebalance ended; when it began, if its duration is not known.
fn ended_ms(entry: &RebalanceEntry) -> i64 {
    let duration_ms = entry.duration_ms.and_then(|duration| i64::try_from(duration).ok()).unwrap_or(0);
    entry.began_at.timestamp_millis().saturating_add(duration_ms)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn members_of_rebalances_that_reach_into_the_window_are_counted() {
        let entry = |seconds: i64, duration_s: Option<u64>, joined: &str| RebalanceEntry {
            began_at: DateTime::from_timestamp(seconds, 0).unwrap_or_default(),
            epochs: 1,
            duration_ms: duration_s.map(|duration| duration * 1_000),
            error_ms: 0,
            joined: vec![joined.to_owned()],
            left: Vec::new(),
            partitions: None,
            stood_still: Vec::new(),
        };
        let ended = [entry(0, Some(50), "a"), entry(60, None, "a"), entry(120, Some(1), "b")];
        let open = entry(10, None, "b");
        let most = |open, window_ms| most_restless(&ended, open, 150_000, window_ms);
        assert_eq!(most(None, 100_000), "a");
        assert_eq!(most(None, 99_999), "a", "with as many changes as `b`, the first name");
        assert_eq!(most(Some(&open), 99_999), "b");
        assert_eq!(most(None, 89_999), "b");
        assert_eq!(most(None, 1_000), "");
    }
}
