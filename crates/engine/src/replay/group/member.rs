//! The members of a consumer group. Each reads its assigned partitions on its own thread.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use kreplay_kafka::{Client, ClientError, ClientHealth, Consumer, Member, MemberConfig};
use kreplay_model::{domain::Offset, feed::LastReport};
use parking_lot::Mutex;

use super::{
    final_commits::UncommittedGuard,
    membership::{OrphanStart, RunMembership},
    rebalance::Rebalances,
};
use crate::{
    handler::PositionStore,
    replay::{
        engine::Engine,
        partition::CommitNote,
        reading::{
            fetch::{READ_WAIT, RecordIngest},
            fetch_throttle::FetchThrottle,
            health::{BrokerHealthMonitor, PROBE_TIMEOUT},
            readers::{HOUSEKEEPING_INTERVAL, ends_if_not_recreated},
            retention::ExpiredPartitions,
            stall_detector::StallDetector,
        },
    },
};

/// A group member and its thread.
pub struct MemberThread {
    leave: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// What all members of this process share.
#[derive(Clone)]
pub struct GroupContext {
    /// The run.
    pub engine: Arc<Engine>,
    /// How members join the group.
    pub config: MemberConfig,
    /// The client for looking up partitions.
    pub client: Client,
    /// The state of the connection.
    pub health: Arc<ClientHealth>,
    /// The owners of the partitions.
    pub rebalances: Arc<Mutex<Rebalances>>,
    /// Whether the handler needs headers.
    pub headers: bool,
    /// The number of members whose positions may still have to be committed.
    pub uncommitted_members: Arc<AtomicUsize>,
}

impl MemberThread {
    /// Starts a member.
    ///
    /// # Errors
    /// The operating system has no thread left.
    pub fn spawn(context: GroupContext, number: u32) -> std::io::Result<Self> {
        let leave = Arc::new(AtomicBool::new(false));
        let leave_requested = Arc::clone(&leave);
        let uncommitted_members = UncommittedGuard::new(&context.uncommitted_members);
        let thread = std::thread::Builder::new().name(format!("member-{number}")).spawn(move || {
            if let Err(error) = MemberLoop::run(&context, number, &leave_requested, uncommitted_members) {
                context.engine.fail(error.to_string());
            }
        })?;
        Ok(Self { leave, thread })
    }

    /// Asks the member to give its partitions back and leave.
    pub fn leave(&self) {
        self.leave.store(true, Relaxed);
    }

    /// Whether the member has been asked to leave.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.leave.load(Relaxed)
    }

    /// Whether the member's thread has ended.
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
    ingest: RecordIngest,
    fetch_throttle: FetchThrottle,
    health_monitor: BrokerHealthMonitor,
    stall_detector: StallDetector,
    last_housekeeping: Instant,
    last_commit: Instant,
    checked_elsewhere: Instant,
    joined: Instant,
    /// How far each partition had been read at the last stall check.
    read_to: HashMap<u32, i64>,
    last_stall_check: Instant,
    /// The number of topics it has subscribed to.
    topics: usize,
    expired: ExpiredPartitions,
    /// Partitions that can only be read on under a new assignment.
    needs_new_assignment: Vec<u32>,
    /// The last group error that was reported.
    last_error: LastReport,
}

impl<'a> MemberLoop<'a> {
    fn run(
        context: &'a GroupContext,
        number: u32,
        leave: &AtomicBool,
        mut uncommitted_members: UncommittedGuard,
    ) -> Result<(), ClientError> {
        let engine = &context.engine;
        let membership = RunMembership::new(Arc::clone(engine), number, Arc::clone(&context.rebalances))
            .with_client(context.client.clone(), context.config.longest_wait());
        let membership = Arc::new(membership);
        let topics: Vec<String> = engine.topics.to_vec();
        let config = MemberConfig { topics, number, ..context.config.clone() };
        let member = Member::join(&config, &context.health, Arc::clone(&membership) as _)?;
        membership.joined(member.reference());
        let now = Instant::now();
        let mut this = Self {
            context,
            number,
            member,
            membership,
            ingest: RecordIngest::new(engine.partitions.len(), context.headers),
            fetch_throttle: FetchThrottle::default(),
            health_monitor: BrokerHealthMonitor::default(),
            stall_detector: StallDetector::new(now),
            last_housekeeping: now,
            last_commit: now,
            checked_elsewhere: now,
            read_to: HashMap::new(),
            last_stall_check: now,
            joined: now,
            topics: config.topics.len(),
            expired: ExpiredPartitions::default(),
            needs_new_assignment: Vec::new(),
            last_error: LastReport::default(),
        };
        while !engine.reading_stopped() && !leave.load(Relaxed) && !this.must_rejoin() {
            if let Err(error) = this.step() {
                this.leave();
                return Err(error);
            }
        }
        if engine.reading_stopped() {
            this.commit_final_positions(&mut uncommitted_members);
        }
        drop(uncommitted_members);
        let member = &this.member;
        this.health_monitor.finish(engine, &this.context.health, |topic| member.probe(topic, PROBE_TIMEOUT));
        this.leave();
        Ok(())
    }

