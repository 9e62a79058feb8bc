//! Selects dead letters.

use std::str::FromStr;

use kreplay_model::domain::{Glob, PartitionId, Record, TopicPartition};

use super::DeadLetter;

/// A position in a dead-letter topic: `OFFSET`, or `PARTITION:OFFSET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LetterPosition {
    /// The partition; `None` means any partition.
    pub partition: Option<PartitionId>,
    /// The offset.
    pub offset: i64,
}

impl FromStr for LetterPosition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || format!("`{text}` is not a position; use OFFSET or PARTITION:OFFSET");
        let (partition, offset) = match text.split_once(':') {
            Some((partition, offset)) => {
                (Some(PartitionId(partition.parse::<u16>().map_err(|_| invalid())?.into())), offset)
            }
            None => (None, text),
        };
        let offset = offset.parse().ok().filter(|offset| *offset >= 0).ok_or_else(invalid)?;
        Ok(Self { partition, offset })
    }
}

/// Selects the dead letters that meet every condition given.
#[derive(Clone, Debug, Default)]
pub struct LetterFilter {
    /// The letter is at one of these positions of its dead-letter topic.
    pub positions: Vec<LetterPosition>,
    /// The key matches one of these patterns.
    pub keys: Vec<Glob>,
    /// The error contains this text.
    pub error: Option<String>,
}

impl LetterFilter {
    /// Whether a letter is selected.
    #[must_use]
    pub fn matches(&self, id: &TopicPartition, record: &Record, letter: &DeadLetter) -> bool {
        let at = |position: &LetterPosition| {
            position.offset == record.offset && position.partition.is_none_or(|partition| partition == id.partition)
        };
        let key = |glob: &Glob| record.key().is_some_and(|key| glob.is_match(key));
        (self.positions.is_empty() || self.positions.iter().any(at))
            && (self.keys.is_empty() || self.keys.iter().any(key))
            && self.error.as_ref().is_none_or(|part| letter.error.contains(part.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_offsets_with_or_without_a_partition() {
        assert_eq!("7".parse(), Ok(LetterPosition { partition: None, offset: 7 }));
        assert_eq!("3:7".parse(), Ok(LetterPosition { partition: Some(PartitionId(3)), offset: 7 }));
        for wrong in ["", ":", "3:", ":7", "-1", "a:1", "1:2:3"] {
            assert!(wrong.parse::<LetterPosition>().is_err(), "{wrong}");
        }
    }
}
