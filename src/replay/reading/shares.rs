//! Which client reads which partition, where no group decides it, and how a partition passes from one to another.
//!
//! A partition is in one hand at a time: the client that gives it up has passed on everything it read of it before another one
//! begins, where that one left off.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    partition: u32,
    /// The client that is to read it.
    to: u32,
    /// The client that reads it.
    held: Option<u32>,
}

/// Shares partitions out among the clients of a run.
#[derive(Debug)]
pub struct Shares {
    places: Mutex<Vec<Place>>,
    /// Rises with every change, so that clients see at little cost whether there is one.
    version: AtomicU64,
    changed: Condvar,
    /// How many clients have partitions to read.
    clients: AtomicU32,
    /// Records read by all of them.
    read: AtomicU64,
    /// How often one of them had to wait for records to be handled.
    waits: AtomicU64,
}

/// What changes for a client.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Partitions to give up: see [`Shares::released`].
    pub give_up: Vec<u32>,
    /// Partitions to begin with.
    pub take: Vec<u32>,
}

impl Shares {
    /// `shares` has the partitions of each client.
    #[must_use]
    pub fn new(shares: &[Vec<u32>]) -> Self {
        let places = (0_u32..)
            .zip(shares)
            .flat_map(|(to, share)| share.iter().map(move |&partition| Place { partition, to, held: None }))
            .collect();
        Self {
            places: Mutex::new(places),
            version: AtomicU64::new(1),
            changed: Condvar::new(),
            clients: AtomicU32::new(u32::try_from(shares.len()).unwrap_or(u32::MAX)),
            read: AtomicU64::new(0),
            waits: AtomicU64::new(0),
        }
    }

    /// How many clients have partitions to read.
    #[must_use]
    pub fn clients(&self) -> u32 {
        self.clients.load(Relaxed)
    }

    /// A number that is another one after every change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Relaxed)
    }

    /// Shares partitions out anew; those that are in none of `shares` stay where they are.
    pub fn share_out(&self, shares: &[Vec<u32>]) {
        let mut places = self.places.lock();
        for (to, share) in (0_u32..).zip(shares) {
            for place in places.iter_mut().filter(|place| share.contains(&place.partition)) {
                place.to = to;
            }
        }
        self.clients.store(u32::try_from(shares.len()).unwrap_or(u32::MAX), Relaxed);
        drop(places);
        self.note_change();
    }

    /// Further partitions, each for one of the clients that read.
    pub fn add(&self, partitions: impl Iterator<Item = u32>) {
        let clients = self.clients().max(1);
        self.places.lock().extend(partitions.map(|partition| Place { partition, to: partition % clients, held: None }));
        self.note_change();
    }

    /// What changes for a client that reads `mine`. What it is told to take is its own from then on.
    #[must_use]
    pub fn change(&self, client: u32, mine: &[u32]) -> Change {
        let mut change = Change::default();
        for place in self.places.lock().iter_mut() {
            if place.to == client && place.held.is_none() {
                place.held = Some(client);
                change.take.push(place.partition);
            } else if place.to != client && place.held == Some(client) && mine.contains(&place.partition) {
                change.give_up.push(place.partition);
            }
        }
        change
    }

    /// A client has given partitions up: nothing that it read of them is still on its way.
    pub fn released(&self, partitions: &[u32]) {
        for place in self.places.lock().iter_mut().filter(|place| partitions.contains(&place.partition)) {
            place.held = None;
        }
        self.note_change();
    }

    /// Waits for a change after `version`, at most for `timeout`.
    pub fn wait(&self, version: u64, timeout: Duration) {
        let mut places = self.places.lock();
        if self.version() == version {
            self.changed.wait_for(&mut places, timeout);
        }
    }

    fn note_change(&self) {
        let _places = self.places.lock();
        self.version.fetch_add(1, Relaxed);
        self.changed.notify_all();
    }

    /// So many records were read.
    pub fn note_read(&self, records: usize) {
        self.read.fetch_add(records as u64, Relaxed);
    }

    /// Records read so far by all clients.
    #[must_use]
    pub fn records_read(&self) -> u64 {
        self.read.load(Relaxed)
    }

    /// A client had to wait until records were handled.
    pub fn note_wait(&self) {
        self.waits.fetch_add(1, Relaxed);
    }

    /// How often that happened.
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
    fn a_partition_is_taken_once_it_was_given_up() {
        let shares = Shares::new(&[vec![0, 1]]);
        assert_eq!(shares.change(0, &[]), Change { take: vec![0, 1], give_up: vec![] });
        assert_eq!(shares.change(0, &[0, 1]), Change::default());
        let before = shares.version();
        shares.share_out(&[vec![0], vec![1]]);
        assert!(shares.version() > before && shares.clients() == 2);
        assert_eq!(shares.change(1, &[]), Change::default(), "the other one still has it");
        assert_eq!(shares.change(0, &[0, 1]), Change { take: vec![], give_up: vec![1] });
        assert_eq!(shares.change(1, &[]), Change::default(), "and may be reading it");
        shares.released(&[1]);
        assert_eq!(shares.change(1, &[]), Change { take: vec![1], give_up: vec![] });
        assert_eq!(shares.change(0, &[0]), Change::default());
    }

    #[test]
    fn further_partitions_go_to_clients_that_read() {
        let shares = Shares::new(&[vec![0], vec![1]]);
        shares.add([2, 3].into_iter());
        assert_eq!(shares.change(0, &[]).take, [0, 2]);
        assert_eq!(shares.change(1, &[]).take, [1, 3]);
    }

    proptest! {
        /// Clients look for changes in any order, while partitions are shared out again and again: no partition is ever in two
        /// hands, and at the end each is in the hand it was last given to.
        #[test]
        fn no_partition_is_in_two_hands(
            steps in prop::collection::vec((0_u32..3, any::<bool>(), prop::collection::vec(0_u32..3, 6)), 1..60),
        ) {
            let shares = Shares::new(&[(0..6).collect::<Vec<_>>()]);
            let mut hands: [Vec<u32>; 3] = Default::default();
            let deal = |to: &[u32]| -> Vec<Vec<u32>> {
                (0..3).map(|client| (0..6_u32).filter(|one| to[*one as usize] == client).collect()).collect()
            };
            let look = |shares: &Shares, hands: &mut [Vec<u32>; 3], client: u32| {
                let change = shares.change(client, &hands[client as usize]);
                hands[client as usize].retain(|one| !change.give_up.contains(one));
                shares.released(&change.give_up);
                hands[client as usize].extend(change.take);
            };
            let mut last = vec![0; 6];
            for (client, redeal, to) in steps {
                if redeal {
                    shares.share_out(&deal(&to));
                    last = to;
                }
                look(&shares, &mut hands, client);
                let mut all: Vec<u32> = hands.iter().flatten().copied().collect();
                all.sort_unstable();
                prop_assert!(all.is_sorted_by(|a, b| a < b), "{hands:?}");
            }
            for client in [0, 1, 2, 0, 1, 2] {
                look(&shares, &mut hands, client);
            }
            for (client, mut hand) in (0_u32..).zip(hands) {
                hand.sort_unstable();
                prop_assert_eq!(hand, (0..6_u32).filter(|one| last[*one as usize] == client).collect::<Vec<_>>());
            }
        }
    }
}