    /// Commits the last positions until the coordinator has acknowledged them. The coordinator refuses commits while
    /// members join or leave, so no member leaves before the positions of all members are acknowledged.
    fn commit_final_positions(&mut self, uncommitted_members: &mut UncommittedGuard) {
        let context = self.context;
        let engine = &context.engine;
        let is_complete = engine.partitions.finished_at().is_some();
        let most = if is_complete { engine.settings.drain_timeout } else { FINAL_COMMIT_TIMEOUT_WHEN_STOPPED };
        let deadline = Instant::now() + most.min(engine.settings.drain_timeout).min(context.config.longest_wait());
        engine.release_drained(&self.membership.partitions());
        let mut is_committed = false;
        loop {
            if !(is_committed && self.membership.is_acknowledged()) {
                is_committed = self.membership.commit_all(|positions| self.member.commit_now(positions));
                if is_committed {
                    engine.group.note_final_commit(Instant::now());
                    uncommitted_members.clear();
                }
            }
            if Instant::now() >= deadline || is_committed && !uncommitted_members.has_others() || self.serve().is_err()
            {
                break;
            }
            std::thread::sleep(if is_committed { READ_WAIT } else { COMMIT_RETRY_DELAY });
        }
        self.membership.stop_committing();
    }

    fn leave(self) {
        self.member.leave(self.context.engine.settings.drain_timeout + Duration::from_secs(5));
    }

    fn serve(&mut self) -> Result<(), ClientError> {
        let (engine, last_error) = (&self.context.engine, &mut self.last_error);
        // librdkafka repeats an error with every attempt.
        self.member.serve(|text| engine.events.warn_once(last_error, text))
    }

    fn step(&mut self) -> Result<(), ClientError> {
        self.serve()?;
        let engine = &self.context.engine;
        for (partition, epoch) in self.membership.take_new_assignments() {
            self.ingest.set_epoch(partition, epoch);
            // A new assignment is fetched even if the partition was throttled under an older one.
            self.fetch_throttle.forget(partition);
            self.expired.forget(partition);
            self.needs_new_assignment.retain(|needs_new_assignment| *needs_new_assignment != partition);
            self.member.begin(engine.partitions.id(partition));
        }
        if engine.wait_for_capacity(READ_WAIT) {
            let ingest = &mut self.ingest;
            let most = ingest.max_records(engine, engine.ingress.clients.load(Relaxed));
            self.member.read(READ_WAIT, most, &mut |fetched| ingest.add(engine, fetched));
            let read = self.ingest.flush(engine, &self.context.client);
            self.health_monitor.note_records(engine, &self.context.health, read);
            self.expired.add(self.ingest.take_expired());
        }
        if self.last_commit.elapsed() >= engine.settings.commit_interval {
            self.last_commit = Instant::now();
            self.member.commit(&self.membership.positions_to_commit());
        }
        if self.last_housekeeping.elapsed() >= HOUSEKEEPING_INTERVAL {
            self.last_housekeeping = Instant::now();
            self.do_housekeeping();
        }
        Ok(())
    }

    fn do_housekeeping(&mut self) {
        let engine = &self.context.engine;
        let assigned = self.membership.partitions();
        self.fetch_throttle
            .decide(engine, &assigned, self.ingest.record_bytes(), self.last_housekeeping)
            .apply(engine, &self.member);
        self.adopt_orphans();
        if self.last_stall_check.elapsed() >= STALL_CHECK_INTERVAL {
            self.last_stall_check = Instant::now();
            self.redirect_stalled(&assigned);
        }
        let (ingest, client) = (&self.ingest, &self.context.client);
        let restarts = self.expired.check(
            engine,
            self.last_housekeeping,
            |index| ingest.epoch_of(index),
            |id| ends_if_not_recreated(engine, client, id),
        );
        for (index, _) in restarts {
            let epoch = self.ingest.epoch_of(index);
            engine.partitions.with(index, |partition| partition.await_new_assignment(epoch));
            self.needs_new_assignment.push(index);
        }
        if engine.topics.len() > self.topics {
            self.topics = engine.topics.len();
            self.member.follow(engine.topics.to_vec());
        }
        let rebalancing = self.context.rebalances.lock().is_open();
        if rebalancing {
            self.member.trigger_heartbeat();
            self.member.notify_leader(Duration::from_millis(100));
        }
        if self.number == 0 {
            let member = &self.member;
            let now = self.last_housekeeping;
            self.health_monitor.check(engine, &self.context.health, now, |topic| member.probe(topic, PROBE_TIMEOUT));
            self.stall_detector.check(engine, self.last_housekeeping, |topic| member.presence(topic, PROBE_TIMEOUT));
            if self.checked_elsewhere.elapsed() >= OTHER_PROCESSES_INTERVAL {
                self.checked_elsewhere = Instant::now();
                self.follow_other_processes();
            }
        }
    }

