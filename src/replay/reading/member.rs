//! The members of a group: each reads what the group gives it, on a thread of its own.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{
    fetch::{Intake, READ_WAIT},
    health::{PROBE_WAIT, Watch},
    hold_back::HoldBack,
    readers::{HOUSEKEEPING, ends_of_same, ids},
    retention::Expired,
    silence::Silence,
};
use crate::{
    feed::EventKind,
    handler::KeptBy,
    kafka::{Client, ClientError, ClientHealth, Consumer, Member, MemberConfig, Place},
    replay::{
        engine::Engine,
        group::{
            membership::{From, RunMembership},
            rebalance::Rebalances,
        },
    },
};

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
    /// How many members have positions that may still have to be committed.
    pub unsettled: Arc<AtomicUsize>,
}

/// Counts a member among those that have positions to commit, until it has none or is gone.
struct Unsettled {
    count: Arc<AtomicUsize>,
    counts: bool,
}

impl Unsettled {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Relaxed);
        Self { count: Arc::clone(count), counts: true }
    }

    fn settle(&mut self) {
        if std::mem::take(&mut self.counts) {
            self.count.fetch_sub(1, Relaxed);
        }
    }

    fn are_others(&self) -> bool {
        self.count.load(Relaxed) > usize::from(self.counts)
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        self.settle();
    }
}

