//! Creates the journal of a run, or opens the journal of an earlier process.

use std::{path::PathBuf, sync::Arc};

use kreplay_model::feed::RunState;

use super::{
    BegunLog, GroupEntry, Head, JournalError, JournalTotals, Journals, PartitionChange, PartitionPlan, PartitionState,
    Repeats, TopicPlan, begun,
    lock::RunLock,
    store::{Content, FORMAT_VERSION, Store, Unreadable},
};

/// The journal of a run that this process is working on.
#[derive(Debug)]
pub struct Journal {
    journals: Journals,
    head: Head,
    store: Store,
    begun: Arc<BegunLog>,
    /// Partitions have joined since the plan was written.
    has_new_partitions: bool,
    // Held until everything else is closed.
    _lock: RunLock,
}

/// A journal that was read before the run is resumed. It is locked.
#[derive(Debug)]
pub struct Stored {
    /// The plan.
    pub head: Head,
    /// The totals.
    pub totals: JournalTotals,
    /// Each partition, in the plan's order; empty if a group or the target stores the positions.
    pub partitions: Vec<StoredPartition>,
    journals: Journals,
    store: Store,
    begun: Vec<PathBuf>,
    lock: RunLock,
}

/// The state of a partition in the last checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredPartition {
    /// The position, counters and digest.
    pub state: PartitionState,
    /// Its key groups.
    pub groups: Vec<GroupEntry>,
    /// Records that were begun, but not recorded as handled.
    pub repeats: Repeats,
}

impl Journal {
    /// Creates the journal of a new run.
    ///
    /// # Errors
    /// [`JournalError::System`]: a file cannot be created.
    pub fn create(journals: &Journals, head: Head) -> Result<Self, JournalError> {
        journals.prepare()?;
        let lock = take_lock(journals, &head.run_id)?;
        let path = journals.database(&head.run_id);
        let totals = JournalTotals { updated: head.created, state: RunState::Running, ..JournalTotals::default() };
        let store = Store::create(&path, &head, &totals).map_err(|error| JournalError::system(&path, &error))?;
        let begun = begin(journals, &head)?;
        Ok(Self { journals: journals.clone(), head, store, begun, has_new_partitions: false, _lock: lock })
    }

    /// The log of batches begun.
    #[must_use]
    pub fn begun(&self) -> &Arc<BegunLog> {
        &self.begun
    }

    /// The plan.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Writes a checkpoint: all of it or nothing. Each change is written before the next one is requested, so that only
    /// one is in memory at a time. The totals come last.
    ///
    /// # Errors
    /// The error of the database. The next checkpoint must be complete ([`super::GroupsChange::All`]).
    pub fn checkpoint(
        &mut self,
        changes: impl Iterator<Item = PartitionChange>,
        totals: impl FnOnce() -> JournalTotals,
    ) -> Result<(), String> {
        let head = std::mem::take(&mut self.has_new_partitions).then_some(&self.head);
        let result = self.store.checkpoint(head, changes, totals);
        self.has_new_partitions = head.is_some() && result.is_err();
        result
    }

    /// Adds a partition that has joined the run, with the id of its topic, if that is known. The next checkpoint
    /// includes it.
    pub fn join(&mut self, joined: PartitionPlan, topic_id: Option<String>) {
        if !self.head.topics.iter().any(|topic| topic.name == joined.topic) {
            self.head.topics.push(TopicPlan { name: joined.topic.clone(), id: topic_id, partitions: 0 });
        }
        self.head.partitions.push(joined);
        self.has_new_partitions = true;
    }

    /// Closes the journal after the last checkpoint, and deletes the oldest finished runs, so that `keep` are left.
    pub fn close(self, keep: usize) {
        let Self { journals, store, begun, _lock: lock, .. } = self;
        begun.end();
        store.close();
        drop(lock);
        journals.prune(keep);
    }
}

impl Stored {
    /// Reads a journal and checks that all of it is intact.
    ///
    /// # Errors
    /// Why the run cannot be resumed.
    pub fn open(journals: &Journals, id: &str) -> Result<Self, JournalError> {
        let path = journals.database(id);
        if !path.exists() {
            return Err(JournalError::Unknown { wanted: id.into(), dir: journals.dir().into() });
        }
        let lock = take_lock(journals, id)?;
        let unreadable = |problem| unreadable(journals, id, problem);
        let store = Store::open(&path, true).map_err(unreadable)?;
        let Content { head, totals, partitions } = store.content().map_err(unreadable)?;
        if head.run_id != id {
            return Err(JournalError::Corrupt { id: id.into(), reason: format!("it belongs to run {}", head.run_id) });
        }
        if totals.state == RunState::Done {
            return Err(JournalError::Done { id: id.into() });
        }
        let mut runs = vec![Vec::new(); head.partitions.len()];
        let mut begun = Vec::new();
        for (attempt, path) in journals.begun(id)? {
            // Those of older attempts are already included in the repeats.
            if attempt == head.attempt {
                begun::read(&path, &mut runs).map_err(|error| JournalError::system(&path, &error))?;
            }
            begun.push(path);
        }
        let partitions: Vec<StoredPartition> = partitions
            .into_iter()
            .zip(runs)
            .map(|((state, groups, before), runs)| {
                let repeats = before.with_attempt(&runs, state.position, &state.above);
                StoredPartition { state, groups, repeats }
            })
            .collect();
        let passed_over = |one: &StoredPartition| one.state.counters.passed_over;
        let total_passed_over: u64 = partitions.iter().map(passed_over).sum();
        // If a group or the target stores the positions, the partitions' states are not here.
        let totals = if head.keeps_positions() { totals.bounded_by(total_passed_over) } else { totals };
        Ok(Self { head, totals, partitions, journals: journals.clone(), store, begun, lock })
    }

    /// Begins the next attempt.
    ///
    /// # Errors
    /// [`JournalError::System`]: the journal cannot be written.
    pub fn resume(self) -> Result<(Journal, JournalTotals, Vec<StoredPartition>), JournalError> {
        let Self { mut head, totals, partitions, journals, mut store, begun: old, lock } = self;
        head.attempt += 1;
        let path = journals.database(&head.run_id);
        store
            .begin_attempt(&head, partitions.iter().map(|one| &one.repeats))
            .map_err(|error| JournalError::system(&path, &error))?;
        for path in old {
            // If deleting fails, the file belongs to an older attempt from now on and is not read again.
            let _ = std::fs::remove_file(path);
        }
        let begun = begin(&journals, &head)?;
        Ok((Journal { journals, head, store, begun, has_new_partitions: false, _lock: lock }, totals, partitions))
    }
}

fn begin(journals: &Journals, head: &Head) -> Result<Arc<BegunLog>, JournalError> {
    let stem = journals.begun_stem(&head.run_id, head.attempt);
    Ok(Arc::new(BegunLog::begin(stem.clone()).map_err(|error| JournalError::system(&stem, &error))?))
}

fn take_lock(journals: &Journals, id: &str) -> Result<RunLock, JournalError> {
    let path = journals.lock(id);
    let taken = RunLock::take(&path).map_err(|error| JournalError::system(&path, &error))?;
    taken.map_err(|pid| JournalError::Live { id: id.into(), pid })
}

pub(super) fn unreadable(journals: &Journals, id: &str, problem: Unreadable) -> JournalError {
    match problem {
        Unreadable::Damaged(reason) => JournalError::Corrupt { id: id.into(), reason },
        Unreadable::Version(found) => JournalError::Version { id: id.into(), found, known: FORMAT_VERSION },
        Unreadable::System(reason) => JournalError::System { path: journals.database(id), reason },
    }
}
