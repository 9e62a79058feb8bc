//! The engine with real threads: readers, workers, and settings that keep changing.

use std::{
    collections::HashMap,
    num::NonZeroU64,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use kreplay_model::{
    domain::{Ordering, RateLimit},
    feed::Charge,
};
use parking_lot::Mutex;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{Engine, fixture::Fixture};
use crate::{
    handler::{Advice, Handler, LaneFailure, LaneRun},
    replay::{
        charges::SharedLedger,
        limits::limiter::Throttle,
        partition::Owner,
        run::worker::{self, WorkerStats},
    },
    settings::Retry,
};

const PARTITIONS: u32 = 6;
/// Far more than a run takes: at this point it hangs.
const DEADLINE: Duration = Duration::from_secs(90);

/// What the handlers have seen: the attempts of each record, and the newest handled record of each key in each
/// partition.
#[derive(Default)]
struct Seen {
    tries: HashMap<(u32, i64), u32>,
    newest: HashMap<(u32, Vec<u8>), i64>,
    out_of_order: Vec<(u32, i64)>,
    /// Number of handler calls in progress, and whether one of them has a barrier.
    inside: u32,
    barrier_inside: bool,
    /// How often a barrier was not handled alone.
    disturbed: u32,
    barriers: u64,
}

struct Checking {
    seen: Arc<Mutex<Seen>>,
    dice: StdRng,
    work: u32,
}

impl Handler for Checking {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let mut failures = Vec::new();
        let is_barrier = batch.iter().flat_map(|run| &run.records).any(|record| record.route.barrier);
        {
            let mut seen = self.seen.lock();
            let alone = batch.len() == 1 && batch[0].records.len() == 1 && seen.inside == 0;
            seen.disturbed += u32::from(seen.barrier_inside || is_barrier && !alone);
            seen.inside += 1;
            seen.barrier_inside |= is_barrier;
        }
        for (index, run) in batch.iter().enumerate() {
            for (done, record) in run.records.iter().enumerate() {
                for _ in 0..self.dice.random_range(0..self.work) {
                    std::hint::spin_loop();
                }
                let mut seen = self.seen.lock();
                let tries = seen.tries.entry((record.partition, record.offset)).or_default();
                *tries += 1;
                if *tries == 1 && record.offset % 17 == 3 {
                    failures.push(LaneFailure {
                        run: index,
                        done,
                        error: "the first time".into(),
                        advice: Advice::Retry,
                    });
                    break;
                }
                let key = record.key().unwrap_or_default().to_vec();
                let before = seen.newest.insert((record.partition, key), record.offset);
                if before.is_some_and(|before| before >= record.offset) {
                    seen.out_of_order.push((record.partition, record.offset));
                }
            }
        }
        let mut seen = self.seen.lock();
        seen.inside -= 1;
        seen.barrier_inside &= !is_barrier;
        seen.barriers += u64::from(is_barrier && failures.is_empty());
        failures
    }
}

struct Stress {
    fixture: Arc<Fixture>,
    seen: Arc<Mutex<Seen>>,
    dice: StdRng,
    threads: Vec<JoinHandle<()>>,
    /// The time of each worker thread.
    ledgers: Vec<(Arc<SharedLedger>, Arc<WorkerStats>)>,
    /// The maximum time in the handler, in iterations of a loop.
    work: u32,
}

impl Stress {
    fn engine(&self) -> &Arc<Engine> {
        &self.fixture.engine
    }

    fn set_workers(&mut self, workers: u32) {
        for id in self.engine().scheduler.set_workers(workers) {
            let handler = Checking {
                seen: Arc::clone(&self.seen),
                dice: StdRng::seed_from_u64(self.dice.random()),
                work: self.work,
            };
            let ledger = Arc::new(SharedLedger::begin(Instant::now()));
            self.engine().scheduler.set_ledger(id, Arc::clone(&ledger));
            let stats = Arc::<WorkerStats>::default();
            self.ledgers.push((Arc::clone(&ledger), Arc::clone(&stats)));
            let thread = worker::spawn(Arc::clone(self.engine()), id, stats, ledger, Box::new(handler), None);
            self.threads.push(thread.unwrap());
        }
        if self.engine().settings.ordering == Ordering::Partition {
            let owners: Vec<(u32, u32)> =
                (0..PARTITIONS).map(|partition| (partition, self.dice.random_range(0..workers))).collect();
            self.engine().scheduler.assign(owners.into_iter());
        }
    }

    /// Reads every second partition to its end, in random order and amounts.
    fn read(&mut self, odd: u32) {
        let fixture = Arc::clone(&self.fixture);
        let mut dice = StdRng::seed_from_u64(self.dice.random());
        self.threads.push(std::thread::spawn(move || {
            let mut next = vec![0; PARTITIONS as usize];
            let mut open: Vec<u32> = (0..PARTITIONS).filter(|partition| partition % 2 == odd).collect();
            while !open.is_empty() {
                let partition = open[dice.random_range(0..open.len())];
                let from = next[partition as usize];
                let to = (from + dice.random_range(1..60)).min(fixture.end(partition));
                fixture.deliver(partition, 1, from..to);
                next[partition as usize] = to;
                open.retain(|open| *open != partition || to < fixture.end(partition));
                if dice.random_ratio(1, 4) {
                    std::thread::yield_now();
                }
            }
        }));
    }

