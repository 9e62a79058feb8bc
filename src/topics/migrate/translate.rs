//! From what a group has read of the old topics to where it begins in the new ones.
//!
//! A key keeps its order, so the n-th record of a key in the old topics is the n-th in the new ones. A group that has read r
//! records of a key begins, in the new partition of that key, at or before record r of it. The lowest such place of all keys is the
//! offset: nothing is skipped, and nothing is read again where the records that it has read stand first, which is what the stops of
//! a migration see to. A key that stands in several old partitions has no order to count by: if the group has read some of it but not
//! all, only a noted stop helps, and without one all of its records count as unread.

use std::collections::HashMap;

use xxhash_rust::xxh3::Xxh3Builder;

use super::ledger::{Home, Ledger};

/// How much a group has read of the old topics, key by key.
#[derive(Clone, Debug)]
pub struct Readership {
    read: HashMap<u64, u64, Xxh3Builder>,
    unread: u64,
}

impl Default for Readership {
    fn default() -> Self {
        Self { read: HashMap::with_hasher(Xxh3Builder::new()), unread: 0 }
    }
}

impl Readership {
    /// One more record of a key, which the group has read or not.
    pub fn add(&mut self, key: u64, is_read: bool) {
        if is_read {
            *self.read.entry(key).or_default() += 1;
        } else {
            self.unread += 1;
        }
    }
}

/// Finds where a group begins in the new topics, record by record.
pub struct Translator {
    group: Readership,
    places: Vec<Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    /// A noted stop: all below it is read.
    floor: i64,
    /// The first record that counts as unread.
    first: Option<i64>,
    /// Records from there on.
    behind: u64,
}

/// Where a group begins in the new topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translated {
    /// One offset for each new partition.
    pub offsets: Vec<i64>,
    /// Records that it will read.
    pub to_read: u64,
    /// Those of them that it had read already.
    pub again: u64,
}

impl Translator {
    /// `floors` has one offset for each new partition, below which the group has read everything.
    #[must_use]
    pub fn new(group: Readership, floors: &[i64]) -> Self {
        let places = floors.iter().map(|floor| Place { floor: *floor, first: None, behind: 0 }).collect();
        Self { group, places }
    }

    /// The next record of a new partition; `index` says which record of its key it is, from 0 on.
    pub fn add(&mut self, old: &Ledger, partition: u32, offset: i64, key: u64, index: u64) {
        let Some(place) = self.places.get_mut(partition as usize) else { return };
        if offset < place.floor {
            return;
        }
        if place.first.is_none() {
            let read = self.group.read.get(&key).copied().unwrap_or(0);
            let unread = match old.get(key) {
                // Nobody has read what stands in no old topic.
                None => true,
                Some(entry) if entry.home == Home::Many => read < entry.count,
                Some(_) => index >= read,
            };
            if unread {
                place.first = Some(offset);
            }
        }
        place.behind += u64::from(place.first.is_some());
    }

