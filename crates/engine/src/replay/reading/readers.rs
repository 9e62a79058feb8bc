//! The reader threads of a run without a group.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use kreplay_kafka::{Catalog, Client, ClientError, Consumer, LogEnds, Reader, share_out};
use kreplay_model::domain::{Offset, Tier, TopicPartition};

use super::{
    choice::{ClientChoice, Clients, ReadingObservation},
    fetch::{READ_WAIT, RecordIngest},
    fetch_throttle::FetchThrottle,
    health::{BrokerHealthMonitor, PROBE_TIMEOUT},
    identity,
    retention::ExpiredPartitions,
    shares::{ShareChange, Shares},
    stall_detector::StallDetector,
};
use crate::{
    handler::PositionStore,
    replay::{engine::Engine, partition::Owner, position_claims::take_over, probe::FetchPacer},
};

/// How often a fetcher does its housekeeping: throttling, health checks, and partitions that are not being read.
pub const HOUSEKEEPING_INTERVAL: Duration = Duration::from_millis(50);

/// The longest sleep of a fetcher that reads at an even rate.
const MAX_PACED_SLEEP: Duration = Duration::from_millis(1);

/// A further client that has had nothing to read for this long is closed.
const IDLE_CLIENT_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts reading every partition that is not complete, with one client or with as many as the tier uses.
///
/// # Errors
/// The operating system has no thread left.
pub fn spawn_readers(engine: &Arc<Engine>, client: &Client, headers: bool) -> std::io::Result<Vec<JoinHandle<()>>> {
    let known = engine.partitions.count();
    let (open, left) = unread_partitions(engine, 0..known);
    let max_clients = engine.settings.clients().min(open.len().max(1));
    // A measurement at an even rate is not limited by reading, so it needs no choice.
    let has_choice = engine.settings.tier == Tier::Auto
        && max_clients > 1
        && engine.settings.probe.is_none_or(|it| it.fetch_rate.is_none());
    let choice = has_choice.then(|| ClientChoice::new(left.iter().sum(), Instant::now()));
    let initial_clients = match (&choice, engine.settings.tier) {
        (Some(choice), _) if choice.clients() == Clients::Several => max_clients,
        (None, Tier::Dedicated) => max_clients,
        _ => 1,
    };
    let shares: Vec<Vec<u32>> = partitions_at(share_out(initial_clients, &left), &open);
    let fetchers = if has_choice { max_clients } else { shares.len() };
    let shares = Arc::new(Shares::new(&shares));
    engine.ingress.clients.store(shares.clients(), Relaxed);
    let clients = u32::try_from(fetchers).unwrap_or(1);
    let spawn = |number: u32| {
        let (engine, client, shares) = (Arc::clone(engine), client.clone(), Arc::clone(&shares));
        let choice = choice.clone().filter(|_| number == 0);
        std::thread::Builder::new().name(format!("fetcher-{number}")).spawn(move || {
            let rate = engine.settings.probe.and_then(|probe| probe.fetch_rate).map(|rate| rate / clients);
            let fetcher = Fetcher::new(&engine, &client, &shares, number, known, headers);
            if let Err(error) = fetcher.read_all(choice, rate) {
                engine.fail(error.to_string());
            }
        })
    };
    (0..clients).map(spawn).collect()
}

/// Claims every partition and then reads from the target's positions, on a separate thread. The thread ends when the
/// run stops reading.
///
/// # Errors
/// The operating system has no thread left.
pub fn spawn_claiming_readers(engine: &Arc<Engine>, client: &Client, headers: bool) -> std::io::Result<JoinHandle<()>> {
    let (engine, client) = (Arc::clone(engine), client.clone());
    std::thread::Builder::new().name("fetcher".into()).spawn(move || {
        let known = engine.partitions.count();
        if !take_over(&engine, &client, &(0..known).collect::<Vec<_>>()) {
            return;
        }
        match spawn_readers(&engine, &client, headers) {
            Ok(threads) => threads.into_iter().for_each(|thread| drop(thread.join())),
            Err(error) => engine.fail(format!("the operating system cannot start another thread ({error})")),
        }
    })
}

/// The partitions that have something left to read, and how many offsets each.
fn unread_partitions(engine: &Engine, partitions: impl Iterator<Item = u32>) -> (Vec<u32>, Vec<u64>) {
    let left = |index: u32| {
        let (failed, end) = {
            let partition = engine.partitions.lock(index);
            (partition.has_failed(), partition.end)
        };
        let left = Offset::new(end).map_or(0, |end| end.since(start_offset(engine, index)));
        (index, if failed { 0 } else { left })
    };
    partitions.map(left).filter(|(_, left)| *left > 0 || engine.plan.follow).unzip()
}

