//! What a group member's assignments mean for a run.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::rebalance::Rebalances;
use crate::{
    domain::{Offset, Ordering, TopicPartition},
    feed::{EventKind, Owner, RebalanceKind},
    handler::KeptBy,
    kafka::{Catalog, Client, GroupMember, Membership, StartAt},
    plan::{From as RangeFrom, PlannedPartition},
    replay::{
        engine::Engine,
        partition::{Stand, handled::Handled},
        reading::identity,
        target::{Beginning, CLAIM_WAIT, Differences, claim},
    },
};

/// The same trouble with commits is told again after this time.
const TELL_AGAIN: Duration = Duration::from_secs(10);
/// How long a rebalance may wait to learn where a new partition begins.
const JOIN_TIMEOUT: Duration = Duration::from_secs(2);
/// How long it may wait for brokers that are away to tell what the group has committed. Meanwhile the member reads nothing.
const OFFSETS_WAIT: Duration = Duration::from_secs(120);

/// What says where an orphan goes on.
#[derive(Clone, Copy, Debug)]
pub enum From {
    /// The group, with what it has committed.
    Committed(Option<Offset>),
    /// The target, which has just handed the partition over.
    Target {
        /// Where it stands.
        stand: Option<Offset>,
        /// What the group has committed.
        committed: Option<Offset>,
    },
}

/// Takes a member's partitions into the run, and out of it again.
///
/// Two gates fence a partition that goes: the board's, which stops handing out what was read under the old assignment, and
/// the partition's, after which late results no longer count. Between the two, work in hand is finished and committed.
pub struct RunMembership {
    engine: Arc<Engine>,
    number: u32,
    name: String,
    rebalances: Arc<Mutex<Rebalances>>,
    /// What is looked up with that the group tells of and the run does not know.
    client: Option<Client>,
    /// The member itself, once it has joined: targets commit in its name.
    member: OnceLock<GroupMember>,
    /// The longest wait for work in hand.
    longest_wait: Duration,
    /// Assignments that the fetching loop has not taken note of yet: partition and epoch.
    news: Mutex<Vec<(u32, u32)>>,
    /// The member's partitions, each with the assignment it has them under. Another member may be given a partition before
    /// this one has heard that it lost it; from then on this one has no say in it.
    mine: Mutex<BTreeMap<u32, u32>>,
    /// What earlier owners say they have handled, for the partitions that are about to be assigned.
    earlier: Mutex<HashMap<TopicPartition, Handled>>,
    /// The trouble with commits that was told last, and when.
    told: Mutex<Option<(String, Instant)>>,
    recommit: AtomicBool,
    /// Whether what counts as committed is known to have arrived.
    confirmed: AtomicBool,
    /// The run is over, and its last positions are being committed: what is assigned meanwhile still has to be.
    ending: AtomicBool,
}

impl RunMembership {
    /// The membership of the member with this number.
    #[must_use]
    pub fn new(engine: Arc<Engine>, number: u32, rebalances: Arc<Mutex<Rebalances>>) -> Self {
        Self {
            engine,
            number,
            name: format!("member-{number}"),
            rebalances,
            client: None,
            member: OnceLock::new(),
            longest_wait: Duration::MAX,
            news: Mutex::new(Vec::new()),
            mine: Mutex::default(),
            earlier: Mutex::default(),
            told: Mutex::default(),
            recommit: AtomicBool::new(false),
            confirmed: AtomicBool::new(false),
            ending: AtomicBool::new(false),
        }
    }

    /// Looks partitions up with a client, and never waits longer than this for work in hand.
    #[must_use]
    pub fn with_client(self, client: Client, longest_wait: Duration) -> Self {
        Self { client: Some(client), longest_wait, ..self }
    }

    /// The member has joined.
    pub fn joined(&self, member: GroupMember) {
        // It joins once.
        let _ = self.member.set(member);
    }

