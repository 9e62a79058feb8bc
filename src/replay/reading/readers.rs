//! The threads that read: one without a group, or one for each member of a group.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{
    fetch::{HoldBack, Intake, READ_WAIT},
    health::{PROBE_WAIT, Watch},
    retention::Expired,
    silence::Silence,
};
use crate::{
    domain::{Offset, TopicPartition},
    feed::{EventKind, Owner},
    kafka::{
        Catalog, Client, ClientError, ClientHealth, Consumer, LogEnds, Member, MemberConfig, Place, Reader, share_out,
    },
    plan::PlannedPartition,
    replay::{
        engine::Engine,
        group::{membership::RunMembership, rebalance::Rebalances},
        probe::Pace,
    },
};

/// How often a fetcher looks after what is not reading.
const HOUSEKEEPING: Duration = Duration::from_millis(50);
/// How often a member looks up partitions that other processes have.
const ELSEWHERE: Duration = Duration::from_millis(500);

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
    engine: &'a Engine,
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
    fn take_joined(&mut self, reader: &mut Reader) {
        let engine = self.engine;
        let count = u32::try_from(engine.partitions.len()).unwrap_or(u32::MAX);
        for index in (self.known..count).filter(|index| index % self.fetchers == self.number) {
            let planned = &engine.planned[index as usize];
            engine.with(index, |one| one.begin(0, planned.first.get(), Owner::Shared));
            self.mine.push(index);
            if let Err(error) = reader.start(&planned.id, planned.first) {
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
                    watch.read(engine, &health, intake.flush(engine));
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
                self.take_joined(&mut reader);
                let ends = |id: &TopicPartition| log_ends(client, id);
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
                    watch.look(engine, &health, || {
                        engine.plan.topics.first().is_some_and(|topic| reader.probe(topic, PROBE_WAIT))
                    });
                    silence.look(engine, tidied, |topic| reader.is_missing(topic, PROBE_WAIT));
                }
            }
        }
        reader.close();
        Ok(())
    }
}

/// Where a partition's log begins and ends; `None` where nobody answers soon.
fn log_ends(client: &Client, id: &TopicPartition) -> Option<LogEnds> {
    Catalog::new(client, PROBE_WAIT).log_ends(std::slice::from_ref(id)).ok()?.pop()
}

fn set_paused(engine: &Engine, partitions: &[u32], paused: bool, apply: impl FnOnce(&[TopicPartition], bool)) {
    if !partitions.is_empty() {
        apply(&ids(engine, partitions), paused);
    }
}

fn ids(engine: &Engine, partitions: &[u32]) -> Vec<TopicPartition> {
    partitions.iter().map(|index| engine.id(*index).clone()).collect()
}

/// A member that reads on a thread of its own.
pub struct MemberThread {
    leave: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// What all members of this process share.
#[derive(Clone)]
pub struct GroupContext {
    /// The run.
    pub engine: Arc<Engine>,
    /// How to join.
    pub config: MemberConfig,
    /// What partitions are looked up with.
    pub client: Client,
    /// The connection's state.
    pub health: Arc<ClientHealth>,
    /// Who owns what.
    pub rebalances: Arc<Mutex<Rebalances>>,
    /// Whether the handler wants headers.
    pub headers: bool,
}

impl MemberThread {
    /// Starts a member.
    ///
    /// # Errors
    /// The operating system has no thread left.
    pub fn spawn(context: GroupContext, number: u32) -> std::io::Result<Self> {
        let leave = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&leave);
        let thread = std::thread::Builder::new().name(format!("member-{number}")).spawn(move || {
            if let Err(error) = MemberLoop::run(&context, number, &told) {
                context.engine.fail(error.to_string());
            }
        })?;
        Ok(Self { leave, thread })
    }

    /// Tells it to give its partitions back and go.
    pub fn leave(&self) {
        self.leave.store(true, Relaxed);
    }

    /// Whether it has been told to go.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.leave.load(Relaxed)
    }

    /// Whether it has gone.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.thread.is_finished()
    }
}

struct MemberLoop<'a> {
    context: &'a GroupContext,
    number: u32,
    member: Member,
    membership: Arc<RunMembership>,
    intake: Intake,
    hold_back: HoldBack,
    watch: Watch,
    silence: Silence,
    tidied: Instant,
    committed: Instant,
    looked_elsewhere: Instant,
    /// How many topics it has subscribed to.
    topics: usize,
    expired: Expired,
    /// Partitions that are read on under a new assignment only.
    stuck: Vec<u32>,
    /// The last complaint of the group that was told.
    warned: Option<String>,
}

impl<'a> MemberLoop<'a> {
    fn run(context: &'a GroupContext, number: u32, leave: &AtomicBool) -> Result<(), ClientError> {
        let engine = &context.engine;
        let membership = RunMembership::new(Arc::clone(engine), number, Arc::clone(&context.rebalances))
            .with_client(context.client.clone(), context.config.longest_wait());
        let membership = Arc::new(membership);
        let topics: Vec<String> = engine.topics.iter().cloned().collect();
        let place = if number == 0 { Place::First } else { Place::Further };
        let config = MemberConfig { topics, place, ..context.config.clone() };
        let member = Member::join(&config, &context.health, Arc::clone(&membership) as _)?;
        let now = Instant::now();
        let mut this = Self {
            context,
            number,
            member,
            membership,
            intake: Intake::new(engine.partitions.len(), context.headers),
            hold_back: HoldBack::default(),
            watch: Watch::default(),
            silence: Silence::new(now),
            tidied: now,
            committed: now,
            looked_elsewhere: now,
            topics: config.topics.len(),
            expired: Expired::default(),
            stuck: Vec::new(),
            warned: None,
        };
        while !engine.reading_stopped() && !leave.load(Relaxed) && !this.must_rejoin() {
            if let Err(error) = this.turn() {
                this.leave();
                return Err(error);
            }
        }
        if engine.reading_stopped() {
            // While it is still a member: when all leave at once, what the last of them commit may come too late.
            this.membership.commit_all(|positions| {
                let committed = this.member.commit_now(positions);
                if committed {
                    *engine.committed.lock() = Some(Instant::now());
                }
                committed
            });
        }
        this.leave();
        Ok(())
    }

