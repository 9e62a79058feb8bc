//! Assigns partitions to the clients of a run without a group, and moves them from one client to another.
//!
//! A partition is read by one client at a time. Before another client starts it, the previous one has delivered
//! everything it read, and reading continues from there.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ShareEntry {
    partition: u32,
    /// The client that should read it.
    assigned_to: u32,
    /// The client that reads it now.
    reader: Option<u32>,
}

/// The partitions of a run and the clients that read them.
#[derive(Debug)]
pub struct Shares {
    entries: Mutex<Vec<ShareEntry>>,
    /// Increases with every change, so that clients can detect one cheaply.
    version: AtomicU64,
    changed: Condvar,
    /// The number of clients with partitions to read.
    clients: AtomicU32,
    /// Records read by all clients.
    read: AtomicU64,
    /// How often a client had to wait for records to be handled.
    waits: AtomicU64,
}

/// What changes for one client.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ShareChange {
    /// Partitions to release: see [`Shares::released`].
    pub release: Vec<u32>,
    /// Partitions to start.
    pub start: Vec<u32>,
}

impl Shares {
    /// Assigns the partitions in `shares[client]` to each client.
    #[must_use]
    pub fn new(shares: &[Vec<u32>]) -> Self {
        let entries = (0_u32..)
            .zip(shares)
            .flat_map(|(assigned_to, share)| {
                share.iter().map(move |&partition| ShareEntry { partition, assigned_to, reader: None })
            })
            .collect();
        Self {
            entries: Mutex::new(entries),
            version: AtomicU64::new(1),
            changed: Condvar::new(),
            clients: AtomicU32::new(u32::try_from(shares.len()).unwrap_or(u32::MAX)),
            read: AtomicU64::new(0),
            waits: AtomicU64::new(0),
        }
    }

    /// The number of clients with partitions to read.
    #[must_use]
    pub fn clients(&self) -> u32 {
        self.clients.load(Relaxed)
    }

