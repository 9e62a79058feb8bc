//! The threads that read: one without a group, or one for each member of a group.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{
    choice::{Choice, Clients, Seen},
    fetch::{Intake, READ_WAIT},
    health::{PROBE_WAIT, Watch},
    hold_back::HoldBack,
    identity,
    retention::Expired,
    shares::{Change, Shares},
    silence::Silence,
};
use crate::{
    domain::{Offset, Tier, TopicPartition},
    feed::Owner,
    handler::KeptBy,
    kafka::{Catalog, Client, ClientError, Consumer, LogEnds, Reader, share_out},
    replay::{engine::Engine, probe::Pace, target::take_over},
};

/// How often a fetcher looks after what is not reading.
pub(super) const HOUSEKEEPING: Duration = Duration::from_millis(50);

/// The longest sleep of a fetcher that is to take records at an even rate.
const PACED_WAIT: Duration = Duration::from_millis(1);

/// A client that has had nothing to read for so long is let go.
const KEPT_IDLE: Duration = Duration::from_secs(5);

/// Starts reading every partition that is not complete, without a group: with one client, or with as many as the tier has.
///
/// # Errors
/// The operating system has no thread left.
pub fn spawn_readers(engine: &Arc<Engine>, client: &Client, headers: bool) -> std::io::Result<Vec<JoinHandle<()>>> {
    let known = u32::try_from(engine.planned.len()).unwrap_or(u32::MAX);
    let (open, left) = still_to_read(engine, 0..known);
    let most = engine.settings.clients().min(open.len().max(1));
    // A measurement that takes records at an even rate is not limited by reading.
    let chooses = engine.settings.tier == Tier::Auto
        && most > 1
        && engine.settings.probe.is_none_or(|it| it.fetch_rate.is_none());
    let choice = chooses.then(|| Choice::new(left.iter().sum(), Instant::now()));
    let begin = match (&choice, engine.settings.tier) {
        (Some(choice), _) if choice.clients() == Clients::Several => most,
        (None, Tier::Dedicated) => most,
        _ => 1,
    };
    let shares: Vec<Vec<u32>> = places(share_out(begin, &left), &open);
    let fetchers = if chooses { most } else { shares.len() };
    let shares = Arc::new(Shares::new(&shares));
    engine.clients.store(shares.clients(), Relaxed);
    let clients = u32::try_from(fetchers).unwrap_or(1);
    let spawn = |number: u32| {
        let (engine, client, shares) = (Arc::clone(engine), client.clone(), Arc::clone(&shares));
        let choice = choice.clone().filter(|_| number == 0);
        std::thread::Builder::new().name(format!("fetcher-{number}")).spawn(move || {
            let pace = engine.settings.probe.and_then(|probe| probe.fetch_rate).map(|rate| rate / clients);
            let fetcher = Fetcher::new(&engine, &client, &shares, number, known, headers);
            if let Err(error) = fetcher.read_all(choice, pace) {
                engine.fail(error.to_string());
            }
        })
    };
    (0..clients).map(spawn).collect()
}

/// The partitions that have something left to read, and how much.
fn still_to_read(engine: &Engine, partitions: impl Iterator<Item = u32>) -> (Vec<u32>, Vec<u64>) {
    let left = |index: u32| {
        let (failed, end) = {
            let partition = engine.partitions[index as usize].lock();
            (partition.has_failed(), partition.end)
        };
        let left = Offset::new(end).map_or(0, |end| end.since(start_of(engine, index)));
        (index, if failed { 0 } else { left })
    };
    partitions.map(left).filter(|(_, left)| *left > 0 || engine.plan.follow).unzip()
}

/// From places in a list to what is there.
fn places(shares: Vec<Vec<u32>>, partitions: &[u32]) -> Vec<Vec<u32>> {
    shares.into_iter().map(|share| share.into_iter().map(|place| partitions[place as usize]).collect()).collect()
}

/// Where reading begins: at the plan's first offset, or where a run that goes on was interrupted.
fn start_of(engine: &Engine, index: u32) -> Offset {
    let reached = engine.partitions[index as usize].lock().reached();
    reached.and_then(Offset::new).unwrap_or(engine.planned[index as usize].first)
}

