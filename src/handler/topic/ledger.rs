//! The positions that transactions carry: whose they are, what is committed, and what is in doubt.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};

use super::pool::Pool;
use crate::{
    domain::{Growing, Offset, Record, TopicPartition},
    handler::{Holder, Positions},
    kafka::{
        GroupMember, GroupOffsets,
        producer::{BatchProducer, TransactionError},
    },
};

/// How long the group's offsets may take to be read, once nothing is pending.
const LOOK_UP: Duration = Duration::from_secs(10);

/// Where a partition stands in the group.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The position that the group is known to have, under this assignment.
    pub(super) committed: Option<i64>,
    /// Whether the run has taken the partition over, and knows where it begins.
    claimed: bool,
    /// The assignment.
    epoch: u32,
    /// The producer of a transaction that may or may not have been committed.
    doubt: Option<usize>,
    /// The run's position at the last look, and how often the looks have found it ahead of what is committed.
    seen: (i64, u32),
}

/// A position for a transaction to carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Which partition of the run.
    pub(super) partition: u32,
    /// The assignment that its records were read under.
    pub(super) epoch: u32,
    /// Everything below is dealt with.
    pub(super) next: i64,
}

/// Why positions do not go into a transaction.
#[derive(Debug)]
pub(super) enum Hitch {
    /// A partition was taken away from this process.
    TakenAway,
    Transaction(TransactionError),
}

/// The positions of a run, in a consumer group.
pub(super) struct Ledger {
    group: String,
    offsets: GroupOffsets,
    /// Whether it is the run's own group, with members, rather than one that only keeps positions.
    has_members: bool,
    ids: Arc<Growing<TopicPartition>>,
    places: Growing<Mutex<Place>>,
    run: OnceLock<Arc<dyn Positions>>,
}

impl Ledger {
    pub(super) fn new(
        group: String,
        offsets: GroupOffsets,
        has_members: bool,
        ids: Arc<Growing<TopicPartition>>,
    ) -> Self {
        let places = ids.iter().map(|_| Mutex::default()).collect();
        Self { group, offsets, has_members, ids, places, run: OnceLock::new() }
    }

    pub(super) fn has_members(&self) -> bool {
        self.has_members
    }

    pub(super) fn group(&self) -> &str {
        &self.group
    }

    pub(super) fn joined(&self) {
        self.places.push(Mutex::default());
    }

    pub(super) fn watch(&self, run: Arc<dyn Positions>) {
        // A run has one engine.
        drop(self.run.set(run));
    }

    /// How many partitions there are.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }

    /// What the group has, in the order of `partitions`. What is still pending is waited for, `within` at most.
    pub(super) fn committed(
        &self,
        partitions: &[TopicPartition],
        within: Duration,
    ) -> Result<Vec<Option<Offset>>, String> {
        let found = self.offsets.committed(partitions, within).map_err(|error| error.to_string())?;
        Ok(found.into_iter().map(|found| found.map(|(offset, _)| offset)).collect())
    }

    /// Takes note of what the group has of a partition.
    pub(super) fn note_committed(&self, partition: u32, committed: Option<Offset>) {
        let mut place = self.places[partition as usize].lock();
        (place.claimed, place.committed) = (true, committed.map(Offset::get));
    }

    /// Who may commit for a partition just now; `None` where nobody in this process may.
    fn holder(&self, partition: u32) -> Option<Holder> {
        if !self.has_members {
            return Some(Holder::default());
        }
        self.run.get()?.holder(partition)
    }

    /// Whether a record was read under an assignment that is over.
    pub(super) fn is_stale(&self, record: &Record) -> bool {
        self.has_members && self.holder(record.partition).is_none_or(|holder| holder.epoch != record.epoch)
    }

