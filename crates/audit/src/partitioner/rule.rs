//! A rule that says in which partition the records of a key belong: a partitioner, and the numbers of partitions that
//! it was applied to.

use kreplay_model::audit::{ChangePoint, Growth, Partitioner};
use kreplay_model::feed::Estimate;

use crate::key_table::{FollowedKey, Place};

/// A partitioner, applied to one number of partitions or, if the number was raised, to two.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The partitioner.
    pub partitioner: Partitioner,
    /// The present number of partitions.
    pub partitions: i32,
    /// The former number, and where it changed in each of the former partitions, in their order.
    pub former: Option<(i32, Vec<ChangePoint>)>,
}

impl Rule {
    /// A rule without a change.
    pub fn plain(partitioner: Partitioner, partitions: i32) -> Self {
        Self { partitioner, partitions, former: None }
    }

    /// The same numbers with another partitioner.
    pub fn with(&self, partitioner: Partitioner) -> Self {
        Self { partitioner, ..self.clone() }
    }

    /// The former and the present partition of a key; equal without a change. `None` if the partitioner does not apply
    /// to the key.
    pub fn homes(&self, key: &FollowedKey) -> Option<(i32, i32)> {
        let present = key.hashes.partition(self.partitioner, self.partitions)?;
        let former = match &self.former {
            Some((from, _)) => key.hashes.partition(self.partitioner, *from)?,
            None => present,
        };
        Some((former, present))
    }

    /// The first offset of a partition at which the present number applies; `None` if it applies to all of its offsets,
    /// because the partition was added with the change.
    pub fn change(&self, partition: i32) -> Option<i64> {
        let (_, changes) = self.former.as_ref()?;
        // Found by its place: a topic may have thousands of partitions, and this is called for each key.
        let change = changes.get(usize::try_from(partition).ok()?)?;
        Some(match (change.after_offset, change.before_offset) {
            (Some(after), _) => after.saturating_add(1),
            // No record shows the former number.
            (None, Some(_)) => 0,
            (None, None) => i64::MAX,
        })
    }

    /// How many records of a key in one of its partitions follow the rule: the lowest and the highest number.
    pub fn explained(&self, key: &FollowedKey, place: &Place) -> (u64, u64) {
        let Some((former, present)) = self.homes(key) else { return (0, 0) };
        let records = place.edges.records;
        let is_former = place.partition == former;
        let is_present = place.partition == present;
        match (is_former, is_present) {
            (true, true) => (records, records),
            (false, false) => (0, 0),
            (true, false) => place.edges.below(self.change(place.partition).unwrap_or(0)),
            (false, true) => {
                let (low, high) = place.edges.below(self.change(place.partition).unwrap_or(0));
                (records - high, records - low)
            }
        }
    }

    /// The change as a result, without figures of keys and times.
    pub fn growth(&self) -> Option<Growth> {
        let (from, changes) = self.former.clone()?;
        let to = self.partitions;
        Some(Growth { from, to, changes, keys_in_both: Estimate::default(), first_timestamp_ms: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_former_partition_has_its_own_change_and_an_added_one_has_none() {
        let from = 5;
        let change = |partition: i32| {
            let after_offset = Some(10 * i64::from(partition));
            ChangePoint { partition, after_offset, before_offset: None }
        };
        let plain = Rule::plain(Partitioner::Murmur2, 8);
        let rule = Rule { former: Some((from, (0..from).map(change).collect())), ..plain.clone() };
        let found: Vec<Option<i64>> = (-1..=from).map(|partition| rule.change(partition)).collect();
        assert_eq!(found, [None, Some(1), Some(11), Some(21), Some(31), Some(41), None]);
        assert_eq!(plain.change(0), None);
    }
}
