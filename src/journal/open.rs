//! A run's journal, from the start of a run or where another process left it.

use std::{path::PathBuf, sync::Arc};

use super::{
    BegunLog, Figures, GroupEntry, Head, JournalError, Journals, PartitionChange, PartitionPlan, PartitionState,
    Repeats, TopicPlan, begun,
    lock::RunLock,
    store::{Content, FORM, Store, Unreadable},
};
use crate::feed::RunState;

/// The journal of a run that this process works on.
#[derive(Debug)]
pub struct Journal {
    journals: Journals,
    head: Head,
    store: Store,
    begun: Arc<BegunLog>,
    /// The plan is not what was written.
    grown: bool,
    // Held until everything else is closed.
    _lock: RunLock,
}

/// A journal that was read, before the run goes on. It is locked.
#[derive(Debug)]
pub struct Stored {
    /// The plan.
    pub head: Head,
    /// The totals.
    pub figures: Figures,
    /// Each partition, in the plan's order; empty where a group or the target keeps the positions.
    pub partitions: Vec<StoredPartition>,
    journals: Journals,
    store: Store,
    begun: Vec<PathBuf>,
    lock: RunLock,
}

/// A partition, as the last checkpoint has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredPartition {
    /// Where it stands.
    pub state: PartitionState,
    /// Its key groups.
    pub groups: Vec<GroupEntry>,
    /// What was begun and not noted as handled.
    pub repeats: Repeats,
}

impl Journal {
    /// Begins the journal of a new run.
    ///
    /// # Errors
    /// [`JournalError::System`]: there is no place for it.
    pub fn create(journals: &Journals, head: Head) -> Result<Self, JournalError> {
        journals.prepare()?;
        let lock = take_lock(journals, &head.run_id)?;
        let path = journals.database(&head.run_id);
        let figures = Figures { updated: head.created, state: RunState::Running, ..Figures::default() };
        let store = Store::create(&path, &head, &figures).map_err(|error| JournalError::system(&path, &error))?;
        let begun = begin(journals, &head)?;
        Ok(Self { journals: journals.clone(), head, store, begun, grown: false, _lock: lock })
    }

    /// Where workers note what they begin.
    #[must_use]
    pub fn begun(&self) -> &Arc<BegunLog> {
        &self.begun
    }

    /// The plan.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Writes a checkpoint: all of it or nothing. Each change is written before the next one is asked for, so that never
    /// more than one is in memory; the figures come last.
    ///
    /// # Errors
    /// What the system said. The next one must be complete ([`super::GroupsChange::All`]).
    pub fn checkpoint(
        &mut self,
        changes: impl Iterator<Item = PartitionChange>,
        figures: impl FnOnce() -> Figures,
    ) -> Result<(), String> {
        let head = std::mem::take(&mut self.grown).then_some(&self.head);
        let result = self.store.checkpoint(head, changes, figures);
        self.grown = head.is_some() && result.is_err();
        result
    }

    /// A partition has joined the run; the next checkpoint says so.
    pub fn join(&mut self, joined: PartitionPlan) {
        if !self.head.topics.iter().any(|topic| topic.name == joined.topic) {
            self.head.topics.push(TopicPlan { name: joined.topic.clone(), id: None, partitions: 0 });
        }
        self.head.partitions.push(joined);
        self.grown = true;
    }

    /// Closes it after the last checkpoint, and forgets the oldest finished runs, so that `keep` are left.
    pub fn close(self, keep: usize) {
        let Self { journals, store, begun, _lock: lock, .. } = self;
        begun.end();
        store.close();
        drop(lock);
        journals.prune(keep);
    }
}

impl Stored {
    /// Reads a journal, and checks that all of it is sound.
    ///
    /// # Errors
    /// Why it cannot be gone on with.
    pub fn open(journals: &Journals, id: &str) -> Result<Self, JournalError> {
        let path = journals.database(id);
        if !path.exists() {
            return Err(JournalError::Unknown { wanted: id.into(), dir: journals.dir().into() });
        }
        let lock = take_lock(journals, id)?;
        let unreadable = |problem| unreadable(journals, id, problem);
        let store = Store::open(&path, true).map_err(unreadable)?;
        let Content { head, figures, partitions } = store.content().map_err(unreadable)?;
        if head.run_id != id {
            return Err(JournalError::Corrupt { id: id.into(), reason: format!("it is that of run {}", head.run_id) });
        }
        if figures.state == RunState::Done {
            return Err(JournalError::Done { id: id.into() });
        }
        let mut runs = vec![Vec::new(); head.partitions.len()];
        let mut begun = Vec::new();
        for (attempt, path) in journals.begun(id)? {
            // An older attempt's were taken over when this one began.
            if attempt == head.attempt {
                begun::read(&path, &mut runs).map_err(|error| JournalError::system(&path, &error))?;
            }
            begun.push(path);
        }
        let partitions: Vec<StoredPartition> = partitions
            .into_iter()
            .zip(runs)
            .map(|((state, groups, before), runs)| {
                let repeats = before.and(&runs, state.position, &state.above);
                StoredPartition { state, groups, repeats }
            })
            .collect();
        let passed_over = |one: &StoredPartition| one.state.counters.passed_over;
        let sure: u64 = partitions.iter().map(passed_over).sum();
        // Where a group or the target keeps the positions, the partitions' states are not here.
        let figures = if head.keeps_positions() { figures.bounded_by(sure) } else { figures };
        Ok(Self { head, figures, partitions, journals: journals.clone(), store, begun, lock })
    }

    /// Goes on: the next attempt begins.
    ///
    /// # Errors
    /// [`JournalError::System`]: it cannot be written.
    pub fn go_on(self) -> Result<(Journal, Figures, Vec<StoredPartition>), JournalError> {
        let Self { mut head, figures, partitions, journals, mut store, begun: old, lock } = self;
        head.attempt += 1;
        let path = journals.database(&head.run_id);
        store
            .begin_attempt(&head, partitions.iter().map(|one| &one.repeats))
            .map_err(|error| JournalError::system(&path, &error))?;
        for path in old {
            // One that stays is of an older attempt from now on, and not read again.
            let _ = std::fs::remove_file(path);
        }
        let begun = begin(&journals, &head)?;
        Ok((Journal { journals, head, store, begun, grown: false, _lock: lock }, figures, partitions))
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
        Unreadable::Form(found) => JournalError::Version { id: id.into(), found, known: FORM },
        Unreadable::System(reason) => JournalError::System { path: journals.database(id), reason },
    }
}