    /// Holds the places of these partitions, so that no other transaction carries positions of them.
    pub(super) fn hold(&self, mut partitions: Vec<u32>) -> Held<'_> {
        // In one order, whoever holds several.
        partitions.sort_unstable();
        partitions.dedup();
        Held(partitions.into_iter().map(|index| (index, self.places[index as usize].lock())).collect())
    }

    /// Settles what is in doubt: the producer that may have committed is made anew, which ends its transaction one way or the
    /// other, and then the group's offsets tell.
    pub(super) fn resolve(&self, held: &mut Held<'_>, pool: &Pool) -> Result<(), String> {
        let doubtful: Vec<(u32, usize)> =
            held.0.iter().filter_map(|(index, place)| Some((*index, place.doubt?))).collect();
        if doubtful.is_empty() {
            return Ok(());
        }
        for (_, slot) in &doubtful {
            pool.renew(*slot).map_err(|error| error.to_string())?;
        }
        let ids: Vec<_> = doubtful.iter().map(|(index, _)| self.ids[*index as usize].clone()).collect();
        let committed = self.committed(&ids, LOOK_UP)?;
        for ((index, _), committed) in doubtful.iter().zip(committed) {
            if let Some(place) = held.place(*index) {
                place.doubt = None;
                place.committed = committed.map(Offset::get).max(place.committed);
            }
        }
        Ok(())
    }

    /// Puts positions into a transaction, for the members that hold the partitions.
    pub(super) fn carry(&self, producer: &BatchProducer, marks: &[Mark], within: Duration) -> Result<(), Hitch> {
        if !self.has_members {
            return self.send(producer, marks.iter(), self.offsets.metadata(), within);
        }
        let held_by = |mark: &Mark| self.holder(mark.partition).filter(|holder| holder.epoch == mark.epoch);
        let mut members: Vec<(GroupMember, Vec<Mark>)> = Vec::new();
        for mark in marks {
            let member = held_by(mark).and_then(|holder| holder.member).ok_or(Hitch::TakenAway)?;
            match members.iter_mut().find(|(known, _)| known.is(&member)) {
                Some((_, marks)) => marks.push(*mark),
                None => members.push((member, vec![*mark])),
            }
        }
        for (member, marks) in &members {
            let metadata = member.metadata().ok_or(Hitch::TakenAway)?;
            // Only now: where the partition goes after this look, the generation in the metadata is too old for the broker.
            if marks.iter().any(|mark| held_by(mark).is_none()) {
                return Err(Hitch::TakenAway);
            }
            self.send(producer, marks.iter(), Some(metadata), within)?;
        }
        Ok(())
    }

    fn send<'a>(
        &self,
        producer: &BatchProducer,
        marks: impl Iterator<Item = &'a Mark>,
        by: Option<crate::kafka::GroupMetadata>,
        within: Duration,
    ) -> Result<(), Hitch> {
        let by = by.ok_or(Hitch::TakenAway)?;
        let position = |mark: &Mark| Some((self.ids[mark.partition as usize].clone(), Offset::new(mark.next)?));
        let positions: Vec<_> = marks.filter_map(position).collect();
        producer.send_offsets(&positions, &by, within).map_err(Hitch::Transaction)
    }

    /// The positions of the run that are ahead of what the group has, of partitions that no transaction has in hand; with
    /// `all` each of them, otherwise those that batches will not bring up to date by themselves.
    pub(super) fn behind(&self, partitions: impl Iterator<Item = u32>, all: bool) -> (Held<'_>, Vec<Mark>) {
        let (mut held, mut marks) = (Held(Vec::new()), Vec::new());
        let Some(run) = self.run.get() else { return (held, marks) };
        for index in partitions {
            let Some(place) = self.places.get(index as usize) else { continue };
            let place = if all { Some(place.lock()) } else { place.try_lock() };
            let (Some(mut place), Some(holder)) = (place, self.holder(index)) else { continue };
            if !self.has_members && !place.claimed {
                // Its position is none yet.
                continue;
            }
            let position = run.position(index);
            if place.epoch != holder.epoch {
                // Others may have committed meanwhile.
                *place = Place { epoch: holder.epoch, claimed: place.claimed, doubt: place.doubt, ..Place::default() };
            }
            if place.doubt.is_some() || place.committed.is_some_and(|committed| committed >= position) {
                place.seen = (position, 0);
                continue;
            }
            let (before, looks) = place.seen;
            place.seen = (position, looks + 1);
            if all || looks > 0 && before == position || looks >= LOOKS {
                place.seen.1 = 0;
                marks.push(Mark { partition: index, epoch: holder.epoch, next: position });
                held.0.push((index, place));
            }
        }
        (held, marks)
    }
}

/// So many looks in a row a position may be ahead and move on before it is committed without a batch.
const LOOKS: u32 = 10;

/// The places of some partitions, in rising order, which nobody else can touch meanwhile.
pub(super) struct Held<'a>(Vec<(u32, MutexGuard<'a, Place>)>);

impl Held<'_> {
    pub(super) fn place(&mut self, partition: u32) -> Option<&mut Place> {
        let at = self.0.binary_search_by_key(&partition, |(index, _)| *index).ok()?;
        Some(&mut self.0[at].1)
    }

    /// The group has these now.
    pub(super) fn committed(&mut self, marks: &[Mark]) {
        for mark in marks {
            if let Some(place) = self.place(mark.partition) {
                place.committed = Some(mark.next);
                place.epoch = mark.epoch;
            }
        }
    }

    /// Whether the group has these is not known: the producer of this slot could tell.
    pub(super) fn doubt(&mut self, marks: &[Mark], slot: usize) {
        for mark in marks {
            if let Some(place) = self.place(mark.partition) {
                place.doubt = Some(slot);
            }
        }
    }
}
