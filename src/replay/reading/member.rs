//! The members of a group: each reads what the group gives it, on a thread of its own.

use std::{
    collections::HashMap,
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
    readers::{HOUSEKEEPING, ids, log_ends, set_paused},
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
    fn run(context: &'a GroupContext, number: u32, leave: &AtomicBool) -> Result<(), ClientError> {
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
            // While it is still a member: when all leave at once, what the last of them commit may come too late.
            engine.let_go(&this.membership.partitions());
            this.membership.commit_all(|positions| {
                let committed = this.member.commit_now(positions);
                if committed {
                    *engine.committed.lock() = Some(Instant::now());
                }
                committed
            });
        }
        let member = &this.member;
        this.watch.end(engine, &this.context.health, |topic| member.probe(topic, PROBE_WAIT));
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
        if self.looked_at_reading.elapsed() >= STANDSTILL {
            self.looked_at_reading = Instant::now();
            self.lead_what_stands_still(&mine);
        }
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
            if before.get(&index) == Some(&reached) {
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

/// How often a member looks for partitions that stand still.
const STANDSTILL: Duration = Duration::from_secs(1);
/// How often a member looks up partitions that other processes have.
const ELSEWHERE: Duration = Duration::from_millis(500);
/// So long after the last change here other processes have told the group where their targets stand.
const SETTLED: Duration = Duration::from_secs(3);