/// One client that reads, and what it reads.
struct Fetcher<'a> {
    engine: &'a Arc<Engine>,
    /// The client that the plan was made with.
    client: &'a Client,
    shares: &'a Shares,
    number: u32,
    /// How many partitions have been shared out.
    known: u32,
    mine: Vec<u32>,
    /// Its own client, while it has something to read.
    reader: Option<Reader>,
    intake: Intake,
    hold_back: HoldBack,
    expired: Expired,
    /// Which change of the shares it has seen.
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
            mine: Vec::new(),
            reader: None,
            intake: Intake::new(engine.partitions.len(), headers),
            hold_back: HoldBack::default(),
            expired: Expired::default(),
            version: 0,
        }
    }

    fn open(&self) -> Result<Reader, ClientError> {
        let (tier, client) = (self.engine.settings.tier, self.client);
        // The client that the plan was made with knows the topics already; the others are in threads of their own.
        if self.number == 0 {
            return Reader::new(client.clone(), tier);
        }
        Reader::further(client.config(), client.health(), tier, &self.engine.plan.topics)
    }

    /// Takes partitions over that are its own now, and gives up those that are not.
    fn follow_shares(&mut self) -> Result<(), ClientError> {
        let version = self.shares.version();
        if version == self.version {
            return Ok(());
        }
        self.version = version;
        let Change { give_up, take } = self.shares.change(self.number, &self.mine);
        if let Some(reader) = &mut self.reader {
            for &index in &give_up {
                // What was read has been passed on: the next one begins behind it.
                reader.stop(self.engine.id(index));
                self.hold_back.forget(index);
                self.expired.forget(index);
            }
        }
        if !give_up.is_empty() {
            self.mine.retain(|index| !give_up.contains(index));
            self.shares.released(&give_up);
        }
        if take.is_empty() {
            return Ok(());
        }
        if self.reader.is_none() {
            self.reader = Some(self.open()?);
        }
        for index in take {
            self.mine.push(index);
            self.start(index, start_of(self.engine, index));
        }
        Ok(())
    }

    fn start(&mut self, index: u32, from: Offset) {
        let Some(reader) = &mut self.reader else { return };
        let id = self.engine.id(index);
        match reader.start(id, from) {
            // A client that has read it before may have held it back then.
            Ok(()) => reader.set_paused(std::slice::from_ref(id), false),
            Err(error) => self.engine.give_up(index, &error.to_string()),
        }
    }

    /// Partitions that have joined are begun, and shared out.
    fn take_joined(&mut self) {
        let engine = self.engine;
        let count = u32::try_from(engine.partitions.len()).unwrap_or(u32::MAX);
        if count == self.known {
            return;
        }
        let joined: Vec<u32> = (self.known..count).collect();
        self.known = count;
        if engine.kept_by() == KeptBy::Run {
            for &index in &joined {
                engine.with(index, |one| one.begin(0, engine.planned[index as usize].first.get(), Owner::Shared));
            }
        } else if !take_over(engine, self.client, &joined) {
            return;
        }
        self.shares.add(joined.into_iter());
    }

    fn read_all(mut self, mut choice: Option<Choice>, pace: Option<u32>) -> Result<(), ClientError> {
        let engine = self.engine;
        let health = Arc::clone(self.client.health());
        let (mut watch, mut tidied) = (Watch::default(), Instant::now());
        let mut silence = Silence::new(tidied);
        let mut busy = tidied;
        let mut waits = 0;
        let mut pace = pace.map(|rate| Pace::new(rate, tidied));
        while !engine.reading_stopped() {
            self.follow_shares()?;
            let has_room = engine.wait_for_room(READ_WAIT);
            if !has_room {
                self.shares.note_wait();
            }
            if let Some(reader) = self.reader.as_mut().filter(|_| !self.mine.is_empty()) {
                busy = tidied;
                let most = match &mut pace {
                    _ if !has_room => 0,
                    Some(pace) => pace.due(Instant::now()),
                    None => self.intake.most(engine, self.shares.clients()),
                };
                if most > 0 {
                    let intake = &mut self.intake;
                    let read = reader.read(READ_WAIT, most, &mut |fetched| intake.take(engine, fetched));
                    let records = intake.flush(engine, self.client);
                    self.shares.note_read(records);
                    watch.read(engine, &health, records);
                    self.expired.found(intake.take_expired());
                    if let Some(pace) = &mut pace {
                        pace.took(read, Instant::now());
                    }
                } else {
                    reader.serve();
                    if has_room {
                        std::thread::sleep(PACED_WAIT);
                    }
                }
            } else {
                self.shares.wait(self.version, HOUSEKEEPING);
            }
            if tidied.elapsed() >= HOUSEKEEPING || engine.staging_is_full(&self.mine) {
                tidied = Instant::now();
                self.tidy(tidied);
                if self.number == 0 {
                    self.take_joined();
                    if let Some(reader) = &self.reader {
                        watch.look(engine, &health, |topic| reader.probe(topic, PROBE_WAIT));
                        silence.look(engine, tidied, |topic| reader.presence(topic, PROBE_WAIT));
                    }
                    if let Some(choice) = &mut choice {
                        let before = std::mem::replace(&mut waits, self.shares.waits());
                        self.choose(choice, waits > before, tidied);
                    }
                } else if self.mine.is_empty() && tidied.saturating_duration_since(busy) >= KEPT_IDLE {
                    self.reader.take().into_iter().for_each(Reader::close);
                }
            }
        }
        if let Some(reader) = self.reader {
            watch.end(engine, &health, |topic| reader.probe(topic, PROBE_WAIT));
            reader.close();
        }
        Ok(())
    }

    /// Reads partitions anew that retention has cut, holds partitions back and lets them go on.
    fn tidy(&mut self, now: Instant) {
        let engine = self.engine;
        let ends = |id: &TopicPartition| ends_of_same(engine, self.client, id);
        let again = self.expired.look(engine, now, |index| self.intake.epoch_of(index), ends);
        for (index, offset) in again {
            if let Some(reader) = &mut self.reader {
                reader.stop(engine.id(index));
            }
            self.hold_back.forget(index);
            self.start(index, offset);
        }
        let changes = self.hold_back.decide(engine, &self.mine, self.intake.record_bytes(), now);
        if let Some(reader) = &self.reader {
            changes.apply(engine, reader);
        }
        if self.hold_back.is_holding(engine) {
            self.shares.note_wait();
        }
    }

    /// Decides how many clients read, and shares out what is left where that changes.
    fn choose(&self, choice: &mut Choice, waited: bool, now: Instant) {
        let engine = self.engine;
        let (open, left) = still_to_read(engine, 0..self.known);
        let handlers_limit = waited || engine.board.is_paused();
        let seen = Seen {
            read: self.shares.records_read(),
            left: left.iter().sum(),
            record_bytes: self.intake.record_bytes(),
            handlers_limit,
        };
        if let Some(clients) = choice.look(seen, now) {
            let most = if clients == Clients::One { 1 } else { engine.settings.clients() };
            let shares = places(share_out(most, &left), &open);
            self.shares.share_out(&shares);
            engine.clients.store(self.shares.clients(), Relaxed);
        }
    }
}

/// Where the log of a partition begins and ends, if its topic is still the same; `None` where nobody answers soon. A topic that was
/// created again is given up.
pub(super) fn ends_of_same(engine: &Engine, client: &Client, id: &TopicPartition) -> Option<LogEnds> {
    identity::check(engine, client, &[id.topic.to_string()], PROBE_WAIT)?;
    log_ends(client, id)
}

/// Where a partition's log begins and ends; `None` where nobody answers soon.
fn log_ends(client: &Client, id: &TopicPartition) -> Option<LogEnds> {
    Catalog::new(client, PROBE_WAIT).log_ends(std::slice::from_ref(id)).ok()?.pop()
}

pub(super) fn ids(engine: &Engine, partitions: &[u32]) -> Vec<TopicPartition> {
    partitions.iter().map(|index| engine.id(*index).clone()).collect()
}
