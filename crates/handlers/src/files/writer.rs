//! The export writer that all workers share: the open part files and the database of their contents.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use kreplay_model::{
    domain::{AppendOnlyVec, OffsetSet, TopicPartition, printable},
    feed::EventLog,
};
use parking_lot::Mutex;

use super::{
    ExportSettings,
    ledger::{Claim, ExportLedger, PartitionNote, Upkeep, below},
    ledger_error::ExportError,
    part_file::{self, PartFile},
    parts::PartFiles,
    table::Table,
};
use crate::{Advice, LaneRun, Positions};

/// The number of batches of a partition after which its entries in the database are merged or removed.
const BATCHES_PER_UPKEEP: u32 = 32;
/// With more stretches of exported offsets than this number per batch, that is done less often, because a merge writes
/// all of them.
const STRETCHES_PER_BATCH: usize = 32;
/// The maximum number of stretches of exported offsets that are kept for a partition of a group. Beyond it, everything
/// below the run's position counts as exported, so that memory and database stay bounded. That is about 3 MB.
const MAX_STRETCHES_IN_GROUP: usize = 100_000;

/// The export writer that all workers of a run share.
pub(super) struct ExportWriter {
    /// The directory of complete files.
    pub(super) dir: PathBuf,
    /// The directory of part files.
    pub(super) work: PathBuf,
    pub(super) table: Table,
    pub(super) settings: ExportSettings,
    /// The scope in which exported records are known: the run, or all runs of its group.
    pub(super) scope: String,
    /// Whether that is a group.
    pub(super) in_group: bool,
    /// The run's id or group, for file names.
    pub(super) run: String,
    pub(super) partitions: Arc<AppendOnlyVec<TopicPartition>>,
    pub(super) positions: OnceLock<Arc<dyn Positions>>,
    pub(super) events: EventLog,
    pub(super) state: Mutex<State>,
    /// Held while a file is converted, which may need much memory.
    pub(super) completing: Mutex<()>,
    pub(super) counts: Counts,
}

#[derive(Default)]
pub(super) struct Counts {
    pub(super) files: AtomicU64,
    pub(super) file_bytes: AtomicU64,
    pub(super) rows: AtomicU64,
    pub(super) already_exported: AtomicU64,
}

pub(super) struct State {
    pub(super) ledger: ExportLedger,
    pub(super) parts: PartFiles,
    /// Claimed partitions by index.
    pub(super) claimed_partitions: HashMap<u32, ClaimedPartition>,
    /// Files that could not be completed and are retried.
    pub(super) incomplete: Vec<PartFile>,
}

/// A partition of which records were received.
pub(super) struct ClaimedPartition {
    pub(super) row: i64,
    pub(super) owner: i64,
    /// The epoch of the assignment under which it was claimed.
    epoch: u32,
    pub(super) written: OffsetSet,
    /// The number of entries in the database since they were last merged or removed.
    pub(super) entries: u32,
    /// The number of entries at which they are merged or removed.
    max_entries: u32,
}

impl ClaimedPartition {
    fn new(claim: Claim, owner: i64, epoch: u32) -> Self {
        let Claim { row, written, entries } = claim;
        let max_entries = max_entries(&written);
        Self { row, owner, epoch, written, entries, max_entries }
    }

    /// What a batch with these offsets does to keep the entries few. `position` is the run's position.
    fn upkeep(&self, offsets: &OffsetSet, position: Option<i64>, in_group: bool) -> Upkeep {
        if self.entries.saturating_add(1) < self.max_entries {
            return Upkeep::NotDue;
        }
        if in_group {
            let mut all = self.written.clone();
            all.merge(offsets);
            if let Some(position) = position
                && all.runs().count() > MAX_STRETCHES_IN_GROUP
            {
                all.merge(&below(position));
            }
            return Upkeep::Merge(all);
        }
        position.map_or(Upkeep::NotDue, Upkeep::Advance)
    }

