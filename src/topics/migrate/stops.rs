//! The stops of a migration, kept where every machine finds them: as committed offsets of a group of the migration's own.
//!
//! Old partitions carry the stops, new ones where they ended at each stop that was passed. All are written with one commit, so
//! that they are there as a whole or not at all; the texts that stand with the offsets hold the lists.

use std::time::Duration;

use super::{cuts::Cut, error::MigrateError};
use crate::{
    domain::{Offset, TopicPartition},
    kafka::{Commit, GroupOffsets, KafkaConfig},
};

/// How many stops a migration makes at most: the texts that stand with offsets are short (`offset.metadata.max.bytes`, 4096 by
/// default).
pub const MOST_STOPS: usize = 100;

/// The stops of a migration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stops {
    /// Offsets of the old partitions, in their order.
    pub cuts: Vec<Cut>,
    /// Ends of the new partitions at each stop that was passed.
    pub ends: Vec<Vec<i64>>,
}

/// Keeps the stops of one migration.
pub struct StopLog {
    offsets: GroupOffsets,
    within: Duration,
}

impl StopLog {
    /// The stops of the migration with this id.
    ///
    /// # Errors
    /// librdkafka refuses the configuration.
    pub fn new(config: &KafkaConfig, id: &str, within: Duration) -> Result<Self, MigrateError> {
        Ok(Self { offsets: GroupOffsets::new(config, &format!("{id}-stops"))?, within })
    }

    /// What was kept; `None` where nothing was.
    ///
    /// # Errors
    /// The broker's words; texts that kreplay has not written.
    pub fn load(&self, old: &[TopicPartition], new: &[TopicPartition]) -> Result<Option<Stops>, MigrateError> {
        let all: Vec<TopicPartition> = old.iter().chain(new).cloned().collect();
        let mut rows = Vec::with_capacity(all.len());
        for committed in self.offsets.committed(&all, self.within)? {
            rows.push(match committed {
                None => None,
                Some((_, text)) => Some(decode(&text).ok_or_else(|| {
                    MigrateError::Refused(
                        "the stops of this migration cannot be read; was another version at work?".into(),
                    )
                })?),
            });
        }
        let new_rows = rows.split_off(old.len());
        if rows.iter().all(Option::is_none) {
            return Ok(None);
        }
        Ok(Some(Stops { cuts: columns(&rows), ends: columns(&new_rows) }))
    }

    /// Keeps them; they are there when it returns.
    ///
    /// # Errors
    /// The broker's words.
    pub fn save(&self, old: &[TopicPartition], new: &[TopicPartition], stops: &Stops) -> Result<(), MigrateError> {
        let rows = |ids: &[TopicPartition], columns: &[Vec<i64>]| -> Vec<Commit> {
            let row = |(at, id): (usize, &TopicPartition)| {
                let offsets: Vec<i64> = columns.iter().map(|column| column[at]).collect();
                let last = offsets.last().copied().and_then(Offset::new).unwrap_or_default();
                (id.clone(), last, encode(&offsets))
            };
            ids.iter().enumerate().map(row).collect()
        };
        let mut commits = rows(old, &stops.cuts);
        commits.extend(rows(new, &stops.ends));
        Ok(self.offsets.commit(&commits)?)
    }
}

/// The first as it is, each further one as the distance from the one before.
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

/// Rows by partition become columns by stop; a partition that has come later begins at its beginning.
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
        fn lists_read_back(offsets in prop::collection::vec(0..i64::MAX / 2, 0..8)) {
            prop_assert_eq!(decode(&encode(&offsets)), Some(offsets));
        }
    }

    #[test]
    fn rows_become_columns_and_foreign_texts_are_known() {
        assert_eq!(columns(&[Some(vec![1, 4]), None, Some(vec![2, 5])]), [vec![1, 0, 2], vec![4, 0, 5]]);
        assert_eq!((decode(""), decode("stops:x")), (None, None));
        let steps: Vec<i64> = (0..100).map(|at| at * 1_000_000_000_000).collect();
        assert!(encode(&steps).len() < 2000);
    }
}