    /// Whether the member has to leave and join again. After an offset that was out of range, librdkafka reads a
    /// partition on only under a new assignment. A new member then reads it from the committed position.
    /// Everything read so far is settled first, including quarantined keys.
    fn must_rejoin(&mut self) -> bool {
        let engine = &self.context.engine;
        self.needs_new_assignment.retain(|index| engine.partitions.lock(*index).reached().is_some());
        !self.needs_new_assignment.is_empty()
            && self.needs_new_assignment.iter().all(|index| engine.partitions.lock(*index).span() == 0)
    }

    /// Redirects partitions to this member that had no progress since the last check although there is more to read:
    /// their records may arrive in a queue that is not read. Has no effect on partitions that are stalled for another
    /// reason.
    fn redirect_stalled(&mut self, assigned: &[u32]) {
        let engine = &self.context.engine;
        let before = std::mem::take(&mut self.read_to);
        for &index in assigned {
            let reached = {
                let partition = engine.partitions.lock(index);
                let more = !partition.has_failed() && !partition.is_at_end();
                partition.reached().filter(|reached| more && *reached < partition.end)
            };
            let Some(reached) = reached else { continue };
            if before.get(&index) == Some(&reached) && !self.fetch_throttle.is_throttled(index) {
                self.member.forward_partition(engine.partitions.id(index));
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
        let offsets = self.member.committed(&engine.partitions.ids(&orphans), PROBE_TIMEOUT, |_, _, _| {});
        // Where the broker does not answer in time, the next check asks again.
        let known = orphans.into_iter().zip(offsets).filter_map(|(index, offset)| Some((index, offset.ok()?)));
        let (known, committed): (Vec<u32>, Vec<Option<Offset>>) = known.unzip();
        if known.is_empty() {
            return;
        }
        let from: Vec<OrphanStart> = if engine.position_store() == PositionStore::Run {
            committed.into_iter().map(OrphanStart::Committed).collect()
        } else {
            let Some(states) = self.membership.claim(&known) else { return };
            states
                .into_iter()
                .zip(committed)
                .map(|(state, committed)| OrphanStart::Target { state, committed })
                .collect()
        };
        for (index, from) in known.into_iter().zip(from) {
            let id = engine.partitions.id(index);
            self.membership.adopt(index, from, |start| self.member.seek(id, start, PROBE_TIMEOUT));
        }
    }

    /// Follows partitions that no member of this process owns by the group's committed offsets. This is how the run
    /// notices that other processes have finished them.
    fn follow_other_processes(&self) {
        let engine = &self.context.engine;
        if engine.position_store() == PositionStore::Target {
            // The group's offsets may belong to another target until the owners have committed this target's positions.
            let since = engine.claims.last().unwrap_or(self.joined);
            if engine.claims.are_pending()
                || since.elapsed() < TARGET_COMMIT_DELAY
                || self.context.rebalances.lock().is_open()
            {
                return;
            }
        }
        let mut unowned: Vec<u32> = {
            let rebalances = self.context.rebalances.lock();
            rebalances.owners().iter().zip(0_u32..).filter(|(owner, _)| owner.is_none()).map(|(_, i)| i).collect()
        };
        unowned.retain(|index| !engine.partitions.lock(*index).has_failed());
        if unowned.is_empty() {
            return;
        }
        let mut announced = HashMap::new();
        let offsets = self.member.committed(&engine.partitions.ids(&unowned), PROBE_TIMEOUT, |id, offset, note| {
            if let Some(time_left) = CommitNote::decode(offset.get(), note).time_left {
                announced.insert(id.clone(), time_left);
            }
        });
        let now = Instant::now();
        let mut is_answered = false;
        for (index, offset) in unowned.into_iter().zip(offsets) {
            // If the coordinator is away or busy, the next check follows soon. Broker outages are reported elsewhere.
            let Ok(offset) = offset else { continue };
            is_answered = true;
            engine.partitions.with(index, |partition| match offset {
                Some(offset) => {
                    let time_left = announced.get(&partition.id).copied();
                    partition.seen_elsewhere(offset.get(), time_left, now);
                }
                None => partition.see_no_commit(),
            });
        }
        if is_answered {
            engine.group.note_look(now);
        }
    }
}

/// How long a member of a run that was stopped before its end tries to commit its last positions.
const FINAL_COMMIT_TIMEOUT_WHEN_STOPPED: Duration = Duration::from_secs(5);
/// The delay between two attempts to commit.
const COMMIT_RETRY_DELAY: Duration = Duration::from_millis(50);
/// How often a member checks for stalled partitions.
const STALL_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How often a member looks up the partitions of other processes.
const OTHER_PROCESSES_INTERVAL: Duration = Duration::from_millis(500);
/// After the last change here, other processes have committed their targets' positions within this time.
const TARGET_COMMIT_DELAY: Duration = Duration::from_secs(3);