    fn leave(self) {
        self.member.leave(self.context.engine.settings.drain_timeout + Duration::from_secs(5));
    }

    fn turn(&mut self) -> Result<(), ClientError> {
        let engine = &self.context.engine;
        let warned = &mut self.warned;
        self.member.serve(|text| {
            // The library repeats a complaint with every attempt; it is told once.
            if warned.as_ref() != Some(&text) {
                engine.events.push(EventKind::Warning { text: text.clone() });
                *warned = Some(text);
            }
        })?;
        for (partition, epoch) in self.membership.take_news() {
            self.intake.set_epoch(partition, epoch);
            // A fresh assignment is fetched from, whatever was held back under an older one.
            self.hold_back.forget(partition);
            self.expired.forget(partition);
            self.stuck.retain(|stuck| *stuck != partition);
            self.member.begin(engine.id(partition));
        }
        if engine.wait_for_room(READ_WAIT) {
            let intake = &mut self.intake;
            self.member
                .read(READ_WAIT, engine.settings.fetch_batch as usize, &mut |fetched| intake.take(engine, fetched));
            self.watch.read(engine, &self.context.health, self.intake.flush(engine));
            self.expired.found(self.intake.take_expired());
        }
        if self.committed.elapsed() >= engine.settings.commit_interval {
            self.committed = Instant::now();
            self.member.commit(&self.membership.positions_to_commit());
        }
        if self.tidied.elapsed() >= HOUSEKEEPING {
            self.tidied = Instant::now();
            self.tidy();
        }
        Ok(())
    }

    fn tidy(&mut self) {
        let engine = &self.context.engine;
        let mine = self.membership.partitions();
        let (pause, resume) = self.hold_back.decide(engine, &mine);
        set_paused(engine, &pause, true, |ids, paused| self.member.set_paused(ids, paused));
        set_paused(engine, &resume, false, |ids, paused| self.member.set_paused(ids, paused));
        self.adopt_orphans();
        let (intake, client) = (&self.intake, &self.context.client);
        let again = self.expired.look(engine, self.tidied, |index| intake.epoch_of(index), |id| log_ends(client, id));
        self.stuck.extend(again.into_iter().map(|(index, _)| index));
        if engine.topics.len() > self.topics {
            self.topics = engine.topics.len();
            self.member.follow(engine.topics.iter().cloned().collect());
        }
        let rebalancing = self.context.rebalances.lock().is_open();
        if rebalancing {
            self.member.nudge();
            self.member.wake(Duration::from_millis(100));
        }
        if self.number == 0 {
            let member = &self.member;
            self.watch.look(engine, &self.context.health, || {
                engine.plan.topics.first().is_some_and(|topic| member.probe(topic, PROBE_WAIT))
            });
            self.silence.look(engine, self.tidied, |topic| member.is_missing(topic, PROBE_WAIT));
            if self.looked_elsewhere.elapsed() >= ELSEWHERE {
                self.looked_elsewhere = Instant::now();
                self.look_elsewhere();
            }
        }
    }

    /// librdkafka reads a partition on, whose offset was not there, under a new assignment only: the member goes, and one
    /// that takes its place gets the partition from its committed position. Before that, all that was read is dealt with.
    fn must_rejoin(&mut self) -> bool {
        let engine = &self.context.engine;
        self.stuck.retain(|index| engine.partitions[*index as usize].lock().reached().is_some());
        !self.stuck.is_empty() && self.stuck.iter().all(|index| engine.partitions[*index as usize].lock().span() == 0)
    }

    fn adopt_orphans(&mut self) {
        let engine = &self.context.engine;
        let orphans = self.membership.orphans();
        if orphans.is_empty() {
            return;
        }
        // A broker that does not answer in time is asked again soon.
        let Ok(committed) = self.member.committed(&ids(engine, &orphans), PROBE_WAIT) else { return };
        for (index, committed) in orphans.into_iter().zip(committed) {
            let id = engine.id(index);
            self.membership.adopt(index, committed, |start| self.member.seek(id, start, PROBE_WAIT));
        }
    }

    /// Partitions that no member of this process has are followed by what the group has committed: that is how the run sees
    /// that other processes have finished them.
    fn look_elsewhere(&self) {
        let engine = &self.context.engine;
        let unowned: Vec<u32> = {
            let rebalances = self.context.rebalances.lock();
            rebalances.owners().iter().zip(0_u32..).filter(|(owner, _)| owner.is_none()).map(|(_, i)| i).collect()
        };
        if unowned.is_empty() {
            return;
        }
        // Where the coordinator is away or busy, the next look comes soon; a broker that stays away is told elsewhere.
        let Ok(offsets) = self.member.committed(&ids(engine, &unowned), PROBE_WAIT) else { return };
        for (index, offset) in unowned.into_iter().zip(offsets) {
            if let Some(offset) = offset {
                engine.with(index, |partition| partition.seen_elsewhere(offset.get()));
            }
        }
    }
}
