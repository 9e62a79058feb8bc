//! Translates what a group has read of the old topics to start offsets in the new ones.
//!
//! Keys keep their order: the n-th record of a key in the old topics is the n-th in the new ones. A group that has read
//! r records of a key must start at or before record r of it. The lowest such offset of all keys of a new partition is
//! the start offset. Nothing is skipped, and nothing is read again if the records that the group has read come first,
//! which sync points ensure. A key in several old partitions has no order to count by: if the group has read some of
//! its records but not all, all of them count as unread, except below a sync point. The same applies to records
//! without a key in the topics that the group reads.

use std::collections::HashMap;

use xxhash_rust::xxh3::Xxh3Builder;

use super::key_digests::{KEYLESS, KeyDigests, KeyLocation};

/// The number of records of each key that a group has read.
#[derive(Clone, Debug)]
pub struct ReadCounts {
    read: HashMap<u64, u64, Xxh3Builder>,
    unread: u64,
    has_unread_keyless: bool,
}

impl Default for ReadCounts {
    fn default() -> Self {
        Self { read: HashMap::with_hasher(Xxh3Builder::new()), unread: 0, has_unread_keyless: false }
    }
}

impl ReadCounts {
    /// Adds a record of a key, read or unread.
    pub fn add(&mut self, key: u64, is_read: bool) {
        if is_read {
            *self.read.entry(key).or_default() += 1;
        } else {
            self.unread += 1;
            self.has_unread_keyless |= key == KEYLESS;
        }
    }
}

/// Determines the start offsets of a group, record by record.
pub struct OffsetTranslator {
    group: ReadCounts,
    partitions: Vec<PartitionState>,
}

#[derive(Clone, Copy, Debug)]
struct PartitionState {
    /// The offset recorded at a sync point: everything below it is read.
    floor: i64,
    /// The first unread record.
    first: Option<i64>,
    /// The number of records from there on.
    to_read: u64,
}

/// The start offsets of a group in the new topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranslatedOffsets {
    /// One offset for each new partition.
    pub offsets: Vec<i64>,
    /// The number of records that the group will read.
    pub to_read: u64,
    /// Records among `to_read` that it has already read.
    pub reread: u64,
}

impl OffsetTranslator {
    /// `floors` has one offset for each new partition, below which the group has read everything.
    #[must_use]
    pub fn new(group: ReadCounts, floors: &[i64]) -> Self {
        let partitions = floors.iter().map(|floor| PartitionState { floor: *floor, first: None, to_read: 0 }).collect();
        Self { group, partitions }
    }

    /// Adds the next record of a new partition. `index` is the number of earlier records of its key.
    pub fn add(&mut self, old: &KeyDigests, partition: u32, offset: i64, key: u64, index: u64) {
        let Some(state) = self.partitions.get_mut(partition as usize) else { return };
        if offset < state.floor {
            return;
        }
        if state.first.is_none() {
            let read = self.group.read.get(&key).copied().unwrap_or(0);
            let unread = match old.get(key) {
                // A record that is in no old topic is unread.
                None => true,
                // All topics share this id, so the count includes those of topics that the group does not read.
                Some(_) if key == KEYLESS => self.group.has_unread_keyless,
                Some(entry) if entry.location == KeyLocation::Many => read < entry.count,
                Some(_) => index >= read,
            };
            if unread {
                state.first = Some(offset);
            }
        }
        state.to_read += u64::from(state.first.is_some());
    }