    /// Updates it after a batch was recorded in the database.
    fn recorded(&mut self, note: PartitionNote) {
        match note.upkeep {
            Upkeep::NotDue => {
                self.written.merge(&note.offsets);
                self.entries = self.entries.saturating_add(1);
                return;
            }
            Upkeep::Advance(position) => {
                self.written.merge(&note.offsets);
                self.written.merge(&below(position));
            }
            Upkeep::Merge(all) => self.written = all,
        }
        self.entries = 0;
        self.max_entries = max_entries(&self.written);
    }
}

fn max_entries(written: &OffsetSet) -> u32 {
    let batches = written.runs().count() / STRETCHES_PER_BATCH;
    u32::try_from(batches).unwrap_or(u32::MAX).max(BATCHES_PER_UPKEEP)
}

/// The rows of a batch for one file.
pub(super) struct RowChunk {
    pub(super) series: Arc<str>,
    pub(super) bytes: Vec<u8>,
    pub(super) rows: u64,
}

impl ExportWriter {
    /// Claims the partitions of a batch whose assignment is new, and returns the records that are already exported, as
    /// partition and offset.
    pub(super) fn claim_and_find_exported(&self, batch: &[LaneRun]) -> Result<HashSet<(u32, i64)>, ExportError> {
        let mut state = self.state.lock();
        let mut already_exported = HashSet::new();
        for chunk in batch.iter().flat_map(|run| run.records.chunk_by(|a, b| a.partition == b.partition)) {
            let Some(partition) = chunk.first().map(|record| record.partition) else { continue };
            let epoch = chunk.iter().map(|record| record.epoch).max().unwrap_or_default();
            // A record of an unknown partition fails on its own.
            let Some(id) = self.partitions.get(partition as usize) else { continue };
            let state = &mut *state;
            if state.claimed_partitions.get(&partition).is_none_or(|claimed| claimed.epoch < epoch) {
                let owner = i64::from_le_bytes(rand::random());
                let claim = state.ledger.claim(&self.scope, id, owner)?;
                state.claimed_partitions.insert(partition, ClaimedPartition::new(claim, owner, epoch));
            }
            let Some(claimed) = state.claimed_partitions.get(&partition) else { continue };
            already_exported.extend(
                chunk.iter().filter(|one| claimed.written.contains(one.offset)).map(|one| (partition, one.offset)),
            );
        }
        Ok(already_exported)
    }

    /// Writes rows and records their offsets as exported. Returns the files that are full.
    pub(super) fn commit(
        &self,
        chunks: &[RowChunk],
        batch_offsets: &mut [(u32, i64)],
    ) -> Result<Vec<PartFile>, ExportError> {
        if batch_offsets.is_empty() {
            return Ok(Vec::new());
        }
        batch_offsets.sort_unstable();
        // Read before the lock is taken, to prevent a deadlock: the answer may wait for threads that wait for this
        // lock.
        let mut positions: HashMap<u32, i64> = HashMap::new();
        if let Some(run) = self.positions.get() {
            for (partition, _) in batch_offsets.iter() {
                positions.entry(*partition).or_insert_with(|| run.position(*partition));
            }
        }
        let mut state = self.state.lock();
        let state = &mut *state;
        let notes = notes(&state.claimed_partitions, batch_offsets, &positions, self.in_group)?;
        let outcome = self.append(state, chunks).and_then(|files| state.ledger.commit(&notes, &files));
        for chunk in chunks {
            let Some(part) = state.parts.get_mut(&chunk.series) else { continue };
            if outcome.is_ok() { part.commit() } else { part.roll_back() }
        }
        let partitions = batch_offsets.chunk_by(|a, b| a.0 == b.0).map(|chunk| chunk[0].0);
        if outcome.as_ref().is_err_and(|error| error.advice == Advice::Fenced) {
            // The next attempt claims them again. The other process may have claimed them late, when they were no
            // longer assigned to it, and nothing else would take them back.
            for partition in partitions {
                state.claimed_partitions.remove(&partition);
            }
            return outcome.map(|()| Vec::new());
        }
        outcome?;
        for (note, partition) in notes.into_iter().zip(partitions) {
            if let Some(claimed) = state.claimed_partitions.get_mut(&partition) {
                claimed.recorded(note);
            }
        }
        self.counts.rows.fetch_add(batch_offsets.len() as u64, Relaxed);
        Ok(state.parts.take(|part| part.bytes >= self.settings.file_size))
    }

