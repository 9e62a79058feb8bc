//! The partitions of several processes.

use std::collections::BTreeMap;

use kreplay_model::{
    domain::TopicPartition,
    feed::{Owner, PartitionState, PartitionView},
};

use super::RunPart;

/// A partition as one process sees it.
#[derive(Clone, Copy)]
struct Sighting<'a> {
    part: &'a RunPart<'a>,
    row: &'a PartitionView,
}

impl Sighting<'_> {
    fn is_owned(&self) -> bool {
        self.row.owner != Owner::None && !self.part.run.state.is_over()
    }

    /// Whose view counts: that of the owner, then that of a process that is there. Of equal ones, the one that is
    /// further.
    fn rank(&self) -> (bool, bool, i64) {
        let is_there = !self.part.is_gone;
        (is_there && self.is_owned(), is_there, self.row.position.get())
    }
}

/// Each partition once, in the order of the first process that has it. What processes have handled is added up.
/// `all_have_ended` says whether the runs of all processes that are there have ended.
pub(super) fn merge(parts: &[RunPart<'_>], all_have_ended: bool) -> Vec<PartitionView> {
    let mut places: BTreeMap<&TopicPartition, usize> = BTreeMap::new();
    let mut sightings: Vec<Vec<Sighting<'_>>> = Vec::new();
    for part in parts {
        for row in &part.run.partitions {
            let place = *places.entry(&row.id).or_insert(sightings.len());
            match sightings.get_mut(place) {
                Some(known) => known.push(Sighting { part, row }),
                None => sightings.push(vec![Sighting { part, row }]),
            }
        }
    }
    sightings.iter().filter_map(|sightings| merge_one(sightings, all_have_ended)).collect()
}

fn merge_one(sightings: &[Sighting<'_>], all_have_ended: bool) -> Option<PartitionView> {
    let best = sightings.iter().max_by_key(|sighting| sighting.rank())?;
    let active = sightings.iter().filter(|one| !one.part.is_gone && one.part.is_active(all_have_ended));
    let rows = || sightings.iter().map(|sighting| sighting.row);
    let mut merged = PartitionView {
        first: rows().map(|row| row.first).min()?,
        end: rows().map(|row| row.end).max()?,
        handled: rows().fold(0, |sum, row| sum.saturating_add(row.handled)),
        records_per_s: active.fold(0.0, |sum, one| sum + one.row.records_per_s),
        owner: owner(best),
        ..best.row.clone()
    };
    for other in sightings.iter().filter(|other| !std::ptr::eq(other.row, best.row)) {
        merged.handling_times.merge(&other.row.handling_times);
    }
    if best.part.is_gone && merged.state != PartitionState::Done {
        // Its owner is gone, and no other process knows of it yet.
        merged.state = PartitionState::Waiting;
    }
    Some(merged)
}

/// The owner, with the name of its process.
fn owner(best: &Sighting<'_>) -> Owner {
    let process = best.part.process;
    match &best.row.owner {
        _ if best.part.is_gone => Owner::None,
        Owner::None => Owner::None,
        Owner::Shared => Owner::Member(process.to_owned()),
        owner => Owner::Member(format!("{process}/{owner}")),
    }
}
