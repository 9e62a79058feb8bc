//! Partitions without an owner: those that a group has left, and those that it should own.

use std::collections::BTreeSet;
use std::sync::Arc;

/// The default of `metadata.max.age.ms`: until then, clients may not know a new partition.
pub const METADATA_AGE_MS: i64 = 300_000;

/// Metadata ages without an owner after which a partition is an orphan.
const ORPHAN_AFTER_AGES: i64 = 2;

/// A topic without a commit for this many usual commit intervals is abandoned, if others advance.
pub const ABANDONED_AFTER_INTERVALS: i64 = 10;

/// Whether a partition without owner should have one: its topic is not abandoned, and the group has been stable with
/// no owner of the partition for more than two metadata ages.
#[must_use]
pub fn is_orphan(unowned_since_ms: Option<i64>, abandoned: bool, now_ms: i64) -> bool {
    !abandoned && unowned_since_ms.is_some_and(|since| now_ms - since > METADATA_AGE_MS * ORPHAN_AFTER_AGES)
}

/// Whether a group has left the topic of a partition.
///
/// A known subscription decides. Otherwise the partition must have no owner, and the last commit to its topic must be
/// ten usual commit intervals of the group older than the last commit to any topic.
#[must_use]
pub fn has_left(
    topic: &str,
    subscription: Option<&BTreeSet<Arc<str>>>,
    has_owner: bool,
    topic_last_commit_ms: Option<i64>,
    group_last_commit_ms: Option<i64>,
    median_interval_ms: Option<i64>,
) -> bool {
    if has_owner {
        return false;
    }
    if let Some(subscription) = subscription {
        return !subscription.contains(topic);
    }
    let (Some(last), Some(group), Some(interval)) = (topic_last_commit_ms, group_last_commit_ms, median_interval_ms)
    else {
        return false;
    };
    group - last > interval.max(1).saturating_mul(ABANDONED_AFTER_INTERVALS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(names: &[&str]) -> BTreeSet<Arc<str>> {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    #[test]
    fn a_known_subscription_decides() {
        assert!(has_left("old", Some(&topics(&["new"])), false, None, None, None));
        assert!(!has_left("new", Some(&topics(&["new"])), false, Some(0), Some(1_000_000), Some(1)));
        assert!(!has_left("old", Some(&topics(&["new"])), true, None, None, None), "still assigned");
    }

    #[test]
    fn without_a_subscription_commits_decide() {
        assert!(has_left("old", None, false, Some(0), Some(50_001), Some(5_000)));
        assert!(!has_left("old", None, false, Some(0), Some(50_000), Some(5_000)));
        assert!(!has_left("old", None, false, None, Some(50_001), Some(5_000)));
        assert!(!has_left("old", None, true, Some(0), Some(50_001), Some(5_000)));
    }

    #[test]
    fn an_orphan_has_had_no_owner_for_two_metadata_ages() {
        assert!(!is_orphan(None, false, 10_000_000));
        assert!(!is_orphan(Some(0), false, 600_000));
        assert!(is_orphan(Some(0), false, 600_001));
        assert!(!is_orphan(Some(0), true, 600_001));
    }
}
