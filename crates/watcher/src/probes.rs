//! Reads where only a few offsets are left, to know whether they are records.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use kreplay_model::domain::{Offset, TopicPartition};
use kreplay_monitor::look::{Look, MarkerProbe};

/// The offsets between a committed offset and the last stable offset of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FewOffsets {
    /// The partition.
    pub partition: TopicPartition,
    /// The committed offset.
    pub committed: Offset,
    /// Where to begin: the committed offset, or the log start if that is above it.
    pub read_from: Offset,
    /// The last stable offset.
    pub end: Offset,
}

/// Counts committed records. It may wait for some seconds, and leaves out partitions that it cannot read.
type Count = dyn Fn(&[FewOffsets]) -> Vec<(TopicPartition, MarkerProbe)> + Send + Sync;

/// Counts the records where only a few offsets are left. Each place is tried once: if it cannot be read, it stays
/// unknown until an offset moves.
#[derive(Clone, Default)]
pub(crate) struct Probes {
    count: Option<Arc<Count>>,
    /// The last stable offset with which each place, a partition and a committed offset, was tried last.
    tried: BTreeMap<(TopicPartition, Offset), Offset>,
}

impl Probes {
    pub(crate) fn with(&mut self, count: Arc<Count>) {
        self.count = Some(count);
    }

    /// Probes the wanted places whose offsets are in the look.
    pub(crate) async fn probe(
        &mut self,
        wanted: &[(TopicPartition, Offset)],
        look: &Look,
    ) -> Vec<(TopicPartition, MarkerProbe)> {
        let Some(count) = self.count.clone() else { return Vec::new() };
        let places = self.places(wanted, look);
        if places.is_empty() {
            return Vec::new();
        }
        // A panic of the function would be reported here; then nothing is known.
        tokio::task::spawn_blocking(move || count(&places)).await.unwrap_or_default()
    }

    /// The places that were not tried yet. Of several groups with different committed offsets in one partition, the
    /// first one has its turn in this look.
    fn places(&mut self, wanted: &[(TopicPartition, Offset)], look: &Look) -> Vec<FewOffsets> {
        let all: BTreeSet<&(TopicPartition, Offset)> = wanted.iter().collect();
        self.tried.retain(|place, _| all.contains(place));
        let mut places: BTreeMap<TopicPartition, FewOffsets> = BTreeMap::new();
        for place in wanted {
            let (partition, committed) = place;
            let log = look.partitions.get(partition);
            let offsets = log.and_then(|log| log.log_start.value().zip(log.stable_end.value()));
            let Some((start, end)) = offsets.filter(|(_, end)| *end > committed) else { continue };
            if self.tried.get(place) == Some(end) || places.contains_key(partition) {
                continue;
            }
            let few = FewOffsets {
                partition: partition.clone(),
                committed: *committed,
                read_from: *committed.max(start),
                end: *end,
            };
            places.insert(partition.clone(), few);
        }
        for few in places.values() {
            self.tried.insert((few.partition.clone(), few.committed), few.end);
        }
        places.into_values().collect()
    }
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probes").field("tried", &self.tried).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use kreplay_monitor::look::{Answer, PartitionLook};

    use super::*;

    fn offset(raw: i64) -> Offset {
        Offset::new(raw).unwrap()
    }

    fn look(start: i64, end: i64) -> Look {
        let known = |raw| Answer::Known(DateTime::UNIX_EPOCH, offset(raw));
        let log = PartitionLook { log_start: known(start), stable_end: known(end), ..PartitionLook::default() };
        let mut look = Look::empty(DateTime::UNIX_EPOCH, "c");
        look.partitions.insert(TopicPartition::new("t", 0), log);
        look
    }

    #[test]
    fn each_place_is_tried_once() {
        let mut probes = Probes::default();
        let wanted = [(TopicPartition::new("t", 0), offset(5))];
        let first = probes.places(&wanted, &look(7, 9));
        assert_eq!(first.len(), 1);
        assert_eq!((first[0].committed, first[0].read_from, first[0].end), (offset(5), offset(7), offset(9)));
        assert_eq!(probes.places(&wanted, &look(7, 9)), []);
        assert_eq!(probes.places(&wanted, &look(7, 10)).len(), 1, "the end has moved");
        assert_eq!(probes.places(&[], &look(7, 10)), []);
        assert_eq!(probes.places(&wanted, &look(7, 10)).len(), 1, "it was not wanted for a while");
    }

    #[test]
    fn each_group_at_another_place_of_a_partition_is_tried_once() {
        let mut probes = Probes::default();
        let wanted = [5, 6].map(|committed| (TopicPartition::new("t", 0), offset(committed)));
        for end in [9, 10] {
            let mut committed = || -> Vec<Offset> {
                probes.places(&wanted, &look(0, end)).into_iter().map(|few| few.committed).collect()
            };
            let looks = [committed(), committed(), committed()];
            assert_eq!(looks, [vec![offset(5)], vec![offset(6)], vec![]], "the end is {end}");
        }
    }

    #[test]
    fn a_partition_that_is_not_in_the_look_is_not_read() {
        let wanted = [(TopicPartition::new("other", 0), offset(5))];
        assert_eq!(Probes::default().places(&wanted, &look(0, 9)), []);
    }
}
