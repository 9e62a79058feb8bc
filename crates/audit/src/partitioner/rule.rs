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
    /// The former number, and where it changed in each of the former partitions.
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
        let change = changes.iter().find(|change| change.partition == partition)?;
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
