//! Stores the sync points of a migration as committed offsets of a group, so that any machine can continue it.
//!
//! The metadata of old partitions lists their offsets at the sync points; that of new partitions lists their ends at
//! the sync points that were reached. All are written with one commit, so they are stored completely or not at all.

use std::time::Duration;

use kreplay_kafka::{Commit, GroupOffsets, KafkaConfig};
use kreplay_model::domain::{Offset, TopicPartition};

use super::{
    error::MigrateError,
    sync_points::{Positions, last_reached},
};

/// The maximum number of sync points. It is limited because commit metadata is short (`offset.metadata.max.bytes`, 4096
/// by default).
pub const MAX_SYNC_POINTS: usize = 100;

/// The sync points of a migration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncPoints {
    /// The offsets of the old partitions at each sync point.
    pub points: Vec<Positions>,
    /// The ends of the new partitions at each sync point that was reached.
    pub ends: Vec<Vec<i64>>,
}

impl SyncPoints {
    /// The offsets of the new partitions below which a group with these positions in the old partitions has read
    /// everything: their ends at the last sync point that the group has passed. `None` if it has passed none, or only
    /// sync points that the migration has not reached.
    #[must_use]
    pub fn ends_passed(&self, positions: &[i64]) -> Option<&[i64]> {
        let reached = &self.points[..self.ends.len().min(self.points.len())];
        self.ends.get(last_reached(reached, positions)?).map(Vec::as_slice)
    }

    /// Adds the ends of the new partitions at a sync point that was passed before they were recorded. They are not
    /// known, so those of the sync point before it count: a group that has passed this one has passed that one, too.
    pub fn add_unknown_ends(&mut self, new_partitions: usize) {
        let before = self.ends.last().cloned().unwrap_or_else(|| vec![0; new_partitions]);
        self.ends.push(before);
    }
}

/// Stores the sync points of one migration.
pub struct SyncPointLog {
    offsets: GroupOffsets,
    timeout: Duration,
}

impl SyncPointLog {
    /// Opens the log of the migration with this id.
    ///
    /// # Errors
    /// librdkafka rejects the configuration.
    pub fn new(config: &KafkaConfig, id: &str, timeout: Duration) -> Result<Self, MigrateError> {
        // The suffix is part of the stored format, like the prefix `stops:` of the metadata.
        Ok(Self { offsets: GroupOffsets::new(config, &format!("{id}-stops"))?, timeout })
    }

    /// The stored sync points; `None` if there are none.
    ///
    /// # Errors
    /// The offsets cannot be read, or their metadata was not written by kreplay.
    pub fn load(&self, old: &[TopicPartition], new: &[TopicPartition]) -> Result<Option<SyncPoints>, MigrateError> {
        let all: Vec<TopicPartition> = old.iter().chain(new).cloned().collect();
        let mut rows = Vec::with_capacity(all.len());
        for committed in self.offsets.committed(&all, self.timeout)? {
            rows.push(match committed {
                None => None,
                Some((_, text)) => Some(decode(&text).ok_or_else(|| {
                    MigrateError::Refused(
                        "the sync points of this migration cannot be read; another version of kreplay may have written \
                         them"
                            .into(),
                    )
                })?),
            });
        }
        let new_rows = rows.split_off(old.len());
        if rows.iter().all(Option::is_none) {
            return Ok(None);
        }
        Ok(Some(SyncPoints { points: columns(&rows), ends: columns(&new_rows) }))
    }

    /// Stores the sync points durably.
    ///
    /// # Errors
    /// The commit failed.
    pub fn save(
        &self,
        old: &[TopicPartition],
        new: &[TopicPartition],
        sync_points: &SyncPoints,
    ) -> Result<(), MigrateError> {
        let rows = |ids: &[TopicPartition], columns: &[Vec<i64>]| -> Vec<Commit> {
            let row = |(at, id): (usize, &TopicPartition)| {
                let offsets: Vec<i64> = columns.iter().map(|column| column[at]).collect();
                let last = offsets.last().copied().and_then(Offset::new).unwrap_or_default();
                (id.clone(), last, encode(&offsets))
            };
            ids.iter().enumerate().map(row).collect()
        };
        let mut commits = rows(old, &sync_points.points);
        commits.extend(rows(new, &sync_points.ends));
        Ok(self.offsets.commit(&commits, self.timeout)?)
    }
}

/// The first offset, then the differences between successive offsets.
fn encode(offsets: &[i64]) -> String {
    let mut before = 0;
    let step = |offset: &i64| {
        let step = offset - before;
        before = *offset;
        step.to_string()
    };
    format!("stops:{}", offsets.iter().map(step).collect::<Vec<_>>().join(","))
}

fn decode(text: &str) -> Option<Vec<i64>> {
    let list = text.strip_prefix("stops:")?;
    let mut at = 0_i64;
    list.split(',')
        .filter(|step| !step.is_empty())
        .map(|step| {
            at = at.checked_add(step.parse().ok()?)?;
            Some(at)
        })
        .collect()
}

/// Converts rows by partition to columns by sync point. A partition that was added later starts at 0.
fn columns(rows: &[Option<Vec<i64>>]) -> Vec<Vec<i64>> {
    let count = rows.iter().flatten().map(Vec::len).max().unwrap_or(0);
    (0..count)
        .map(|at| rows.iter().map(|row| row.as_ref().and_then(|row| row.get(at)).copied().unwrap_or(0)).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn encoded_offsets_decode_again(offsets in prop::collection::vec(0..i64::MAX / 2, 0..8)) {
            prop_assert_eq!(decode(&encode(&offsets)), Some(offsets));
        }
    }

    #[test]
    fn a_group_has_read_what_was_copied_up_to_the_last_sync_point_it_has_passed() {
        let points = vec![vec![2, 3], vec![5, 5], vec![9, 9]];
        let sync_points = SyncPoints { points, ends: vec![vec![4, 1], vec![8, 2]] };
        assert_eq!(sync_points.ends_passed(&[2, 2]), None);
        assert_eq!(sync_points.ends_passed(&[2, 3]), Some(&[4, 1][..]));
        assert_eq!(sync_points.ends_passed(&[9, 4]), Some(&[4, 1][..]));
        assert_eq!(sync_points.ends_passed(&[9, 9]), Some(&[8, 2][..]), "the third was not reached");
    }

    #[test]
    fn of_a_sync_point_without_recorded_ends_a_group_has_read_what_the_one_before_it_includes() {
        let mut sync_points = SyncPoints { points: vec![vec![2], vec![5], vec![9]], ends: Vec::new() };
        sync_points.add_unknown_ends(2);
        assert_eq!(sync_points.ends_passed(&[2]), Some(&[0, 0][..]));
        sync_points.ends.push(vec![4, 1]);
        sync_points.add_unknown_ends(2);
        assert_eq!(sync_points.ends_passed(&[9]), Some(&[4, 1][..]));
    }

    #[test]
    fn rows_become_columns_and_foreign_metadata_is_rejected() {
        assert_eq!(columns(&[Some(vec![1, 4]), None, Some(vec![2, 5])]), [vec![1, 0, 2], vec![4, 0, 5]]);
        assert_eq!((decode(""), decode("stops:x")), (None, None));
        let steps: Vec<i64> = (0..100).map(|at| at * 1_000_000_000_000).collect();
        assert!(encode(&steps).len() < 2000);
    }
}