    /// Where a partition is among those of the run. One that the run does not know joins it, where it follows the log.
    fn known_or_joined(&self, id: &TopicPartition) -> Option<u32> {
        let known = self.engine.index_of(id);
        if let Some(index) = known {
            return known.filter(|_| !self.engine.partitions[index as usize].lock().log_is_gone());
        }
        if !self.engine.plan.follow {
            return None;
        }
        let topic = [id.topic.to_string()];
        let is_recreated = identity::check(&self.engine, self.client.as_ref()?, &topic, JOIN_TIMEOUT);
        if is_recreated == Some(true) {
            return None;
        }
        let ends = Catalog::new(self.client.as_ref()?, JOIN_TIMEOUT).log_ends(std::slice::from_ref(id));
        // Without an answer it begins at 0, and where its log begins later, that is seen when it is read.
        let (first, end) =
            ends.ok().and_then(|mut ends| ends.pop()).map_or_else(Default::default, |ends| (ends.low, ends.end));
        Some(self.engine.join(PlannedPartition { id: id.clone(), first, end }).0)
    }

    /// Whether that is a partition of the run whose topic was created again.
    fn is_recreated(&self, id: &TopicPartition) -> bool {
        let index = self.engine.index_of(id);
        index.is_some_and(|index| self.engine.partitions[index as usize].lock().log_is_gone())
    }

    /// The assignments since the last call: partition and epoch.
    #[must_use]
    pub fn take_news(&self) -> Vec<(u32, u32)> {
        std::mem::take(&mut *self.news.lock())
    }

    /// The partitions that are the member's.
    #[must_use]
    pub fn partitions(&self) -> Vec<u32> {
        self.mine.lock().keys().copied().collect()
    }

    /// Positions that have moved since they were committed last; they count as committed from now on.
    #[must_use]
    pub fn positions_to_commit(&self) -> Vec<(TopicPartition, Offset)> {
        let again = self.recommit.swap(false, Relaxed);
        let mine = self.mine.lock().clone();
        mine.into_iter().filter_map(|(index, epoch)| self.position_to_commit(index, epoch, again)).collect()
    }

    fn position_to_commit(&self, index: u32, epoch: u32, again: bool) -> Option<(TopicPartition, Offset)> {
        if self.engine.kept_by() == KeptBy::TargetsGroup {
            // Its transactions commit the group's offsets; nobody else may.
            return None;
        }
        self.engine.with(index, |partition| {
            // A position in another log says nothing.
            let is_ours = partition.epoch == epoch && !partition.log_is_gone();
            let position = partition.position().filter(|_| is_ours)?;
            if partition.filtered > 0 && self.engine.matches.is_open() {
                // The filter may be a mistake: nothing is committed past what it left out before that was told.
                return None;
            }
            // What is handled above a position that stands still is worth a commit, too: it stands in the note.
            let unchanged = partition.committed == Some(position) && partition.committed_handled == partition.handled;
            if unchanged && !again {
                return None;
            }
            partition.committed = Some(position);
            partition.committed_handled = partition.handled;
            Some((partition.id.clone(), Offset::new(position)?))
        })
    }

    /// Commits every position, moved or not, at the end of a run; where that succeeds, giving the partitions back commits only
    /// what has moved since. Returns whether it has succeeded. One that has not is told of and worth another try.
    #[must_use]
    pub fn commit_all(&self, commit: impl FnOnce(&[(TopicPartition, Offset)]) -> Result<(), String>) -> bool {
        let is_repeated = self.ending.swap(true, Relaxed);
        let mine = self.mine.lock().clone();
        let positions: Vec<_> = mine
            .into_iter()
            // What was given up may be what was refused: of a topic that is gone nothing can be committed.
            .filter(|(index, _)| !(is_repeated && self.engine.partitions[*index as usize].lock().has_failed()))
            .filter_map(|(index, epoch)| self.position_to_commit(index, epoch, true))
            .collect();
        let result = commit(&positions);
        match &result {
            Ok(()) => self.committed(&positions),
            Err(reason) => self.commit_failed(reason),
        }
        self.confirmed.store(result.is_ok(), Relaxed);
        result.is_ok()
    }

    /// Nothing is committed any more, whatever is assigned from now on.
    pub fn leaves(&self) {
        self.ending.store(false, Relaxed);
    }