    /// `limits`: with barriers and changing rate limits.
    fn run(ordering: Ordering, seed: u64, limits: bool) {
        let mut dice = StdRng::seed_from_u64(seed);
        // Many short runs, because missed wake-ups show at the end of a run, and a few long ones.
        let records = if seed.is_multiple_of(12) { 1500 } else { dice.random_range(1..60) };
        let keys = dice.random_range(1..40_u8);
        let log = (0..PARTITIONS)
            .map(|_| (0..records).map(|_| dice.random_ratio(19, 20).then(|| dice.random_range(0..keys))).collect())
            .collect::<Vec<_>>();
        let retry = Retry { attempts: 1, first_delay: Duration::from_millis(1), ..Retry::default() };
        let mut fixture = Fixture::with_retry(ordering, &log, retry);
        fixture.barrier_every = limits.then(|| dice.random_range(3..40));
        let fixture = Arc::new(fixture);
        for partition in 0..PARTITIONS {
            fixture.engine.partitions.with(partition, |one| one.begin(1, 0, Owner::Shared));
            fixture.engine.scheduler.fence(std::iter::once((partition, 1)));
        }
        let work = if records > 60 { 200 } else { dice.random_range(1..20_000) };
        let mut this = Self { fixture, seen: Arc::default(), dice, threads: Vec::new(), ledgers: Vec::new(), work };
        this.set_workers(2);
        this.read(0);
        this.read(1);
        let begun = Instant::now();
        let mut changes = this.dice.random_range(0..if records > 60 { 300 } else { 8 });
        while this.engine().partitions.open() > 0 && begun.elapsed() < DEADLINE {
            if changes > 0 {
                changes -= 1;
                match this.dice.random_range(0..4) {
                    0 => this.engine().scheduler.set_paused(true),
                    _ => this.engine().scheduler.set_paused(false),
                }
                let workers = this.dice.random_range(1..=8);
                this.set_workers(workers);
                if limits {
                    this.set_limit();
                }
                for _ in 0..this.dice.random_range(0..20_000) {
                    std::hint::spin_loop();
                }
            } else {
                // From here on no worker is woken by accident: idle ones must have been woken in time.
                this.engine().scheduler.set_paused(false);
                while this.engine().partitions.open() > 0 && begun.elapsed() < DEADLINE {
                    std::thread::park_timeout(Duration::from_millis(1));
                }
            }
        }
        this.conclude(ordering, seed);
    }

    fn set_limit(&mut self) {
        let per_s = NonZeroU64::new(self.dice.random_range(5_000..100_000)).unwrap();
        let rate = match self.dice.random_range(0..4) {
            0 => None,
            1 => Some(RateLimit::Bytes(per_s.saturating_mul(NonZeroU64::MIN.saturating_add(4)))),
            _ => Some(RateLimit::Records(per_s)),
        };
        let throttle = match self.dice.random_range(0..4) {
            0 => Throttle::Records(20_000.0),
            _ => Throttle::Open,
        };
        self.engine().scheduler.set_rate(rate);
        self.engine().scheduler.set_throttle(throttle);
    }

    fn conclude(self, ordering: Ordering, seed: u64) {
        let engine = self.engine();
        let (open, load) = (engine.partitions.open(), engine.scheduler.load());
        engine.scheduler.stop();
        let lags: Vec<_> = engine.partitions.iter().map(|partition| partition.lock().lag()).collect();
        assert_eq!(
            open, 0,
            "{ordering:?} with seed {seed} hangs; {load:?} records are waiting and in flight; {lags:?}"
        );
        for thread in self.threads {
            thread.join().unwrap();
        }
        for (ledger, stats) in self.ledgers {
            assert!(ledger.has_ended());
            let charges = ledger.charges_at(Instant::now());
            assert_eq!(charges.of(Charge::Handling), stats.busy_ns.load(Relaxed), "both are measured together");
        }
        let engine = &self.fixture.engine;
        assert_eq!(engine.scheduler.load(), (0, 0));
        assert_eq!(engine.memory.held_bytes(), 0);
        let record_of = self.seen.lock();
        let all: usize = self.fixture.log.iter().map(Vec::len).sum();
        assert_eq!(record_of.tries.len(), all);
        let retried = engine.counters.retried.load(Relaxed);
        assert_eq!(u64::from(record_of.tries.values().sum::<u32>()), all as u64 + retried, "handled once each");
        let handled: u64 = engine.partitions.iter().map(|partition| partition.lock().handled).sum();
        assert_eq!((handled, engine.counters.skipped.load(Relaxed)), (all as u64, 0));
        assert_eq!(record_of.disturbed, 0, "a barrier was not alone");
        assert_eq!(engine.counters.barriers.load(Relaxed), record_of.barriers);
        if ordering != Ordering::None {
            assert_eq!(record_of.out_of_order, []);
            assert_eq!(self.fixture.digest(), self.fixture.digest_without(|_, _| false));
        }
    }
}

#[test]
fn with_key_order_every_record_is_handled_once_and_in_order() {
    (0..36).for_each(|seed| Stress::run(Ordering::Key, seed, false));
}

#[test]
fn with_partition_order_every_record_is_handled_once_and_in_order() {
    (0..36).for_each(|seed| Stress::run(Ordering::Partition, seed, false));
}

#[test]
fn without_order_every_record_is_handled_once() {
    (0..36).for_each(|seed| Stress::run(Ordering::None, seed, false));
}

#[test]
fn with_barriers_and_changing_rates_every_record_is_handled_once() {
    for ordering in [Ordering::Key, Ordering::Partition, Ordering::None] {
        (100..124).for_each(|seed| Stress::run(ordering, seed, true));
    }
}
