//! Partition order without a group: kreplay itself gives the partitions to its workers.

use std::{collections::BTreeMap, time::Instant};

use super::{Run, assignor};
use crate::{
    domain::{Ordering, TopicPartition},
    feed::{EventKind, Owner, RebalanceKind},
};

/// A partition that changes its worker.
struct Move {
    partition: u32,
    from: Option<u32>,
    to: u32,
}

impl Run {
    pub(super) fn deals_itself(&self) -> bool {
        self.engine.settings.group.is_none() && self.engine.settings.ordering == Ordering::Partition
    }

    pub(super) fn announce_own_assignment(&mut self) {
        if self.deals_itself() {
            self.deal();
        } else if self.engine.settings.group.is_none() {
            let partitions: Vec<TopicPartition> =
                self.engine.planned.iter().map(|planned| planned.id.clone()).collect();
            if !partitions.is_empty() {
                self.engine.events.push(EventKind::Assigned { member: "all workers".into(), partitions });
            }
        }
    }

    /// Deals the partitions out to the workers by what remains in each.
    pub(super) fn deal(&mut self) {
        let started = Instant::now();
        let (remaining, current): (Vec<u64>, Vec<Option<u32>>) = self
            .engine
            .partitions
            .iter()
            .map(|partition| {
                let partition = partition.lock();
                let owner = if let Owner::Worker(worker) = partition.owner { Some(worker) } else { None };
                (partition.lag().known().unwrap_or(0), owner)
            })
            .unzip();
        let owners = assignor::assign(&remaining, &current, self.target);
        let moves: Vec<Move> = (0_u32..)
            .zip(current.into_iter().zip(owners))
            .filter(|(_, (from, to))| *from != Some(*to))
            .map(|(partition, (from, to))| Move { partition, from, to })
            .collect();
        for one in &moves {
            self.engine.with(one.partition, |partition| partition.owner = Owner::Worker(one.to));
        }
        self.engine.board.assign(moves.iter().map(|one| (one.partition, one.to)));
        self.tell_moves(&moves);
        if !moves.is_empty() {
            self.note_rebalance(RebalanceKind::Own, started, started.elapsed(), moves.len());
        }
    }

    fn tell_moves(&self, moves: &[Move]) {
        let (mut given, mut taken): (BTreeMap<u32, Vec<TopicPartition>>, BTreeMap<u32, Vec<TopicPartition>>) =
            Default::default();
        for one in moves {
            let id = self.engine.id(one.partition);
            if let Some(from) = one.from {
                given.entry(from).or_default().push(id.clone());
            }
            taken.entry(one.to).or_default().push(id.clone());
        }
        for (worker, partitions) in given {
            self.engine.events.push(EventKind::Revoked { member: format!("worker-{worker}"), partitions });
        }
        for (worker, partitions) in taken {
            self.engine.events.push(EventKind::Assigned { member: format!("worker-{worker}"), partitions });
        }
    }

    /// When a worker has nothing left and another has more than one partition to go, the rest is dealt out again.
    pub(super) fn deal_when_idle(&mut self) {
        let open = self.engine.open();
        if open == self.dealt_with_open {
            return;
        }
        self.dealt_with_open = open;
        let mut left = vec![0_u32; self.target as usize];
        for partition in self.engine.partitions.iter() {
            let partition = partition.lock();
            if let Owner::Worker(worker) = partition.owner
                && !partition.is_complete()
                && let Some(count) = left.get_mut(worker as usize)
            {
                *count += 1;
            }
        }
        if left.contains(&0) && left.iter().any(|count| *count > 1) {
            self.deal();
        }
    }
}