    /// Whether the coordinator has acknowledged the positions of all partitions that the member has.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        if self.engine.kept_by() == KeptBy::TargetsGroup {
            return true;
        }
        let mine = self.mine.lock().clone();
        mine.into_iter().all(|(index, epoch)| {
            let partition = self.engine.partitions[index as usize].lock();
            // What the filter has left out so far may not be committed yet.
            let is_withheld = partition.filtered > 0 && self.engine.matches.is_open();
            partition.epoch != epoch || is_withheld || partition.is_acknowledged()
        })
    }

    /// The member's assignments among these partitions that still stand.
    fn standing(&self, partitions: &[TopicPartition]) -> Vec<(u32, u32)> {
        let mine = self.mine.lock();
        partitions
            .iter()
            .filter_map(|id| self.engine.index_of(id))
            .filter_map(|index| mine.get(&index).map(|epoch| (index, *epoch)))
            .filter(|(index, epoch)| self.engine.partitions[*index as usize].lock().epoch == *epoch)
            .collect()
    }

    /// Partitions that the member has, while its assignment was overtaken by another one that has ended since: nobody works
    /// on them. A group coordinator that gives a partition to the next member before the last one has let go makes such.
    #[must_use]
    pub fn orphans(&self) -> Vec<u32> {
        let mine = self.mine.lock();
        mine.iter()
            .filter(|(index, epoch)| {
                let partition = self.engine.partitions[**index as usize].lock();
                partition.epoch != **epoch && partition.reached().is_none()
            })
            .map(|(index, _)| *index)
            .collect()
    }

    /// Takes an orphan up from the group's committed offset, or from where the target stands, where reading must already have been sent back to by `seek`;
    /// `false` from it leaves the orphan as it is.
    pub fn adopt(&self, index: u32, from: From, seek: impl FnOnce(Offset) -> bool) {
        let first = self.engine.planned[index as usize].first;
        let (From::Committed(offset) | From::Target { stand: offset, .. }) = from;
        let wanted = offset.unwrap_or(first).max(first);
        let start = self.engine.partitions[index as usize].lock().start_from(wanted.get());
        if !Offset::new(start).is_some_and(seek) {
            return;
        }
        match from {
            From::Committed(committed) => self.begin(index, committed),
            From::Target { stand, committed } => {
                self.begin_at_target(index, stand, committed, &mut Differences::default())
            }
        };
        if self.engine.settings.ordering == Ordering::Partition {
            self.engine.board.assign(std::iter::once((index, self.number)));
        }
        self.note_change(&[index], Some(self.number));
        self.engine
            .events
            .push(EventKind::Assigned { member: self.name.clone(), partitions: vec![self.engine.id(index).clone()] });
    }

    /// The group's committed offset wins wherever it lies within the plan's range. Below it reading begins with the range. Above
    /// it nothing is left to do: the range is never read again, and what the group has committed never goes back.
    fn begin(&self, index: u32, committed: Option<Offset>) -> StartAt {
        let (wanted, start, epoch, id, end) = self.engine.with(index, |partition| {
            let wanted = committed.map_or(partition.first, Offset::get).max(partition.first);
            let epoch = partition.epoch + 1;
            let earlier = self.earlier.lock().remove(&partition.id).unwrap_or_default();
            let start = partition.begin_after(epoch, wanted, Owner::Member(self.name.clone()), earlier);
            partition.committed = committed.map(Offset::get);
            if let Some(committed) = partition.committed {
                partition.acknowledge(committed);
            }
            partition.committed_handled = partition.handled;
            (wanted, start, epoch, partition.id.clone(), partition.end)
        });
        if let Some(committed) = committed.map(Offset::get) {
            if committed < wanted {
                let range = &self.engine.plan.selection.scope.range;
                let what = if range.begins_with_the_log() { "the log's start" } else { "where the plan begins" };
                self.engine.events.push(EventKind::Warning {
                    text: format!("{id}: the committed position is below {what}; going on from {wanted}"),
                });
            } else if committed > end {
                self.engine.events.push(EventKind::Warning {
                    text: format!(
                        "{id}: the group has committed {committed}, above the plan's end {end}; nothing is left of it for \
                         this group"
                    ),
                });
            }
        }
        self.enter(index, epoch, start)
    }

    /// Begins where the target stands, whatever the group has committed.
    fn begin_at_target(
        &self,
        index: u32,
        stand: Option<Offset>,
        committed: Option<Offset>,
        differences: &mut Differences,
    ) -> StartAt {
        let (start, epoch) = self.engine.with(index, |partition| {
            let one = Beginning { stand, committed, first: partition.first, end: partition.end };
            // Later the two may differ by what was handled last: a target takes positions down with its next transaction.
            let told = Beginning { committed: committed.filter(|_| partition.epoch == 0), ..one };
            differences.note(&partition.id, told, partition.follows);
            let (wanted, epoch) = (one.start(), partition.epoch + 1);
            // A note of the group says what was handled, not what the target has of it, which may be a new one.
            self.earlier.lock().remove(&partition.id);
            let start = partition.begin(epoch, wanted, Owner::Member(self.name.clone()));
            // Where the two differ, the group is told at once: others follow by its offsets how far the run is.
            partition.committed = committed.map(Offset::get).filter(|committed| *committed == start);
            if let Some(committed) = partition.committed {
                partition.acknowledge(committed);
            }
            partition.committed_handled = partition.handled;
            (start, epoch)
        });
        self.enter(index, epoch, start)
    }

    /// From here on the partition is read under this assignment.
    fn enter(&self, index: u32, epoch: u32, start: i64) -> StartAt {
        if let Some(member) = self.member.get() {
            self.engine.holders.lock().insert(index, (epoch, member.clone()));
        }
        self.engine.board.fence(std::iter::once((index, epoch)));
        self.engine.stage_begin(index, epoch, start);
        self.mine.lock().insert(index, epoch);
        self.news.lock().push((index, epoch));
        Offset::new(start).map_or(StartAt::Committed, StartAt::Offset)
    }

    /// Takes partitions over in the target, where that keeps positions; returns where it stands, or `None` where the run has
    /// failed by it or is to end.
    pub fn claim(&self, indexes: &[u32]) -> Option<Vec<Option<Offset>>> {
        let ids: Vec<TopicPartition> = indexes.iter().map(|index| self.engine.id(*index).clone()).collect();
        claim(&self.engine, self.client.as_ref(), &ids, CLAIM_WAIT.min(self.longest_wait))
    }

    /// Tells where the group has got further than the range was asked to begin, at the first assignment in this process.
    fn tell_further(&self, partitions: &[(TopicPartition, Result<Option<Offset>, String>)]) {
        let range = &self.engine.plan.selection.scope.range;
        if range.begins_with_the_log() || matches!(range.from, RangeFrom::Committed(_)) {
            return;
        }
        let further: Vec<&TopicPartition> = partitions
            .iter()
            .filter_map(|(id, committed)| {
                let committed = committed.as_ref().ok()?.as_ref()?.get();
                let partition = self.engine.partitions[self.engine.index_of(id)? as usize].lock();
                let news = partition.epoch == 0 && partition.first < committed && committed <= partition.end;
                news.then_some(id)
            })
            .collect();
        if let Some(first) = further.first() {
            let more = if further.len() > 1 { format!(" and {} more", further.len() - 1) } else { String::new() };
            self.engine.events.push(EventKind::Notice {
                text: format!(
                    "{first}{more}: the group has committed further than from {} and goes on from there; another --group would \
                     begin anew",
                    range.from
                ),
            });
        }
    }

    /// Ends assignments, unless somebody else has begun a new one since.
    fn release(&self, partitions: &[TopicPartition], standing: &[(u32, u32)]) {
        let over = self.engine.reading_stopped();
        let stand = if self.engine.kept_by() == KeptBy::TargetsGroup { Stand::Own } else { Stand::Acknowledged };
        for &(index, epoch) in standing {
            self.engine.with(index, |partition| {
                if partition.epoch != epoch {
                    return;
                }
                let owner = partition.owner.clone();
                partition.end_assignment(epoch + 1, stand);
                if over {
                    // The report tells who had it last.
                    partition.owner = owner;
                }
            });
        }
        {
            let mut holders = self.engine.holders.lock();
            for (index, epoch) in standing {
                if holders.get(index).is_some_and(|(holds, _)| holds == epoch) {
                    holders.remove(index);
                }
            }
        }
        let gone: Vec<u32> = partitions.iter().filter_map(|id| self.engine.index_of(id)).collect();
        self.mine.lock().retain(|index, _| !gone.contains(index));
        let indexes: Vec<u32> = standing.iter().map(|(index, _)| *index).collect();
        self.note_change(&indexes, None);
    }

    /// What was read under these assignments is not handed out any more.
    fn fence(&self, standing: &[(u32, u32)]) {
        for (index, _) in standing {
            self.engine.stage_gone(*index);
        }
        self.engine.board.fence(standing.iter().map(|(index, epoch)| (*index, epoch + 1)));
    }

    fn note_change(&self, indexes: &[u32], owner: Option<u32>) {
        // Members that leave because the run is over make no rebalance worth telling of.
        if indexes.is_empty() || self.engine.reading_stopped() {
            return;
        }
        if self.rebalances.lock().change(Instant::now(), indexes, owner) {
            self.engine.events.push(EventKind::RebalanceStarted { by: RebalanceKind::Group });
        }
    }
}

