//! Which dead letters are meant.

use std::str::FromStr;

use super::DeadLetter;
use crate::{
    domain::{PartitionId, Record, TopicPartition},
    plan::Glob,
};

/// A place in a dead-letter topic: `OFFSET`, or `PARTITION:OFFSET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The partition; any, where none was named.
    pub partition: Option<PartitionId>,
    /// The offset.
    pub offset: i64,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no place; write OFFSET or PARTITION:OFFSET");
        let (partition, offset) = match text.split_once(':') {
            Some((partition, offset)) => {
                (Some(PartitionId(partition.parse::<u16>().map_err(|_| wrong())?.into())), offset)
            }
            None => (None, text),
        };
        let offset = offset.parse().ok().filter(|offset| *offset >= 0).ok_or_else(wrong)?;
        Ok(Self { partition, offset })
    }
}

/// Which dead letters are meant: those that meet every condition that is set.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// They are at one of these places of their dead-letter topic.
    pub places: Vec<Place>,
    /// Their key matches one of these.
    pub keys: Vec<Glob>,
    /// Their error contains this.
    pub error: Option<String>,
}

impl Wanted {
    /// Whether a letter is meant.
    #[must_use]
    pub fn takes(&self, id: &TopicPartition, record: &Record, letter: &DeadLetter) -> bool {
        let at = |place: &Place| {
            place.offset == record.offset && place.partition.is_none_or(|partition| partition == id.partition)
        };
        let key = |glob: &Glob| record.key().is_some_and(|key| glob.is_match(key));
        (self.places.is_empty() || self.places.iter().any(at))
            && (self.keys.is_empty() || self.keys.iter().any(key))
            && self.error.as_ref().is_none_or(|part| letter.error.contains(part.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_offsets_with_or_without_a_partition() {
        assert_eq!("7".parse(), Ok(Place { partition: None, offset: 7 }));
        assert_eq!("3:7".parse(), Ok(Place { partition: Some(PartitionId(3)), offset: 7 }));
        for wrong in ["", ":", "3:", ":7", "-1", "a:1", "1:2:3"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }
}