    /// A number that differs after every change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Relaxed)
    }

    /// Reassigns partitions. Those that are in none of `shares` keep their client.
    pub fn share_out(&self, shares: &[Vec<u32>]) {
        let mut entries = self.entries.lock();
        for (assigned_to, share) in (0_u32..).zip(shares) {
            for entry in entries.iter_mut().filter(|entry| share.contains(&entry.partition)) {
                entry.assigned_to = assigned_to;
            }
        }
        self.clients.store(u32::try_from(shares.len()).unwrap_or(u32::MAX), Relaxed);
        drop(entries);
        self.note_change();
    }

    /// Adds partitions, spread over the clients that read.
    pub fn add(&self, partitions: impl Iterator<Item = u32>) {
        let clients = self.clients().max(1);
        self.entries.lock().extend(partitions.map(|partition| ShareEntry {
            partition,
            assigned_to: partition % clients,
            reader: None,
        }));
        self.note_change();
    }

    /// The changes for a client that reads `mine`. The partitions to start belong to the client from then on.
    #[must_use]
    pub fn change(&self, client: u32, mine: &[u32]) -> ShareChange {
        let mut change = ShareChange::default();
        for entry in self.entries.lock().iter_mut() {
            if entry.assigned_to == client && entry.reader.is_none() {
                entry.reader = Some(client);
                change.start.push(entry.partition);
            } else if entry.assigned_to != client && entry.reader == Some(client) && mine.contains(&entry.partition) {
                change.release.push(entry.partition);
            }
        }
        change
    }

    /// Notes that a client has released partitions and delivered everything it read of them.
    pub fn released(&self, partitions: &[u32]) {
        for entry in self.entries.lock().iter_mut().filter(|entry| partitions.contains(&entry.partition)) {
            entry.reader = None;
        }
        self.note_change();
    }

    /// Waits for a change after `version`, for at most `timeout`.
    pub fn wait(&self, version: u64, timeout: Duration) {
        let mut entries = self.entries.lock();
        if self.version() == version {
            self.changed.wait_for(&mut entries, timeout);
        }
    }

    fn note_change(&self) {
        let _entries = self.entries.lock();
        self.version.fetch_add(1, Relaxed);
        self.changed.notify_all();
    }

    /// Adds to the number of records read.
    pub fn note_read(&self, records: usize) {
        self.read.fetch_add(records as u64, Relaxed);
    }

    /// Records read so far by all clients.
    #[must_use]
    pub fn records_read(&self) -> u64 {
        self.read.load(Relaxed)
    }

    /// Notes that a client had to wait for records to be handled.
    pub fn note_wait(&self) {
        self.waits.fetch_add(1, Relaxed);
    }

    /// How often clients had to wait.
    #[must_use]
    pub fn waits(&self) -> u64 {
        self.waits.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_partition_moves_only_after_its_client_has_released_it() {
        let shares = Shares::new(&[vec![0, 1]]);
        assert_eq!(shares.change(0, &[]), ShareChange { start: vec![0, 1], release: vec![] });
        assert_eq!(shares.change(0, &[0, 1]), ShareChange::default());
        let before = shares.version();
        shares.share_out(&[vec![0], vec![1]]);
        assert!(shares.version() > before && shares.clients() == 2);
        assert_eq!(shares.change(1, &[]), ShareChange::default(), "the other client still has it");
        assert_eq!(shares.change(0, &[0, 1]), ShareChange { start: vec![], release: vec![1] });
        assert_eq!(shares.change(1, &[]), ShareChange::default(), "the other client may still be reading it");
        shares.released(&[1]);
        assert_eq!(shares.change(1, &[]), ShareChange { start: vec![1], release: vec![] });
        assert_eq!(shares.change(0, &[0]), ShareChange::default());
    }

    #[test]
    fn added_partitions_go_to_clients_that_read() {
        let shares = Shares::new(&[vec![0], vec![1]]);
        shares.add([2, 3].into_iter());
        assert_eq!(shares.change(0, &[]).start, [0, 2]);
        assert_eq!(shares.change(1, &[]).start, [1, 3]);
    }

    proptest! {
        /// Clients apply changes in any order while partitions are reassigned again and again. No partition is ever
        /// read by two clients, and at the end each client has the partitions last assigned to it.
        #[test]
        fn no_partition_is_read_by_two_clients(
            steps in prop::collection::vec((0_u32..3, any::<bool>(), prop::collection::vec(0_u32..3, 6)), 1..60),
        ) {
            let shares = Shares::new(&[(0..6).collect::<Vec<_>>()]);
            let mut assignments: [Vec<u32>; 3] = Default::default();
            let shares_of = |assigned_to: &[u32]| -> Vec<Vec<u32>> {
                (0..3).map(|client| (0..6_u32).filter(|one| assigned_to[*one as usize] == client).collect()).collect()
            };
            let apply = |shares: &Shares, assignments: &mut [Vec<u32>; 3], client: u32| {
                let change = shares.change(client, &assignments[client as usize]);
                assignments[client as usize].retain(|one| !change.release.contains(one));
                shares.released(&change.release);
                assignments[client as usize].extend(change.start);
            };
            let mut last = vec![0; 6];
            for (client, reassign, assigned_to) in steps {
                if reassign {
                    shares.share_out(&shares_of(&assigned_to));
                    last = assigned_to;
                }
                apply(&shares, &mut assignments, client);
                let mut all: Vec<u32> = assignments.iter().flatten().copied().collect();
                all.sort_unstable();
                prop_assert!(all.is_sorted_by(|a, b| a < b), "{assignments:?}");
            }
            for client in [0, 1, 2, 0, 1, 2] {
                apply(&shares, &mut assignments, client);
            }
            for (client, mut assignment) in (0_u32..).zip(assignments) {
                assignment.sort_unstable();
                prop_assert_eq!(assignment, (0..6_u32).filter(|one| last[*one as usize] == client).collect::<Vec<_>>());
            }
        }
    }
}
