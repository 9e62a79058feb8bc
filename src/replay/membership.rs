//! What a group member's assignments mean for a run.

use std::{sync::Arc, time::Instant};

use parking_lot::Mutex;

use super::{engine::Engine, rebalance::Rebalances};
use crate::{
    domain::{Offset, Ordering, TopicPartition},
    feed::{EventKind, Owner, RebalanceKind},
    kafka::{Membership, StartAt},
};

/// Takes a member's partitions into the run, and out of it again.
///
/// Two gates fence a partition that goes: the board's, which stops handing out what was read under the old assignment, and
/// the partition's, after which late results no longer count. Between the two, work in hand is finished and committed.
pub struct RunMembership {
    engine: Arc<Engine>,
    number: u32,
    name: String,
    rebalances: Arc<Mutex<Rebalances>>,
    /// Assignments that the fetching loop has not taken note of yet: partition and epoch.
    news: Mutex<Vec<(u32, u32)>>,
    /// The member's partitions, each with the epoch it was assigned under.
    mine: Mutex<Vec<(u32, u32)>>,
    recommit: std::sync::atomic::AtomicBool,
}

impl RunMembership {
    /// The membership of the member with this number.
    #[must_use]
    pub fn new(engine: Arc<Engine>, number: u32, rebalances: Arc<Mutex<Rebalances>>) -> Self {
        Self {
            engine,
            number,
            name: format!("member-{number}"),
            rebalances,
            news: Mutex::new(Vec::new()),
            mine: Mutex::new(Vec::new()),
            recommit: std::sync::atomic::AtomicBool::new(false),
        }
    }

    /// The assignments since the last call: partition and epoch.
    #[must_use]
    pub fn take_news(&self) -> Vec<(u32, u32)> {
        std::mem::take(&mut *self.news.lock())
    }

    /// The partitions that are the member's.
    #[must_use]
    pub fn partitions(&self) -> Vec<u32> {
        self.mine.lock().iter().map(|(index, _)| *index).collect()
    }

    /// Positions that have moved since they were committed last; they count as committed from now on.
    #[must_use]
    pub fn positions_to_commit(&self) -> Vec<(TopicPartition, Offset)> {
        let again = self.recommit.swap(false, std::sync::atomic::Ordering::Relaxed);
        let mine = self.mine.lock().clone();
        mine.into_iter().filter_map(|(index, epoch)| self.position_to_commit(index, epoch, again)).collect()
    }

    fn position_to_commit(&self, index: u32, epoch: u32, again: bool) -> Option<(TopicPartition, Offset)> {
        self.engine.with(index, |partition| {
            let position = partition.position()?;
            if partition.epoch != epoch || partition.committed == Some(position) && !again {
                return None;
            }
            partition.committed = Some(position);
            Some((partition.id.clone(), Offset::new(position)?))
        })
    }

    fn indexes(&self, partitions: &[TopicPartition]) -> Vec<u32> {
        partitions.iter().filter_map(|id| self.engine.index.get(id).copied()).collect()
    }

    /// Those of the partitions that are the member's still, with their epochs. A member that was cut off may hear of it only
    /// after others have begun with its partitions: then they are no longer its to end.
    fn still_mine(&self, partitions: &[TopicPartition]) -> Vec<(u32, u32)> {
        let indexes = self.indexes(partitions);
        let mut mine = self.mine.lock().clone();
        mine.retain(|(index, epoch)| {
            indexes.contains(index) && self.engine.partitions[*index as usize].lock().epoch == *epoch
        });
        mine
    }

    fn begin(&self, index: u32, committed: Option<Offset>) -> StartAt {
        let (start, epoch, below) = self.engine.with(index, |partition| {
            let wanted = committed.map_or(partition.first, Offset::get);
            let start = wanted.max(partition.first);
            let epoch = partition.epoch + 1;
            partition.begin(epoch, start, Owner::Member(self.name.clone()));
            partition.committed = committed.map(Offset::get);
            (start, epoch, (wanted < start).then(|| partition.id.clone()))
        });
        if let Some(id) = below {
            self.engine.events.push(EventKind::Warning {
                text: format!("{id}: the committed position is below the log's start; going on from {start}"),
            });
        }
        self.engine.board.fence(std::iter::once((index, epoch)));
        self.news.lock().push((index, epoch));
        let mut mine = self.mine.lock();
        mine.retain(|(known, _)| *known != index);
        mine.push((index, epoch));
        drop(mine);
        Offset::new(start).map_or(StartAt::Committed, StartAt::Offset)
    }