    fn append(&self, state: &mut State, chunks: &[RowChunk]) -> Result<Vec<super::ledger::FileNote>, ExportError> {
        let mut notes = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            if !state.parts.contains(&chunk.series) {
                let part = self.new_part(state, &chunk.series)?;
                state.parts.insert(Arc::clone(&chunk.series), part);
            }
            let opened = state.parts.open(&chunk.series).map_err(|error| {
                ExportError::stop(format!(
                    "cannot reopen the file of {}: {error}; exported records are kept, and the run can be resumed",
                    printable(&chunk.series)
                ))
            })?;
            let Some(part) = opened else { continue };
            let head = if part.bytes == 0 { self.table.head() } else { Vec::new() };
            let appended = part.append([&head, &chunk.bytes], chunk.rows, self.settings.sync);
            notes.push(appended.map_err(|error| {
                ExportError::stop(format!(
                    "cannot write to {}: {error}; exported records are kept, and the run can be resumed",
                    part.path.display()
                ))
            })?);
        }
        Ok(notes)
    }

    fn new_part(&self, state: &mut State, series: &str) -> Result<PartFile, ExportError> {
        let State { ledger, parts, .. } = state;
        let output = &self.table.output;
        let name = |number| format!("{}.{}", self.settings.name.render(series, &self.run, number), output.ending());
        let (id, name, (path, file)) = ledger.add_file(&self.scope, output, name, |number| {
            let path = self.part_file_path(number);
            let made = parts.open_with_room(|| part_file::create(&path)).and_then(|file| {
                if self.settings.sync {
                    File::open(&self.work)?.sync_all()?;
                }
                Ok(file)
            });
            match made {
                Ok(file) => Ok((path, file)),
                Err(error) => Err(ExportError::stop(format!("cannot create {}: {error}", path.display()))),
            }
        })?;
        let failed = |error: std::io::Error| ExportError::stop(format!("cannot create {name}: {error}"));
        PartFile::new(id, name.clone(), path, file, Instant::now()).map_err(failed)
    }

    /// The path of a part file.
    pub(super) fn part_file_path(&self, number: i64) -> PathBuf {
        self.work.join(format!("{number:06}.part"))
    }

    /// Completes files that are older than `age`.
    pub(super) fn complete_older_than(&self, age: Duration) {
        let old = self.state.lock().parts.take(|part| part.rows > 0 && part.since.elapsed() >= age);
        self.complete_all(old);
    }
}

/// The database entries of a batch for each partition, in the order of `batch_offsets`.
fn notes(
    claimed_partitions: &HashMap<u32, ClaimedPartition>,
    batch_offsets: &[(u32, i64)],
    positions: &HashMap<u32, i64>,
    in_group: bool,
) -> Result<Vec<PartitionNote>, ExportError> {
    let mut notes = Vec::new();
    for chunk in batch_offsets.chunk_by(|a, b| a.0 == b.0) {
        let Some(claimed) = chunk.first().and_then(|(partition, _)| claimed_partitions.get(partition)) else {
            // Another worker has lost the claim since this batch began.
            return Err(ExportError::fenced("another process has claimed a partition of the batch".into()));
        };
        if chunk.iter().any(|(_, offset)| claimed.written.contains(*offset)) {
            return Err(ExportError::retry("a record of the batch was exported by another worker".into()));
        }
        let offsets: OffsetSet = chunk.iter().map(|(_, offset)| *offset).collect();
        let upkeep = claimed.upkeep(&offsets, positions.get(&chunk[0].0).copied(), in_group);
        notes.push(PartitionNote { row: claimed.row, owner: claimed.owner, offsets, upkeep });
    }
    Ok(notes)
}
