//! What happened to partitions between two assignments.

use std::collections::BTreeMap;
use std::sync::Arc;

use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::MovedPartitions;

use crate::look::Description;

/// The owner of each partition; `None` if an assignment is not known.
pub(super) fn owners(group: &Description) -> Option<BTreeMap<TopicPartition, Arc<str>>> {
    let mut owners = BTreeMap::new();
    for member in &group.members {
        for partition in member.assigned.as_ref()? {
            owners.insert(partition.clone(), member.identity().clone());
        }
    }
    Some(owners)
}

/// Counts the partitions with another owner, with the same owner, and those that had an owner and have none. Partitions
/// that had no owner before count as moved.
#[must_use]
pub fn moved(
    before: &BTreeMap<TopicPartition, Arc<str>>,
    after: &BTreeMap<TopicPartition, Arc<str>>,
) -> MovedPartitions {
    let mut counts = MovedPartitions::default();
    for (partition, owner) in after {
        if before.get(partition) == Some(owner) {
            counts.kept += 1;
        } else {
            counts.moved += 1;
        }
    }
    counts.without_owner = before.keys().filter(|partition| !after.contains_key(*partition)).map(|_| 1).sum();
    counts
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        clippy::float_cmp,
        reason = "small numbers in tests"
    )]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_partition_counts_once(before in proptest::collection::btree_map(0..9_i32, 0..3_u8, 0..9), after in proptest::collection::btree_map(0..9_i32, 0..3_u8, 0..9)) {
            let owned = |map: &BTreeMap<i32, u8>| -> BTreeMap<TopicPartition, Arc<str>> {
                map.iter().map(|(number, owner)| (TopicPartition::new("t", *number), owner.to_string().into())).collect()
            };
            let counts = moved(&owned(&before), &owned(&after));
            let kept = (0..9).filter(|number| before.contains_key(number) && before.get(number) == after.get(number)).count();
            prop_assert_eq!(counts.kept, kept as u64);
            prop_assert_eq!(counts.kept + counts.moved, after.len() as u64);
            prop_assert_eq!(counts.without_owner, (0..9).filter(|number| before.contains_key(number) && !after.contains_key(number)).count() as u64);
        }
    }
}