impl MemberThread {
    /// Starts a member.
    ///
    /// # Errors
    /// The operating system has no thread left.
    pub fn spawn(context: GroupContext, number: u32) -> std::io::Result<Self> {
        let leave = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&leave);
        let unsettled = Unsettled::new(&context.unsettled);
        let thread = std::thread::Builder::new().name(format!("member-{number}")).spawn(move || {
            if let Err(error) = MemberLoop::run(&context, number, &told, unsettled) {
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
    joined: Instant,
    /// How far its partitions had been read when that was looked at last, and when that was.
    read_to: HashMap<u32, i64>,
    looked_at_reading: Instant,
    /// How many topics it has subscribed to.
    topics: usize,
    expired: Expired,
    /// Partitions that are read on under a new assignment only.
    stuck: Vec<u32>,
    /// The last complaint of the group that was told.
    warned: Option<String>,
}

impl<'a> MemberLoop<'a> {
    fn run(
        context: &'a GroupContext,
        number: u32,
        leave: &AtomicBool,
        mut unsettled: Unsettled,
    ) -> Result<(), ClientError> {
        let engine = &context.engine;
        let membership = RunMembership::new(Arc::clone(engine), number, Arc::clone(&context.rebalances))
            .with_client(context.client.clone(), context.config.longest_wait());
        let membership = Arc::new(membership);
        let topics: Vec<String> = engine.topics.iter().cloned().collect();
        let place = if number == 0 { Place::First } else { Place::Further };
        let config = MemberConfig { topics, place, ..context.config.clone() };
        let member = Member::join(&config, &context.health, Arc::clone(&membership) as _)?;
        membership.joined(member.reference());
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
            read_to: HashMap::new(),
            looked_at_reading: now,
            joined: now,
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
            this.commit_for_good(&mut unsettled);
        }
        drop(unsettled);
        let member = &this.member;
        this.watch.end(engine, &this.context.health, |topic| member.probe(topic, PROBE_WAIT));
        this.leave();
        Ok(())
    }

    /// Commits the last positions, until the coordinator has acknowledged them. It refuses commits while members come and go, so
    /// no member leaves before those of the others are acknowledged.
    fn commit_for_good(&mut self, unsettled: &mut Unsettled) {
        let context = self.context;
        let engine = &context.engine;
        let is_complete = engine.finished_at().is_some();
        let most = if is_complete { engine.settings.drain_timeout } else { LAST_COMMIT_OF_A_STOPPED_RUN };
        let deadline = Instant::now() + most.min(engine.settings.drain_timeout).min(context.config.longest_wait());
        engine.let_go(&self.membership.partitions());
        let mut is_committed = false;
        loop {
            if !(is_committed && self.membership.is_acknowledged()) {
                is_committed = self.membership.commit_all(|positions| self.member.commit_now(positions));
                if is_committed {
                    *engine.committed.lock() = Some(Instant::now());
                    unsettled.settle();
                }
            }
            if Instant::now() >= deadline || is_committed && !unsettled.are_others() || self.serve().is_err() {
                break;
            }
            std::thread::sleep(if is_committed { READ_WAIT } else { COMMIT_AGAIN });
        }
        self.membership.leaves();
    }

    fn leave(self) {
        self.member.leave(self.context.engine.settings.drain_timeout + Duration::from_secs(5));
    }

    fn serve(&mut self) -> Result<(), ClientError> {
        let (engine, warned) = (&self.context.engine, &mut self.warned);
        self.member.serve(|text| {
            // The library repeats a complaint with every attempt; it is told once.
            if warned.as_ref() != Some(&text) {
                engine.events.push(EventKind::Warning { text: text.clone() });
                *warned = Some(text);
            }
        })
    }

    fn turn(&mut self) -> Result<(), ClientError> {
        self.serve()?;
        let engine = &self.context.engine;
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
            let most = intake.most(engine, engine.clients.load(Relaxed));
            self.member.read(READ_WAIT, most, &mut |fetched| intake.take(engine, fetched));
            let read = self.intake.flush(engine, &self.context.client);
            self.watch.read(engine, &self.context.health, read);
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
        self.hold_back.decide(engine, &mine, self.intake.record_bytes(), self.tidied).apply(engine, &self.member);
        self.adopt_orphans();
        if self.looked_at_reading.elapsed() >= STANDSTILL {
            self.looked_at_reading = Instant::now();
            self.lead_what_stands_still(&mine);
        }
        let (intake, client) = (&self.intake, &self.context.client);
        let again = self.expired.look(
            engine,
            self.tidied,
            |index| intake.epoch_of(index),
            |id| ends_of_same(engine, client, id),
        );
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
            self.watch.look(engine, &self.context.health, |topic| member.probe(topic, PROBE_WAIT));
            self.silence.look(engine, self.tidied, |topic| member.presence(topic, PROBE_WAIT));
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

    /// Partitions of which nothing has come since the last look, though there is more, are led here again: their records may
    /// be arriving where nobody reads them. For those that have another reason to stand still it changes nothing.
    fn lead_what_stands_still(&mut self, mine: &[u32]) {
        let engine = &self.context.engine;
        let before = std::mem::take(&mut self.read_to);
        for &index in mine {
            let reached = {
                let partition = engine.partitions[index as usize].lock();
                let more = !partition.has_failed() && !partition.is_at_end();
                partition.reached().filter(|reached| more && *reached < partition.end)
            };
            let Some(reached) = reached else { continue };
            if before.get(&index) == Some(&reached) && !self.hold_back.holds(index) {
                self.member.lead(engine.id(index));
            }
            self.read_to.insert(index, reached);
        }
    }

    fn adopt_orphans(&mut self) {
        let engine = &self.context.engine;
        let orphans = self.membership.orphans();
        if orphans.is_empty() {
            return;
        }
        // A broker that does not answer in time is asked again soon.
        let Ok(committed) = self.member.committed(&ids(engine, &orphans), PROBE_WAIT) else { return };
        let from: Vec<From> = if engine.kept_by() == KeptBy::Run {
            committed.into_iter().map(From::Committed).collect()
        } else {
            let Some(stands) = self.membership.claim(&orphans) else { return };
            stands.into_iter().zip(committed).map(|(stand, committed)| From::Target { stand, committed }).collect()
        };
        for (index, from) in orphans.into_iter().zip(from) {
            let id = engine.id(index);
            self.membership.adopt(index, from, |start| self.member.seek(id, start, PROBE_WAIT));
        }
    }

    /// Partitions that no member of this process has are followed by what the group has committed: that is how the run sees
    /// that other processes have finished them.
    fn look_elsewhere(&self) {
        let engine = &self.context.engine;
        if engine.kept_by() == KeptBy::Target {
            // What the group has committed may be of another target, until the owners have told it where this one stands.
            let since = engine.claims.last().unwrap_or(self.joined);
            if engine.claims.are_under_way() || since.elapsed() < SETTLED || self.context.rebalances.lock().is_open() {
                return;
            }
        }
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

/// How long a member of a run that was stopped before its end tries to commit its last positions.
const LAST_COMMIT_OF_A_STOPPED_RUN: Duration = Duration::from_secs(5);
/// The pause between two tries.
const COMMIT_AGAIN: Duration = Duration::from_millis(50);
/// How often a member looks for partitions that stand still.
const STANDSTILL: Duration = Duration::from_secs(1);
/// How often a member looks up partitions that other processes have.
const ELSEWHERE: Duration = Duration::from_millis(500);
/// So long after the last change here other processes have told the group where their targets stand.
const SETTLED: Duration = Duration::from_secs(3);
