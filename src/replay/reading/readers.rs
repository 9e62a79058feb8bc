//! The threads that read: one without a group, or one for each member of a group.

use std::{
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{
    fetch::{HoldBack, Intake, READ_WAIT},
    health::{PROBE_WAIT, Watch},
    identity,
    retention::Expired,
    silence::Silence,
};
use crate::{
    domain::{Offset, TopicPartition},
    feed::Owner,
    handler::KeptBy,
    kafka::{Catalog, Client, ClientError, Consumer, LogEnds, Reader, share_out},
    plan::PlannedPartition,
    replay::{engine::Engine, probe::Pace, target::take_over},
};

/// How often a fetcher looks after what is not reading.
pub(super) const HOUSEKEEPING: Duration = Duration::from_millis(50);

/// The longest sleep of a fetcher that is to take records at an even rate.
const PACED_WAIT: Duration = Duration::from_millis(1);

/// Starts reading every partition that is not complete, without a group: with one client, or with as many as the tier has.
///
/// # Errors
/// The operating system has no thread left.
pub fn spawn_readers(engine: &Arc<Engine>, client: &Client, headers: bool) -> std::io::Result<Vec<JoinHandle<()>>> {
    let planned = &engine.planned;
    let known = u32::try_from(planned.len()).unwrap_or(u32::MAX);
    let left = |(one, index): (&PlannedPartition, u32)| (index, one.end.since(start_of(engine, index)));
    let (open, left): (Vec<u32>, Vec<u64>) =
        planned.iter().zip(0..known).map(left).filter(|(_, left)| *left > 0 || engine.plan.follow).unzip();
    let shares = share_out(engine.settings.tier, engine.settings.clients(), &left);
    let clients = u32::try_from(shares.len()).unwrap_or(1);
    let spawn = |(number, share): (u32, Vec<u32>)| {
        let (engine, client) = (Arc::clone(engine), client.clone());
        let mine = share.into_iter().map(|place| open[place as usize]).collect();
        std::thread::Builder::new().name(format!("fetcher-{number}")).spawn(move || {
            let pace = engine.settings.probe.and_then(|probe| probe.fetch_rate).map(|rate| rate / clients);
            let fetcher = Fetcher { engine: &engine, number, fetchers: clients, known, mine, pace };
            if let Err(error) = fetcher.read_all(&client, headers) {
                engine.fail(error.to_string());
            }
        })
    };
    (0..).zip(shares).map(spawn).collect()
}

/// Where reading begins: at the plan's first offset, or where a run that goes on was interrupted.
fn start_of(engine: &Engine, index: u32) -> Offset {
    let reached = engine.partitions[index as usize].lock().reached();
    reached.and_then(Offset::new).unwrap_or(engine.planned[index as usize].first)
}

/// One client that reads, and what it reads.
struct Fetcher<'a> {
    engine: &'a Arc<Engine>,
    number: u32,
    /// How many share the work.
    fetchers: u32,
    /// How many partitions have been shared out among them.
    known: u32,
    mine: Vec<u32>,
    /// Records a second, where a measurement sets them.
    pace: Option<u32>,
}

impl Fetcher<'_> {
    fn open(&self, client: Client) -> Result<Reader, ClientError> {
        let tier = self.engine.settings.tier;
        // The client that the plan was made with knows the topics already; the others are in threads of their own.
        if self.number == 0 {
            return Reader::new(client, tier);
        }
        Reader::further(client.config(), client.health(), tier, &self.engine.plan.topics)
    }

    /// Partitions that have joined: every fetcher has its part of them.
    fn take_joined(&mut self, reader: &mut Reader, client: &Client) {
        let engine = self.engine;
        let count = u32::try_from(engine.partitions.len()).unwrap_or(u32::MAX);
        let joined: Vec<u32> = (self.known..count).filter(|index| index % self.fetchers == self.number).collect();
        if engine.kept_by() == KeptBy::Run {
            for &index in &joined {
                engine.with(index, |one| one.begin(0, engine.planned[index as usize].first.get(), Owner::Shared));
            }
        } else if !take_over(engine, client, &joined) {
            self.known = count;
            return;
        }
        for index in joined {
            self.mine.push(index);
            if let Err(error) = reader.start(engine.id(index), start_of(engine, index)) {
                engine.give_up(index, &error.to_string());
            }
        }
        self.known = count;
    }

    fn read_all(mut self, client: &Client, headers: bool) -> Result<(), ClientError> {
        let engine = self.engine;
        let health = Arc::clone(client.health());
        let mut reader = self.open(client.clone())?;
        for &index in &self.mine {
            let planned = &engine.planned[index as usize];
            if let Err(error) = reader.start(&planned.id, start_of(engine, index)) {
                engine.give_up(index, &error.to_string());
            }
        }
        let mut intake = Intake::new(engine.partitions.len(), headers);
        let (mut hold_back, mut watch, mut tidied) = (HoldBack::default(), Watch::default(), Instant::now());
        let mut silence = Silence::new(tidied);
        let mut expired = Expired::default();
        let mut pace = self.pace.map(|rate| Pace::new(rate, tidied));
        while !engine.reading_stopped() {
            if engine.wait_for_room(READ_WAIT) {
                let most = pace.as_mut().map_or(engine.settings.fetch_batch as usize, |pace| pace.due(Instant::now()));
                if most > 0 {
                    let read = reader.read(READ_WAIT, most, &mut |fetched| intake.take(engine, fetched));
                    watch.read(engine, &health, intake.flush(engine, client));
                    expired.found(intake.take_expired());
                    if let Some(pace) = &mut pace {
                        pace.took(read, Instant::now());
                    }
                } else {
                    std::thread::sleep(PACED_WAIT);
                }
            } else {
                reader.serve();
            }
            if tidied.elapsed() >= HOUSEKEEPING || engine.staging_is_full(&self.mine) {
                tidied = Instant::now();
                self.take_joined(&mut reader, client);
                let ends = |id: &TopicPartition| ends_of_same(engine, client, id);
                for (index, offset) in expired.look(engine, tidied, |index| intake.epoch_of(index), ends) {
                    let id = engine.id(index);
                    reader.stop(id);
                    hold_back.forget(index);
                    if let Err(error) = reader.start(id, offset) {
                        engine.give_up(index, &error.to_string());
                    }
                    reader.set_paused(std::slice::from_ref(id), false);
                }
                let (pause, resume) = hold_back.decide(engine, &self.mine);
                set_paused(engine, &pause, true, |ids, paused| reader.set_paused(ids, paused));
                set_paused(engine, &resume, false, |ids, paused| reader.set_paused(ids, paused));
                if self.number == 0 {
                    watch.look(engine, &health, |topic| reader.probe(topic, PROBE_WAIT));
                    silence.look(engine, tidied, |topic| reader.presence(topic, PROBE_WAIT));
                }
            }
        }
        watch.end(engine, &health, |topic| reader.probe(topic, PROBE_WAIT));
        reader.close();
        Ok(())
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

pub(super) fn set_paused(
    engine: &Engine,
    partitions: &[u32],
    paused: bool,
    apply: impl FnOnce(&[TopicPartition], bool),
) {
    if !partitions.is_empty() {
        apply(&ids(engine, partitions), paused);
    }
}

pub(super) fn ids(engine: &Engine, partitions: &[u32]) -> Vec<TopicPartition> {
    partitions.iter().map(|index| engine.id(*index).clone()).collect()
}
