//! Rebalances before the watch.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::RebalanceEntry;

use crate::look::Member;
use crate::rebalance::{MAX_HISTORY, moved};

/// A member of a group with epochs.
#[derive(Clone, Debug, Default)]
struct PastMember {
    /// The largest epoch that it has reached; `None` before it has one. A static member that is away keeps it.
    reached: Option<i32>,
    is_stable: bool,
}

/// The rebalances of one group.
///
/// A group with epochs stores the beginning of each rebalance, and when each member reaches the new epoch: a rebalance
/// has ended when all members have. A classic group stores only that a rebalance has ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct PastRebalances {
    /// The last rebalances, the oldest first.
    pub(crate) entries: VecDeque<RebalanceEntry>,
    /// The number of all rebalances.
    pub(crate) count: u64,
    /// Whether the last entry is in progress.
    pub(crate) is_open: bool,
    /// Whether no record is missing, so that the number is exact.
    pub(crate) is_whole: bool,
    /// The last generation or epoch.
    pub(crate) number: Option<i32>,
    /// The largest rebalance timeout of the members in milliseconds; 0 if not known.
    pub(crate) timeout_ms: u64,
    /// When the last member left.
    pub(crate) empty_since: Option<DateTime<Utc>>,
    names: BTreeMap<Arc<str>, String>,
    members: BTreeMap<Arc<str>, PastMember>,
    /// Members of a classic group by identity; `None` before the first generation.
    classic: Option<BTreeMap<Arc<str>, String>>,
    owners: Option<BTreeMap<TopicPartition, Arc<str>>>,
    /// Members that have left since the last rebalance began. Their records precede that of the new epoch.
    left: Vec<String>,
}

impl PastRebalances {
    pub(super) fn wait_at_least(&mut self, timeout_ms: Option<u64>) {
        self.timeout_ms = self.timeout_ms.max(timeout_ms.unwrap_or(0));
    }

    /// A classic group has ended a rebalance.
    pub(super) fn generation(
        &mut self,
        at: DateTime<Utc>,
        number: i32,
        since: Option<DateTime<Utc>>,
        members: &[Member],
    ) {
        let names: BTreeMap<Arc<str>, String> =
            members.iter().map(|member| (member.identity().clone(), member.name())).collect();
        let owners = owners(members);
        let bumps = self.bumps(number);
        if bumps > 0 {
            let (joined, left) = match &self.classic {
                Some(before) => (missing(&names, before), missing(before, &names)),
                None => (Vec::new(), Vec::new()),
            };
            let partitions = self.owners.as_ref().zip(owners.as_ref()).map(|(before, after)| moved(before, after));
            let began_at = since.filter(|since| *since <= at).unwrap_or(at);
            self.push(RebalanceEntry { joined, left, partitions, ..entry(began_at, bumps) });
        }
        self.empty_since = names.is_empty().then_some(at);
        (self.classic, self.owners) = (Some(names), owners);
    }

    /// A group with epochs has begun a rebalance.
    pub(super) fn epoch(&mut self, at: DateTime<Utc>, number: i32) {
        let bumps = self.bumps(number);
        if bumps == 0 {
            return;
        }
        let left = std::mem::take(&mut self.left);
        match self.entries.back_mut() {
            Some(open) if self.is_open => {
                open.epochs = open.epochs.saturating_add(bumps);
                open.left.extend(left);
                self.count += u64::from(bumps);
            }
            _ => self.push(RebalanceEntry { left, ..entry(at, bumps) }),
        }
        self.is_open = true;
        self.settle(at);
    }

    /// The group was deleted: numbers begin again.
    pub(super) fn deleted(&mut self) {
        (self.number, self.classic, self.owners) = (None, None, None);
        self.members.clear();
        self.is_open = false;
    }

    /// A record names a member.
    pub(super) fn named(&mut self, member: &Member) {
        self.names.insert(member.member_id.clone(), member.name());
    }

    /// A member has left.
    pub(super) fn gone(&mut self, at: DateTime<Utc>, id: &Arc<str>) {
        if let Some(name) = self.names.remove(id) {
            self.left.push(name);
        }
        if self.members.remove(id).is_some() && self.is_open {
            self.settle(at);
        }
        self.empty_since = self.members.is_empty().then_some(at);
    }

    /// A member has another assignment.
    pub(super) fn member_epoch(&mut self, at: DateTime<Utc>, id: &Arc<str>, epoch: i32, is_new: bool, is_stable: bool) {
        self.empty_since = None;
        let member = self.members.entry(id.clone()).or_default();
        let before = (member.reached, member.is_stable);
        member.reached = member.reached.max(Some(epoch).filter(|epoch| *epoch >= 0));
        member.is_stable = is_stable;
        // A static member that returns has the epoch that it had.
        let has_changed = before != (member.reached, member.is_stable);
        if is_new
            && let (Some(entry), Some(name)) = (self.entries.back_mut(), self.names.get(id))
            && !entry.joined.contains(name)
        {
            entry.joined.push(name.clone());
        }
        if has_changed && self.number.is_some_and(|number| epoch <= number) {
            self.settle(at);
        }
    }

    /// Notes whether all members have reached the epoch of the group. Members whose last record is older than the
    /// history become known one after another, so that a rebalance that seemed to have ended may go on.
    fn settle(&mut self, at: DateTime<Utc>) {
        let Some((number, entry)) = self.number.zip(self.entries.back_mut()) else { return };
        let is_settled = |member: &PastMember| member.is_stable && member.reached.is_some_and(|epoch| epoch >= number);
        self.is_open = !self.members.values().all(is_settled);
        let duration = u64::try_from((at - entry.began_at).num_milliseconds()).unwrap_or(0);
        entry.duration_ms = (!self.is_open).then_some(duration);
    }

    /// How many rebalances a new number stands for: the first one at least one, because its record is in the history. A
    /// new classic group begins with generation 0, before its first rebalance.
    fn bumps(&mut self, number: i32) -> u32 {
        let before = self.number.replace(number);
        before.map_or(u32::from(number > 0), |before| u32::try_from(i64::from(number) - i64::from(before)).unwrap_or(0))
    }

    fn push(&mut self, entry: RebalanceEntry) {
        self.count += u64::from(entry.epochs);
        if self.entries.len() >= MAX_HISTORY {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }
}

fn entry(began_at: DateTime<Utc>, epochs: u32) -> RebalanceEntry {
    RebalanceEntry {
        began_at,
        epochs,
        duration_ms: None,
        error_ms: 0,
        joined: Vec::new(),
        left: Vec::new(),
        partitions: None,
        stood_still: Vec::new(),
    }
}

/// The owner of each partition; `None` if an assignment is not known.
fn owners(members: &[Member]) -> Option<BTreeMap<TopicPartition, Arc<str>>> {
    let mut owners = BTreeMap::new();
    for member in members {
        let assigned: &BTreeSet<TopicPartition> = member.assigned.as_ref()?;
        owners.extend(assigned.iter().map(|partition| (partition.clone(), member.identity().clone())));
    }
    Some(owners)
}

/// The names of members that the second set lacks.
fn missing(members: &BTreeMap<Arc<str>, String>, other: &BTreeMap<Arc<str>, String>) -> Vec<String> {
    members.iter().filter(|(identity, _)| !other.contains_key(*identity)).map(|(_, name)| name.clone()).collect()
}