    /// Where it begins: `ends` are the ends of the new partitions, where a group begins that has read all.
    #[must_use]
    pub fn finish(self, ends: &[i64]) -> Translated {
        let offsets = self.places.iter().zip(ends).map(|(place, end)| place.first.unwrap_or(*end)).collect();
        let to_read = self.places.iter().map(|place| place.behind).sum();
        let again = u64::saturating_sub(to_read, self.group.unread);
        Translated { offsets, to_read, again }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::topics::migrate::cuts::{GroupCut, last_within, passage};

    type Old = Vec<Vec<(u64, u64)>>;

    /// Copies by phases as a migration does, in an order among partitions that `turns` decides. Returns the new partitions with
    /// key and content, and the ends at each stop.
    #[allow(clippy::type_complexity, reason = "what it stands for is said above")]
    fn copy(old: &Old, stops: &[Vec<i64>], turns: &[usize], news: usize) -> (Vec<Vec<(u64, u64)>>, Vec<Vec<i64>>) {
        let (mut new, mut notes) = (vec![Vec::new(); news], Vec::new());
        let mut at = vec![0_usize; old.len()];
        let mut turns = turns.iter().cycle();
        let ends: Vec<i64> = old.iter().map(|partition| i64::try_from(partition.len()).unwrap()).collect();
        for stop in stops.iter().chain([&ends]) {
            let open = |at: &[usize]| {
                (0..old.len()).filter(|p| at[*p] < usize::try_from(stop[*p]).unwrap()).collect::<Vec<_>>()
            };
            loop {
                let open = open(&at);
                if open.is_empty() {
                    break;
                }
                let partition = open[turns.next().unwrap() % open.len()];
                let (key, content) = old[partition][at[partition]];
                at[partition] += 1;
                new[usize::try_from(key).unwrap() % news].push((key, content));
            }
            notes.push(new.iter().map(|one: &Vec<_>| i64::try_from(one.len()).unwrap()).collect());
        }
        (new, notes)
    }

    fn ledger(partitions: &[Vec<(u64, u64)>]) -> Ledger {
        let mut ledger = Ledger::default();
        for (at, partition) in partitions.iter().enumerate() {
            for (key, content) in partition {
                ledger.add(*key, *content, u32::try_from(at).unwrap()).unwrap();
            }
        }
        ledger
    }

    proptest! {
        /// A consumer of the group on the new topics reads what it had not read on the old: all of it, and exactly that where a
        /// stop was made at its cut.
        #[test]
        fn nothing_is_skipped_and_with_ordered_cuts_nothing_is_read_again(
            keys in prop::collection::vec(prop::collection::vec(0_u64..4, 0..12), 1..4),
            spread in any::<bool>(), ordered in any::<bool>(), late in any::<bool>(),
            fractions in prop::collection::vec(prop::collection::vec(0_usize..13, 4), 1..4),
            turns in prop::collection::vec(0_usize..7, 1..40),
        ) {
            let mut number = 0;
            let old: Old = keys.iter().enumerate().map(|(p, keys)| keys.iter().map(|key| {
                number += 1;
                // Without spread, each old partition has keys of its own.
                (1 + if spread { *key } else { 4 * p as u64 + key }, number)
            }).collect()).collect();
            let mut cuts: Vec<Vec<i64>> = fractions.iter().map(|one| {
                old.iter().zip(one).map(|(p, at)| i64::try_from((*at).min(p.len())).unwrap()).collect()
            }).collect();
            if ordered {
                for at in 1..cuts.len() {
                    let below = cuts[at - 1].clone();
                    cuts[at].iter_mut().zip(below).for_each(|(one, below)| *one = (*one).max(below));
                }
            }
            let groups: Vec<GroupCut> =
                cuts.iter().enumerate().map(|(at, cut)| GroupCut { group: at.to_string(), cut: cut.clone() }).collect();
            let begin = vec![0; old.len()];
            // Late: the groups went on reading after the stops were chosen.
            let known: Vec<GroupCut> = if late { Vec::new() } else { groups.clone() };
            let passage = passage(&known, &begin, 100);
            let (new, notes) = copy(&old, &passage.stops, &turns, 3);
            let was = ledger(&old);
            for group in &groups {
                let floors = last_within(&passage.stops, &group.cut).map_or(vec![0; 3], |stop| notes[stop].clone());
                let mut readership = Readership::default();
                let mut unread: BTreeMap<u64, u64> = BTreeMap::new();
                for (p, partition) in old.iter().enumerate() {
                    for (at, (key, content)) in partition.iter().enumerate() {
                        let is_read = i64::try_from(at).unwrap() < group.cut[p];
                        readership.add(*key, is_read);
                        if !is_read { unread.insert(*content, *key); }
                    }
                }
                let mut translator = Translator::new(readership, &floors);
                let mut is = Ledger::default();
                for (p, partition) in new.iter().enumerate() {
                    let p = u32::try_from(p).unwrap();
                    for (offset, (key, content)) in partition.iter().enumerate() {
                        let (index, _) = is.add(*key, *content, p).unwrap();
                        translator.add(&was, p, i64::try_from(offset).unwrap(), *key, index);
                    }
                }
                let ends: Vec<i64> = new.iter().map(|one| i64::try_from(one.len()).unwrap()).collect();
                let translated = translator.finish(&ends);
                let read: Vec<u64> = new.iter().zip(&translated.offsets)
                    .flat_map(|(one, from)| one[usize::try_from(*from).unwrap()..].iter().map(|(_, content)| *content)).collect();
                prop_assert!(unread.keys().all(|content| read.contains(content)), "skipped");
                prop_assert_eq!(translated.to_read, read.len() as u64);
                prop_assert_eq!(translated.again, (read.len() - unread.len()) as u64);
                if !late && ordered {
                    prop_assert_eq!(translated.again, 0);
                }
            }
        }
    }
}