    /// The start offsets. `ends` are the ends of the new partitions, where a group starts that has read everything.
    #[must_use]
    pub fn finish(self, ends: &[i64]) -> TranslatedOffsets {
        let offsets = self.partitions.iter().zip(ends).map(|(state, end)| state.first.unwrap_or(*end)).collect();
        let to_read = self.partitions.iter().map(|state| state.to_read).sum();
        let reread = u64::saturating_sub(to_read, self.group.unread);
        TranslatedOffsets { offsets, to_read, reread }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::migrate::sync_points::{GroupPositions, last_reached, plan_sync_points};

    type Old = Vec<Vec<(u64, u64)>>;
    /// A new partition: at each offset the key and content of a record, or the marker of a transaction.
    type New = Vec<Option<(u64, u64)>>;

    fn end(new: &New) -> i64 {
        i64::try_from(new.len()).unwrap()
    }

    /// Copies in steps like a migration does, in an order among partitions that `turns` determines. Returns the new
    /// partitions and their ends at each sync point. Each step is a transaction; `late` says whether its markers are
    /// written after the ends are recorded.
    fn copy(old: &Old, points: &[Vec<i64>], turns: &[usize], late: &[bool], news: usize) -> (Vec<New>, Vec<Vec<i64>>) {
        let (mut new, mut recorded_ends) = (vec![New::new(); news], Vec::new());
        let mut late = late.iter().cycle();
        let mut at = vec![0_usize; old.len()];
        let mut turns = turns.iter().cycle();
        let ends: Vec<i64> = old.iter().map(|partition| i64::try_from(partition.len()).unwrap()).collect();
        for point in points.iter().chain([&ends]) {
            let open = |at: &[usize]| {
                (0..old.len()).filter(|p| at[*p] < usize::try_from(point[*p]).unwrap()).collect::<Vec<_>>()
            };
            loop {
                let open = open(&at);
                if open.is_empty() {
                    break;
                }
                let partition = open[turns.next().unwrap() % open.len()];
                let (key, content) = old[partition][at[partition]];
                at[partition] += 1;
                new[usize::try_from(key).unwrap() % news].push(Some((key, content)));
            }
            let before: Vec<i64> = new.iter().map(end).collect();
            for one in &mut new {
                one.push(None);
            }
            let after = new.iter().map(end).collect();
            recorded_ends.push(if *late.next().unwrap() { before } else { after });
        }
        (new, recorded_ends)
    }

    fn digests(partitions: &[Vec<(u64, u64)>]) -> KeyDigests {
        let mut digests = KeyDigests::default();
        for (at, partition) in partitions.iter().enumerate() {
            for (key, content) in partition {
                digests.add(*key, *content, u32::try_from(at).unwrap()).unwrap();
            }
        }
        digests
    }

    /// The new topics are two partitions with records without a key. The group reads only the first topic.
    #[test]
    fn keyless_records_of_topics_that_a_group_does_not_read_do_not_count() {
        let old = digests(&[vec![(KEYLESS, 1), (KEYLESS, 2)], vec![(KEYLESS, 3)]]);
        let translated = |is_read: [bool; 2]| {
            let mut read_counts = ReadCounts::default();
            for one in is_read {
                read_counts.add(KEYLESS, one);
            }
            let mut translator = OffsetTranslator::new(read_counts, &[0, i64::MAX]);
            for (index, (partition, offset)) in (0..).zip([(0, 0), (1, 0), (0, 1)]) {
                translator.add(&old, partition, offset, KEYLESS, index);
            }
            translator.finish(&[2, 1])
        };
        let at = |offset, to_read, reread| TranslatedOffsets { offsets: vec![offset, 1], to_read, reread };
        assert_eq!(translated([true, true]), at(2, 0, 0), "the group has read its topic to the end");
        assert_eq!(translated([true, false]), at(0, 2, 1));
    }

    proptest! {
        /// On the new topics, a consumer of the group reads all that it had not read on the old ones, and nothing else
        /// if there is a sync point at its positions.
        #[test]
        fn nothing_is_skipped_and_with_ordered_positions_nothing_is_reread(
            keys in prop::collection::vec(prop::collection::vec(0_u64..4, 0..12), 1..4),
            spread in any::<bool>(), ordered in any::<bool>(), advanced in any::<bool>(),
            fractions in prop::collection::vec(prop::collection::vec(0_usize..13, 4), 1..4),
            turns in prop::collection::vec(0_usize..7, 1..40),
            late in prop::collection::vec(any::<bool>(), 1..4),
        ) {
            let mut number = 0;
            let old: Old = keys.iter().enumerate().map(|(p, keys)| keys.iter().map(|key| {
                number += 1;
                // Without `spread`, each old partition has different keys.
                (1 + if spread { *key } else { 4 * p as u64 + key }, number)
            }).collect()).collect();
            let mut positions_list: Vec<Vec<i64>> = fractions.iter().map(|one| {
                old.iter().zip(one).map(|(p, at)| i64::try_from((*at).min(p.len())).unwrap()).collect()
            }).collect();
            if ordered {
                for at in 1..positions_list.len() {
                    let below = positions_list[at - 1].clone();
                    positions_list[at].iter_mut().zip(below).for_each(|(one, below)| *one = (*one).max(below));
                }
            }
            let groups: Vec<GroupPositions> =
                positions_list.iter().enumerate().map(|(at, positions)| {
                    GroupPositions { group: at.to_string(), positions: positions.clone() }
                }).collect();
            let begin = vec![0; old.len()];
            // With `advanced`, the groups continued to read after the sync points were chosen.
            let known: Vec<GroupPositions> = if advanced { Vec::new() } else { groups.clone() };
            let plan = plan_sync_points(&known, &begin, 100);
            let (new, recorded_ends) = copy(&old, &plan.points, &turns, &late, 3);
            let old_digests = digests(&old);
            for group in &groups {
                let reached = last_reached(&plan.points, &group.positions);
                let floors = reached.map_or(vec![0; 3], |point| recorded_ends[point].clone());
                let mut read_counts = ReadCounts::default();
                let mut unread: BTreeMap<u64, u64> = BTreeMap::new();
                for (p, partition) in old.iter().enumerate() {
                    for (at, (key, content)) in partition.iter().enumerate() {
                        let is_read = i64::try_from(at).unwrap() < group.positions[p];
                        read_counts.add(*key, is_read);
                        if !is_read { unread.insert(*content, *key); }
                    }
                }
                let mut translator = OffsetTranslator::new(read_counts, &floors);
                let mut new_digests = KeyDigests::default();
                for (p, partition) in new.iter().enumerate() {
                    let p = u32::try_from(p).unwrap();
                    let records = partition.iter().enumerate();
                    for (offset, (key, content)) in records.filter_map(|(offset, one)| Some((offset, one.as_ref()?))) {
                        let (index, _) = new_digests.add(*key, *content, p).unwrap();
                        translator.add(&old_digests, p, i64::try_from(offset).unwrap(), *key, index);
                    }
                }
                let ends: Vec<i64> = new.iter().map(end).collect();
                let translated = translator.finish(&ends);
                let read: Vec<u64> = new.iter().zip(&translated.offsets)
                    .flat_map(|(one, from)| one[usize::try_from(*from).unwrap()..].iter().flatten().map(|(_, content)| *content)).collect();
                prop_assert!(unread.keys().all(|content| read.contains(content)), "skipped");
                prop_assert_eq!(translated.to_read, read.len() as u64);
                prop_assert_eq!(translated.reread, (read.len() - unread.len()) as u64);
                if !advanced && ordered {
                    prop_assert_eq!(translated.reread, 0);
                }
            }
        }
    }
}