/// Partitions that have begun, and where all that were assigned start, in their order.
type Begun = (Vec<u32>, Vec<StartAt>);

impl RunMembership {
    fn begin_by_the_group(
        &self,
        partitions: &[(TopicPartition, Result<Option<Offset>, String>)],
        ours: &[Option<u32>],
    ) -> Begun {
        let mut got = Vec::new();
        let begin =
            |((id, committed), ours): (&(TopicPartition, Result<_, String>), &Option<u32>)| match (ours, committed) {
                (None, _) => StartAt::End,
                // Nothing is read any more, and the partition stays where it was left.
                (Some(_), Err(_)) if self.engine.reading_stopped() => StartAt::Committed,
                (Some(_), Err(reason)) => {
                    self.engine.fail(format!("the committed offset of {id} cannot be read: {reason}"));
                    StartAt::Committed
                }
                (Some(index), Ok(committed)) => {
                    got.push(*index);
                    self.begin(*index, *committed)
                }
            };
        let starts = partitions.iter().zip(ours).map(begin).collect();
        (got, starts)
    }

    fn begin_by_the_target(
        &self,
        partitions: &[(TopicPartition, Result<Option<Offset>, String>)],
        ours: &[Option<u32>],
    ) -> Begun {
        let wanted: Vec<u32> = ours.iter().copied().flatten().collect();
        let Some(stands) = self.claim(&wanted) else {
            // The run is about to end, and what is read of them does not count.
            return (Vec::new(), ours.iter().map(|one| one.map_or(StartAt::End, |_| StartAt::Committed)).collect());
        };
        let (mut stands, mut differences) = (stands.into_iter(), Differences::default());
        let begin = |((_, committed), ours): (&(_, Result<Option<Offset>, String>), &Option<u32>)| {
            let Some(index) = *ours else { return StartAt::End };
            // What the group says is of no weight here.
            let committed = committed.as_ref().ok().copied().flatten();
            self.begin_at_target(index, stands.next().flatten(), committed, &mut differences)
        };
        let starts = partitions.iter().zip(ours).map(begin).collect();
        differences.events().for_each(|event| self.engine.events.push(event));
        (wanted, starts)
    }
}

