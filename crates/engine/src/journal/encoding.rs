//! The encoding of the rows of a journal: compact, each with a checksum.

use kreplay_model::domain::varint::{push, push_runs, take, take_offset, take_runs};
use serde::{Serialize, de::DeserializeOwned};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::contents::{Counters, GroupEntry, PartitionState};

const CHECKSUM_BYTES: usize = 8;

/// The kind of a row. It is part of the checksum, so that exchanged rows are detected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    Head,
    Totals,
    Partition(u32),
    Groups(u32),
    Repeats(u32),
}

impl Row {
    fn seed(self) -> u64 {
        let (kind, index) = match self {
            Self::Head => (1_u64, 0),
            Self::Totals => (2, 0),
            Self::Partition(index) => (3, index),
            Self::Groups(index) => (4, index),
            Self::Repeats(index) => (5, index),
        };
        (kind << 32) | u64::from(index)
    }

    /// Its name in errors about damage.
    pub(super) fn name(self) -> String {
        match self {
            Self::Head => "the plan".into(),
            Self::Totals => "the totals".into(),
            Self::Partition(index) => format!("the state of partition {index}"),
            Self::Groups(index) => format!("the key groups of partition {index}"),
            Self::Repeats(index) => format!("the repeated records of partition {index}"),
        }
    }
}

/// Appends the checksum.
pub(super) fn seal(row: Row, mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = xxh3_64_with_seed(&bytes, row.seed());
    bytes.extend(sum.to_le_bytes());
    bytes
}

/// The body of a sealed row; `None` if it is damaged or belongs to another row.
pub(super) fn unseal(row: Row, bytes: &[u8]) -> Option<&[u8]> {
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_BYTES)?)?;
    let sum = u64::from_le_bytes(sum.try_into().ok()?);
    (xxh3_64_with_seed(body, row.seed()) == sum).then_some(body)
}

pub(super) fn encode_json(row: Row, value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    Ok(seal(row, serde_json::to_vec(value)?))
}

pub(super) fn decode_json<T: DeserializeOwned>(row: Row, bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(unseal(row, bytes)?).ok()
}

pub(super) fn encode_partition(index: u32, state: &PartitionState) -> Vec<u8> {
    let Counters { handled, bytes, duplicates, filtered, passed_over, lost } = state.counters;
    let mut out = Vec::with_capacity(32 + state.above.len() * 3);
    push(&mut out, state.position.unsigned_abs());
    for counter in [handled, bytes, duplicates, filtered, passed_over, lost] {
        push(&mut out, counter);
    }
    out.extend(state.digest.to_le_bytes());
    push_runs(&mut out, state.position, &state.above);
    seal(Row::Partition(index), out)
}

pub(super) fn decode_partition(index: u32, bytes: &[u8]) -> Option<PartitionState> {
    let mut rest = unseal(Row::Partition(index), bytes)?;
    let position = take_offset(&mut rest)?;
    let mut next = || take(&mut rest);
    let counters = Counters {
        handled: next()?,
        bytes: next()?,
        duplicates: next()?,
        filtered: next()?,
        passed_over: next()?,
        lost: next()?,
    };
    let (digest, mut rest) = rest.split_at_checked(8)?;
    let digest = u64::from_le_bytes(digest.try_into().ok()?);
    let above = take_runs(&mut rest, position)?;
    rest.is_empty().then_some(PartitionState { position, above, counters, digest })
}

pub(super) fn encode_groups(index: u32, groups: &[GroupEntry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(groups.len() * 20 + 16);
    push(&mut out, groups.len() as u64);
    for entry in groups {
        push(&mut out, u64::from(entry.group));
        push(&mut out, entry.count);
        out.extend(entry.chain.to_le_bytes());
    }
    seal(Row::Groups(index), out)
}

pub(super) fn decode_groups(index: u32, bytes: &[u8]) -> Option<Vec<GroupEntry>> {
    let mut rest = unseal(Row::Groups(index), bytes)?;
    let count = take(&mut rest)?;
    let mut entries = Vec::with_capacity(usize::try_from(count).ok()?.min(rest.len() / 11));
    for _ in 0..count {
        let group = u32::try_from(take(&mut rest)?).ok()?;
        let count = take(&mut rest)?;
        let (chain, after) = rest.split_at_checked(8)?;
        rest = after;
        entries.push(GroupEntry { group, chain: u64::from_le_bytes(chain.try_into().ok()?), count });
    }
    rest.is_empty().then_some(entries)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn state() -> impl Strategy<Value = PartitionState> {
        (0_i64..1 << 50, prop::collection::vec((1_i64..500, 1_i64..70_000), 0..40), any::<u64>(), any::<u32>())
            .prop_map(|(position, steps, digest, count)| {
                let mut at = position;
                let above = steps
                    .into_iter()
                    .map(|(gap, length)| {
                        let run = (at + gap, at + gap + length);
                        at = run.1;
                        run
                    })
                    .collect();
                let counters = Counters { handled: count.into(), bytes: digest >> 8, ..Counters::default() };
                PartitionState { position, above, counters, digest }
            })
    }

    proptest! {
        #[test]
        fn a_partition_reads_back(state in state(), index in 0_u32..100) {
            prop_assert_eq!(decode_partition(index, &encode_partition(index, &state)), Some(state.clone()));
            prop_assert_eq!(decode_partition(index + 1, &encode_partition(index, &state)), None, "another row's");
        }

        #[test]
        fn groups_read_back(entries in prop::collection::vec((any::<u32>(), any::<u64>(), any::<u64>()), 0..50)) {
            let entries: Vec<_> = entries
                .into_iter()
                .map(|(group, chain, count)| GroupEntry { group, chain, count })
                .collect();
            prop_assert_eq!(decode_groups(3, &encode_groups(3, &entries)), Some(entries));
        }

        #[test]
        fn a_flipped_bit_is_detected(state in state(), place in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let mut bytes = encode_partition(0, &state);
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            prop_assert_eq!(decode_partition(0, &bytes), None);
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode_partition(0, &seal(Row::Partition(0), bytes.clone()));
            let _ = decode_groups(0, &seal(Row::Groups(0), bytes.clone()));
            let _ = decode_partition(0, &bytes);
        }
    }
}
