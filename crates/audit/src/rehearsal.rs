//! Distributes the records that are read over another number of partitions, or by another key.

use kreplay_model::{
    audit::{Bounds, Partitioner, PartitionerAudit, PartitionerVerdict, Rehearsal},
    domain::{HeavyHitters, hash_key},
};

use crate::{key_hashes::KeyHashes, statistics::unevenness};

/// The number of keys that are counted to find the one with the most records.
const TRACKED_KEYS: usize = 1024;

/// Another number of partitions, or another key, to rehearse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RehearsalPlan {
    /// The number of partitions; `None` for the present number.
    pub partitions: Option<i32>,
    /// The key template, as text; `None` for the records' own keys.
    pub key_template: Option<String>,
}

/// The loads under every partitioner, because the topic's own is known only at the end.
#[derive(Clone, Debug)]
pub struct RehearsalLoads {
    partitions: i32,
    /// By partitioner, in the order of [`Partitioner::OF_KEYS`].
    loads: Vec<Vec<u64>>,
    moved: Vec<u64>,
    keyed: u64,
    keyless: u64,
    heavy: HeavyHitters,
}

impl RehearsalLoads {
    pub fn new(partitions: i32) -> Self {
        let count = usize::try_from(partitions).unwrap_or_default();
        Self {
            partitions,
            loads: vec![vec![0; count]; Partitioner::OF_KEYS.len()],
            moved: vec![0; Partitioner::OF_KEYS.len()],
            keyed: 0,
            keyless: 0,
            heavy: HeavyHitters::new(TRACKED_KEYS),
        }
    }

    /// Adds a record with the key of the rehearsal, if it has one.
    pub fn add(&mut self, key: Option<&[u8]>, partition: i32) {
        let Some(key) = key.filter(|key| !key.is_empty()) else {
            self.keyless += 1;
            return;
        };
        self.keyed += 1;
        self.heavy.add(hash_key(key), key);
        let hashes = KeyHashes::of(key);
        for ((partitioner, loads), moved) in Partitioner::OF_KEYS.into_iter().zip(&mut self.loads).zip(&mut self.moved)
        {
            let Some(place) = hashes.partition(partitioner, self.partitions) else { continue };
            if let Some(load) = usize::try_from(place).ok().and_then(|at| loads.get_mut(at)) {
                *load += 1;
            }
            *moved += u64::from(place != partition);
        }
    }

    /// The result under the partitioner that was found, or under Java's if none was.
    #[allow(clippy::cast_precision_loss, reason = "shares and ratios")]
    pub fn result(&self, found: &PartitionerAudit, key_template: Option<&str>) -> Rehearsal {
        let is_known = matches!(found.verdict, PartitionerVerdict::Known | PartitionerVerdict::Mixed);
        let known = found.best.filter(|_| is_known).map(|best| best.partitioner);
        let at = known.and_then(|known| Partitioner::OF_KEYS.iter().position(|one| *one == known));
        let index = at.unwrap_or_default();
        let partitioner = Partitioner::OF_KEYS.get(index).copied().unwrap_or(Partitioner::Murmur2);
        let loads = self.loads.get(index).cloned().unwrap_or_default();
        let moved = self.moved.get(index).copied().unwrap_or_default();
        let heaviest = self
            .heavy
            .top(1)
            .first()
            .map_or_else(Bounds::default, |key| Bounds { low: key.count - key.error, high: key.count });
        let speed_up = |heaviest: u64| self.keyed as f64 / heaviest.max(1) as f64;
        Rehearsal {
            key_template: key_template.map(str::to_owned),
            partitions: self.partitions,
            partitioner,
            assumed: at.is_none(),
            keyless: self.keyless,
            unevenness: unevenness(loads.iter().copied()),
            moved: moved as f64 / self.keyed.max(1) as f64,
            heaviest_key: heaviest,
            speed_up_by_partition: speed_up(loads.iter().copied().max().unwrap_or_default()),
            speed_up_by_key: speed_up(heaviest.high),
            loads,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn loads_equal_those_of_records_that_are_placed_one_by_one(
            keys in prop::collection::vec(0_u32..50, 1..300), partitions in 1_i32..20,
        ) {
            let mut rehearsal = RehearsalLoads::new(partitions);
            let mut exact = vec![0_u64; usize::try_from(partitions).unwrap()];
            for key in &keys {
                let key = format!("key-{key}");
                let place = KeyHashes::of(key.as_bytes()).partition(Partitioner::Murmur2, partitions).unwrap();
                exact[usize::try_from(place).unwrap()] += 1;
                rehearsal.add(Some(key.as_bytes()), place);
            }
            rehearsal.add(None, 0);
            rehearsal.add(Some(b""), 0);
            let result = rehearsal.result(&PartitionerAudit::default(), Some("{key}"));
            prop_assert_eq!((&result.loads, result.keyless, result.moved), (&exact, 2, 0.0));
            prop_assert!(result.assumed && result.partitioner == Partitioner::Murmur2);
            let heaviest = keys.iter().map(|key| keys.iter().filter(|one| *one == key).count()).max().unwrap();
            prop_assert_eq!(result.heaviest_key, Bounds::exact(heaviest as u64));
        }
    }
}