impl Membership for RunMembership {
    fn assigned(&self, partitions: &[(TopicPartition, Result<Option<Offset>, String>)]) -> Vec<StartAt> {
        let ours: Vec<Option<u32>> = partitions.iter().map(|(id, _)| self.known_or_joined(id)).collect();
        let strangers = partitions.iter().zip(&ours).filter(|((id, _), ours)| ours.is_none() && !self.is_recreated(id));
        for ((id, _), _) in strangers {
            if self.engine.strangers.lock().insert(id.clone()) {
                let text = format!("{id} is not part of the plan and is left alone");
                self.engine.events.push(EventKind::Warning { text });
            }
        }
        let (got, starts) = if self.engine.kept_by() == KeptBy::Run {
            self.tell_further(partitions);
            self.begin_by_the_group(partitions, &ours)
        } else {
            self.begin_by_the_target(partitions, &ours)
        };
        if self.engine.settings.ordering == Ordering::Partition {
            self.engine.board.assign(got.iter().map(|index| (*index, self.number)));
        }
        self.note_change(&got, Some(self.number));
        if !partitions.is_empty() {
            self.engine.events.push(EventKind::Assigned {
                member: self.name.clone(),
                partitions: partitions.iter().map(|(id, _)| id.clone()).collect(),
            });
        }
        starts
    }

