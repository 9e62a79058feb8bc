//! Partition order without a group: the run itself assigns the partitions to its workers.

use std::{collections::BTreeMap, time::Instant};

use kreplay_model::{
    domain::{Ordering, TopicPartition},
    feed::{EventKind, RebalanceKind},
};

use super::Run;
use crate::{replay::partition::Owner, schedule::assign};

/// A partition that moves to another worker.
struct Move {
    partition: u32,
    from: Option<u32>,
    to: u32,
}

impl Run {
    pub(super) fn assigns_partitions(&self) -> bool {
        self.engine.settings.group.is_none() && self.engine.settings.ordering == Ordering::Partition
    }

    pub(super) fn announce_assignment(&mut self) {
        if self.assigns_partitions() {
            self.assign_partitions();
        } else if self.engine.settings.group.is_none() {
            let partitions: Vec<TopicPartition> =
                self.engine.partitions.all_planned().map(|planned| planned.id.clone()).collect();
            if !partitions.is_empty() {
                self.engine.events.push(EventKind::Assigned { member: "all workers".into(), partitions });
            }
        }
    }

    /// Assigns the partitions to the workers by the work that remains in each.
    pub(super) fn assign_partitions(&mut self) {
        let started = Instant::now();
        let (remaining, current): (Vec<u64>, Vec<Option<u32>>) = self
            .engine
            .partitions
            .iter()
            .map(|partition| {
                let partition = partition.lock();
                (partition.lag().known().unwrap_or(0), partition.owner.worker())
            })
            .unzip();
        let owners = assign(&remaining, &current, self.wanted_workers);
        let moves: Vec<Move> = (0_u32..)
            .zip(current.into_iter().zip(owners))
            .filter(|(_, (from, to))| *from != Some(*to))
            .map(|(partition, (from, to))| Move { partition, from, to })
            .collect();
        for one in &moves {
            self.engine.partitions.with(one.partition, |partition| partition.owner = Owner::Worker(one.to));
        }
        self.engine.scheduler.assign(moves.iter().map(|one| (one.partition, one.to)));
        self.report_moves(&moves);
        if !moves.is_empty() {
            self.note_rebalance(RebalanceKind::Own, started, started.elapsed(), moves.len());
        }
    }

    fn report_moves(&self, moves: &[Move]) {
        let (mut given, mut taken): (BTreeMap<u32, Vec<TopicPartition>>, BTreeMap<u32, Vec<TopicPartition>>) =
            Default::default();
        for one in moves {
            let id = self.engine.partitions.id(one.partition);
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

    /// Reassigns partitions when a worker has nothing left and another has more than one partition to go.
    pub(super) fn reassign_when_idle(&mut self) {
        let open = self.engine.partitions.open();
        if open == self.open_at_assignment {
            return;
        }
        self.open_at_assignment = open;
        let mut left = vec![0_u32; self.wanted_workers as usize];
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
            self.assign_partitions();
        }
    }
}