    /// Ends the assignments that are the member's still, and returns their partitions.
    fn release(&self, partitions: &[TopicPartition]) -> Vec<u32> {
        let mut released = Vec::new();
        for (index, epoch) in self.still_mine(partitions) {
            self.engine.with(index, |partition| {
                if partition.epoch == epoch {
                    partition.end_assignment(epoch + 1);
                    released.push(index);
                }
            });
        }
        let gone = self.indexes(partitions);
        self.mine.lock().retain(|(mine, _)| !gone.contains(mine));
        released
    }

    fn fence(&self, mine: &[(u32, u32)]) {
        self.engine.board.fence(mine.iter().map(|(index, epoch)| (*index, epoch + 1)));
    }

    fn note_change(&self, indexes: &[u32], owner: Option<u32>) {
        // Members that leave because the run is over make no rebalance worth telling of.
        if indexes.is_empty() || self.engine.reading_stopped() {
            return;
        }
        if self.rebalances.lock().change(Instant::now(), indexes, owner) {
            self.engine.events.push(EventKind::RebalanceStarted { by: RebalanceKind::Group });
        }
    }
}

impl Membership for RunMembership {
    fn assigned(&self, partitions: &[(TopicPartition, Result<Option<Offset>, String>)]) -> Vec<StartAt> {
        let mut got = Vec::new();
        let starts = partitions
            .iter()
            .map(|(id, committed)| match (self.engine.index.get(id), committed) {
                (None, _) => {
                    self.engine
                        .events
                        .push(EventKind::Warning { text: format!("{id} is not part of the plan and is left alone") });
                    StartAt::Committed
                }
                (Some(_), Err(reason)) => {
                    self.engine.fail(format!("the committed offset of {id} cannot be read: {reason}"));
                    StartAt::Committed
                }
                (Some(&index), Ok(committed)) => {
                    got.push(index);
                    self.begin(index, *committed)
                }
            })
            .collect();
        if self.engine.settings.ordering == Ordering::Partition {
            self.engine.board.assign(got.iter().map(|index| (*index, self.number)));
        }
        self.note_change(&got, Some(self.number));
        if !partitions.is_empty() {
            self.engine.events.push(EventKind::Assigned {
                member: self.name.clone(),
                partitions: partitions.iter().map(|(id, _)| id.clone()).collect(),
            });
        }
        starts
    }

    fn revoking(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, Offset)> {
        let mine = self.still_mine(partitions);
        self.fence(&mine);
        let indexes: Vec<u32> = mine.iter().map(|(index, _)| *index).collect();
        if !self.engine.board.wait_drained(&indexes, self.engine.settings.drain_timeout) {
            self.engine.events.push(EventKind::Warning {
                text: format!(
                    "{} did not finish its work in hand within {} s; it goes without it, and others will repeat it",
                    self.name,
                    self.engine.settings.drain_timeout.as_secs()
                ),
            });
        }
        // Also what has been sent before: whether that has arrived is not known yet.
        mine.into_iter().filter_map(|(index, epoch)| self.position_to_commit(index, epoch, true)).collect()
    }

    fn revoked(&self, partitions: &[TopicPartition], failure: Option<String>) {
        let released = self.release(partitions);
        self.note_change(&released, None);
        if let Some(reason) = failure {
            self.engine.events.push(EventKind::Warning {
                text: format!(
                    "{}: the last positions could not be committed and will be repeated: {reason}",
                    self.name
                ),
            });
        }
        if !partitions.is_empty() {
            self.engine.events.push(EventKind::Revoked { member: self.name.clone(), partitions: partitions.to_vec() });
        }
    }

    fn lost(&self, partitions: &[TopicPartition]) {
        self.fence(&self.still_mine(partitions));
        let released = self.release(partitions);
        self.note_change(&released, None);
        self.engine.events.push(EventKind::Lost { member: self.name.clone(), partitions: partitions.to_vec() });
    }

    fn commit_failed(&self, reason: &str) {
        self.recommit.store(true, std::sync::atomic::Ordering::Relaxed);
        self.engine.events.push(EventKind::Warning { text: format!("{}: {reason}", self.name) });
    }
}