    fn found_note(&self, id: &TopicPartition, committed: Offset, note: &str) {
        self.earlier.lock().insert(id.clone(), Handled::decode(committed.get(), note));
    }

    fn note(&self, id: &TopicPartition, committed: Offset) -> String {
        if self.engine.without_notes.load(Relaxed) {
            return String::new();
        }
        let Some(index) = self.engine.index_of(id) else { return String::new() };
        self.engine.partitions[index as usize].lock().note(committed.get())
    }

    fn revoking(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, Offset)> {
        let standing = self.standing(partitions);
        self.fence(&standing);
        let indexes: Vec<u32> = standing.iter().map(|(index, _)| *index).collect();
        let wait = self.engine.settings.drain_timeout.min(self.longest_wait);
        if self.engine.board.wait_drained(&indexes, wait) {
            self.engine.let_go(&indexes);
        } else {
            self.engine.events.push(EventKind::Warning {
                text: format!(
                    "{} did not finish its work in hand within {} s; it goes without it, and others will repeat it",
                    self.name,
                    wait.as_secs()
                ),
            });
        }
        // Also what has been sent before, unless that is known to have arrived.
        let again = !self.confirmed.load(Relaxed);
        standing.into_iter().filter_map(|(index, epoch)| self.position_to_commit(index, epoch, again)).collect()
    }

    fn revoked(&self, partitions: &[TopicPartition], failure: Option<String>) {
        let standing = self.standing(partitions);
        self.release(partitions, &standing);
        if let Some(reason) = failure {
            self.engine.events.push(EventKind::Warning {
                text: format!(
                    "{}: the last positions could not be committed and will be repeated: {reason}",
                    self.name
                ),
            });
        }
        if !partitions.is_empty() {
            self.engine.events.push(EventKind::Revoked { member: self.name.clone(), partitions: partitions.to_vec() });
        }
    }

    fn lost(&self, partitions: &[TopicPartition]) {
        let standing = self.standing(partitions);
        self.fence(&standing);
        self.release(partitions, &standing);
        self.engine.events.push(EventKind::Lost { member: self.name.clone(), partitions: partitions.to_vec() });
    }

    fn notes_refused(&self) {
        self.commit_again();
        if !self.engine.without_notes.swap(true, Relaxed) {
            self.engine.events.push(EventKind::Warning {
                text: "the broker takes no long texts with committed offsets (offset.metadata.max.bytes), so positions are committed \
                       without them: what is handled above a position is handled again by the partition's next owner"
                    .into(),
            });
        }
    }

    fn committed(&self, positions: &[(TopicPartition, Offset)]) {
        for (id, position) in positions {
            let Some(index) = self.engine.index_of(id) else { continue };
            let Some(epoch) = self.mine.lock().get(&index).copied() else { continue };
            let mut partition = self.engine.partitions[index as usize].lock();
            if partition.epoch == epoch {
                partition.acknowledge(position.get());
            }
        }
    }

    fn commit_again(&self) {
        self.recommit.store(true, Relaxed);
    }

    fn commit_failed(&self, reason: &str) {
        self.commit_again();
        // While a broker is away this comes several times a second.
        let mut told = self.told.lock();
        if told.as_ref().is_none_or(|(text, at)| text != reason || at.elapsed() >= TELL_AGAIN) {
            *told = Some((reason.to_owned(), Instant::now()));
            self.engine.events.push(EventKind::Warning { text: format!("{}: {reason}", self.name) });
        }
    }

    fn has_patience(&self, waited: Duration) -> bool {
        let is_over = self.engine.reading_stopped() && !self.ending.load(Relaxed) || self.engine.failure().is_some();
        !is_over && waited < OFFSETS_WAIT.min(self.longest_wait)
    }
}