/// Replaces indexes into `partitions` by the partitions.
fn partitions_at(shares: Vec<Vec<u32>>, partitions: &[u32]) -> Vec<Vec<u32>> {
    shares.into_iter().map(|share| share.into_iter().map(|place| partitions[place as usize]).collect()).collect()
}

/// The offset at which reading starts: where an interrupted run stopped, or the plan's first offset.
fn start_offset(engine: &Engine, index: u32) -> Offset {
    let reached = engine.partitions.lock(index).reached();
    reached.and_then(Offset::new).unwrap_or(engine.partitions.planned(index).first)
}

/// One client and the partitions it reads.
struct Fetcher<'a> {
    engine: &'a Arc<Engine>,
    /// The client that the plan was made with. Used for lookups.
    client: &'a Client,
    shares: &'a Shares,
    number: u32,
    /// The number of partitions that have been shared out.
    known: u32,
    assigned: Vec<u32>,
    /// The fetcher's own client, while it has something to read.
    reader: Option<Reader>,
    ingest: RecordIngest,
    fetch_throttle: FetchThrottle,
    expired: ExpiredPartitions,
    /// The version of the shares that this fetcher last applied.
    version: u64,
}

impl<'a> Fetcher<'a> {
    fn new(
        engine: &'a Arc<Engine>,
        client: &'a Client,
        shares: &'a Shares,
        number: u32,
        known: u32,
        headers: bool,
    ) -> Self {
        Self {
            engine,
            client,
            shares,
            number,
            known,
            assigned: Vec::new(),
            reader: None,
            ingest: RecordIngest::new(engine.partitions.len(), headers),
            fetch_throttle: FetchThrottle::default(),
            expired: ExpiredPartitions::default(),
            version: 0,
        }
    }

    fn open(&self) -> Result<Reader, ClientError> {
        let (tier, client) = (self.engine.settings.tier, self.client);
        // The client that the plan was made with already knows the topics. Further clients connect in their own
        // threads.
        if self.number == 0 {
            return Reader::new(client.clone(), tier);
        }
        Reader::connect(client.config(), client.health(), tier, &self.engine.plan.topics)
    }

    /// Starts partitions that were assigned to this fetcher, and releases those that were reassigned.
    fn apply_shares(&mut self) -> Result<(), ClientError> {
        let version = self.shares.version();
        if version == self.version {
            return Ok(());
        }
        self.version = version;
        let ShareChange { release, start } = self.shares.change(self.number, &self.assigned);
        if let Some(reader) = &mut self.reader {
            for &index in &release {
                // Everything read of it has been delivered, so the next client starts after it.
                reader.stop(self.engine.partitions.id(index));
                self.fetch_throttle.forget(index);
                self.expired.forget(index);
            }
        }
        if !release.is_empty() {
            self.assigned.retain(|index| !release.contains(index));
            self.shares.released(&release);
        }
        if start.is_empty() {
            return Ok(());
        }
        if self.reader.is_none() {
            self.reader = Some(self.open()?);
        }
        for index in start {
            self.assigned.push(index);
            self.start(index, start_offset(self.engine, index));
        }
        Ok(())
    }

    fn start(&mut self, index: u32, from: Offset) {
        let Some(reader) = &mut self.reader else { return };
        let id = self.engine.partitions.id(index);
        match reader.start(id, from) {
            // This client may have paused the partition when it read it earlier.
            Ok(()) => reader.set_paused(std::slice::from_ref(id), false),
            Err(error) => self.engine.fail_partition(index, &error.to_string()),
        }
    }

    /// Begins partitions that joined the run, and shares them out.
    fn start_joined(&mut self) {
        let engine = self.engine;
        let count = u32::try_from(engine.partitions.len()).unwrap_or(u32::MAX);
        if count == self.known {
            return;
        }
        let joined: Vec<u32> = (self.known..count).collect();
        self.known = count;
        if engine.position_store() == PositionStore::Run {
            for &index in &joined {
                let first = engine.partitions.planned(index).first.get();
                engine.partitions.with(index, |one| one.begin(0, first, Owner::Shared));
                engine.reorder_begin(index, 0, first);
            }
        } else if !take_over(engine, self.client, &joined) {
            return;
        }
        self.shares.add(joined.into_iter());
    }

    fn read_all(mut self, mut choice: Option<ClientChoice>, rate: Option<u32>) -> Result<(), ClientError> {
        let engine = self.engine;
        let health = Arc::clone(self.client.health());
        let (mut health_monitor, mut last_housekeeping) = (BrokerHealthMonitor::default(), Instant::now());
        let mut stall_detector = StallDetector::new(last_housekeeping);
        let mut last_busy = last_housekeeping;
        let mut waits = 0;
        let mut pacer = rate.map(|rate| FetchPacer::new(rate, last_housekeeping));
        while !engine.reading_stopped() {
            self.apply_shares()?;
            let has_capacity = engine.wait_for_capacity(READ_WAIT);
            if !has_capacity {
                self.shares.note_wait();
            }
            if let Some(reader) = self.reader.as_mut().filter(|_| !self.assigned.is_empty()) {
                last_busy = last_housekeeping;
                let max_records = match &mut pacer {
                    _ if !has_capacity => 0,
                    Some(pacer) => pacer.due(Instant::now()),
                    None => self.ingest.max_records(engine, self.shares.clients()),
                };
                if max_records > 0 {
                    let ingest = &mut self.ingest;
                    let read = reader.read(READ_WAIT, max_records, &mut |fetched| ingest.add(engine, fetched));
                    let records = ingest.flush(engine, self.client);
                    self.shares.note_read(records);
                    health_monitor.note_records(engine, &health, records);
                    self.expired.add(ingest.take_expired());
                    if let Some(pacer) = &mut pacer {
                        pacer.note_taken(read, Instant::now());
                    }
                } else {
                    reader.serve();
                    if has_capacity {
                        std::thread::sleep(MAX_PACED_SLEEP);
                    }
                }
            } else {
                self.shares.wait(self.version, HOUSEKEEPING_INTERVAL);
            }
            if last_housekeeping.elapsed() >= HOUSEKEEPING_INTERVAL || engine.reorder_buffer_is_full(&self.assigned) {
                last_housekeeping = Instant::now();
                self.do_housekeeping(last_housekeeping);
                if self.number == 0 {
                    self.start_joined();
                    if let Some(reader) = &self.reader {
                        health_monitor
                            .check(engine, &health, last_housekeeping, |topic| reader.probe(topic, PROBE_TIMEOUT));
                        stall_detector.check(engine, last_housekeeping, |topic| reader.presence(topic, PROBE_TIMEOUT));
                    }
                    if let Some(choice) = &mut choice {
                        let before = std::mem::replace(&mut waits, self.shares.waits());
                        self.update_client_count(choice, waits > before, last_housekeeping);
                    }
                } else if self.assigned.is_empty()
                    && last_housekeeping.saturating_duration_since(last_busy) >= IDLE_CLIENT_TIMEOUT
                {
                    self.reader.take().into_iter().for_each(Reader::close);
                }
            }
        }
        if let Some(reader) = self.reader {
            health_monitor.finish(engine, &health, |topic| reader.probe(topic, PROBE_TIMEOUT));
            reader.close();
        }
        Ok(())
    }

    /// Restarts partitions whose records were deleted by retention, and throttles or releases partitions.
    fn do_housekeeping(&mut self, now: Instant) {
        let engine = self.engine;
        let ends = |id: &TopicPartition| ends_if_not_recreated(engine, self.client, id);
        let again = self.expired.check(engine, now, |index| self.ingest.epoch_of(index), ends);
        for (index, offset) in again {
            if let Some(reader) = &mut self.reader {
                reader.stop(engine.partitions.id(index));
            }
            self.fetch_throttle.forget(index);
            self.start(index, offset);
        }
        let changes = self.fetch_throttle.decide(engine, &self.assigned, self.ingest.record_bytes(), now);
        if let Some(reader) = &self.reader {
            changes.apply(engine, reader);
        }
        if self.fetch_throttle.has_unread_throttled(engine) {
            self.shares.note_wait();
        }
    }

    /// Decides how many clients read, and shares the remaining work out again if that number changes.
    fn update_client_count(&self, choice: &mut ClientChoice, waited: bool, now: Instant) {
        let engine = self.engine;
        let (open, left) = unread_partitions(engine, 0..self.known);
        let is_handler_bound = waited || engine.scheduler.is_paused();
        let observation =
            ReadingObservation { read: self.shares.records_read(), left: left.iter().sum(), is_handler_bound };
        if let Some(clients) = choice.observe(observation, now) {
            let max_clients = if clients == Clients::One { 1 } else { engine.settings.clients() };
            let shares = partitions_at(share_out(max_clients, &left), &open);
            self.shares.share_out(&shares);
            engine.ingress.clients.store(self.shares.clients(), Relaxed);
        }
    }
}

/// The first and last offset of a partition's log, if its topic was not recreated; `None` without an answer in time. A
/// recreated topic fails.
pub fn ends_if_not_recreated(engine: &Engine, client: &Client, id: &TopicPartition) -> Option<LogEnds> {
    identity::check(engine, client, &[id.topic.to_string()], PROBE_TIMEOUT)?;
    log_ends(client, id)
}

/// The first and last offset of a partition's log; `None` without an answer in time.
fn log_ends(client: &Client, id: &TopicPartition) -> Option<LogEnds> {
    Catalog::new(client, PROBE_TIMEOUT).log_ends(std::slice::from_ref(id)).ok()?.pop()
}
