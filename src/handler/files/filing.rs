//! What all workers of a run share: the files that are open, and the database that says what is in them.

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

use parking_lot::Mutex;

use super::{
    ExportSettings,
    ledger::{Ledger, PartitionNote},
    ledger_error::Refusal,
    part::{self, Part},
    parts::Parts,
    table::Table,
    written::{Written, stretches},
};
use crate::{
    domain::{Growing, TopicPartition},
    feed::{EventLog, printable},
    handler::{LaneRun, Positions},
};

/// Where the run stands is noted with every so many batches of a partition.
const NOTE_EVERY: u32 = 32;

/// What all workers of a run share.
pub(super) struct Filing {
    /// Where complete files are.
    pub(super) dir: PathBuf,
    /// Where the others are.
    pub(super) work: PathBuf,
    pub(super) table: Table,
    pub(super) settings: ExportSettings,
    /// Whose records those in the files are: the run's, or those of all runs of its group.
    pub(super) scope: String,
    /// The run in names of files.
    pub(super) run: String,
    pub(super) partitions: Arc<Growing<TopicPartition>>,
    pub(super) positions: OnceLock<Arc<dyn Positions>>,
    pub(super) events: EventLog,
    pub(super) state: Mutex<State>,
    /// Held while a file is brought to its final form, which may take memory.
    pub(super) completing: Mutex<()>,
    pub(super) counts: Counts,
}

#[derive(Default)]
pub(super) struct Counts {
    pub(super) files: AtomicU64,
    pub(super) file_bytes: AtomicU64,
    pub(super) rows: AtomicU64,
    pub(super) already: AtomicU64,
}

pub(super) struct State {
    pub(super) ledger: Ledger,
    pub(super) parts: Parts,
    /// By the partition's index.
    pub(super) slots: HashMap<u32, Slot>,
    /// Files that could not be completed, and are tried again.
    pub(super) stuck: Vec<Part>,
}

/// A partition that records have come of.
pub(super) struct Slot {
    pub(super) row: i64,
    pub(super) owner: i64,
    /// The assignment it was taken over under.
    epoch: u32,
    written: Written,
    /// Batches since it was noted where the run stands.
    batches: u32,
}

/// Rows for one file.
pub(super) struct Chunk {
    pub(super) series: Arc<str>,
    pub(super) bytes: Vec<u8>,
    pub(super) rows: u64,
}

impl Filing {
    /// Takes the partitions of a batch over, where a new assignment of them has begun, and finds the records that are in files
    /// already: partition and offset.
    pub(super) fn sift(&self, batch: &[LaneRun]) -> Result<HashSet<(u32, i64)>, Refusal> {
        let mut state = self.state.lock();
        let mut already = HashSet::new();
        for chunk in batch.iter().flat_map(|run| run.records.chunk_by(|a, b| a.partition == b.partition)) {
            let Some(partition) = chunk.first().map(|record| record.partition) else { continue };
            let epoch = chunk.iter().map(|record| record.epoch).max().unwrap_or_default();
            // A record of no known partition fails by itself.
            let Some(id) = self.partitions.get(partition as usize) else { continue };
            let state = &mut *state;
            if state.slots.get(&partition).is_none_or(|slot| slot.epoch < epoch) {
                let owner = i64::from_le_bytes(rand::random());
                let (row, written) = state.ledger.claim(&self.scope, id, owner)?;
                state.slots.insert(partition, Slot { row, owner, epoch, written, batches: 0 });
            }
            let Some(slot) = state.slots.get(&partition) else { continue };
            already.extend(
                chunk.iter().filter(|one| slot.written.contains(one.offset)).map(|one| (partition, one.offset)),
            );
        }
        Ok(already)
    }

    /// Writes rows, and notes that these records are in files. Gives the files that are full then.
    pub(super) fn commit(&self, chunks: &[Chunk], taken: &mut [(u32, i64)]) -> Result<Vec<Part>, Refusal> {
        if taken.is_empty() {
            return Ok(Vec::new());
        }
        taken.sort_unstable();
        // Asked for before the lock is taken: the answer may wait for others who wait for this one.
        let mut positions: HashMap<u32, i64> = HashMap::new();
        if let Some(run) = self.positions.get() {
            for (partition, _) in taken.iter() {
                positions.entry(*partition).or_insert_with(|| run.position(*partition));
            }
        }
        let mut state = self.state.lock();
        let state = &mut *state;
        let notes = notes(&mut state.slots, taken, &positions)?;
        let outcome = self.append(state, chunks).and_then(|files| state.ledger.commit(&notes, &files));
        for chunk in chunks {
            let Some(part) = state.parts.get_mut(&chunk.series) else { continue };
            if outcome.is_ok() { part.accept() } else { part.cut() }
        }
        outcome?;
        for (note, partition) in notes.iter().zip(taken.chunk_by(|a, b| a.0 == b.0).map(|chunk| chunk[0].0)) {
            let Some(slot) = state.slots.get_mut(&partition) else { continue };
            note.stretches.iter().for_each(|(first, end)| slot.written.insert(*first, *end));
            if let Some(position) = note.position {
                slot.written.advance(position);
            }
        }
        self.counts.rows.fetch_add(taken.len() as u64, Relaxed);
        Ok(state.parts.take(|part| part.bytes >= self.settings.file_size))
    }

    fn append(&self, state: &mut State, chunks: &[Chunk]) -> Result<Vec<super::ledger::FileNote>, Refusal> {
        let mut notes = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            if !state.parts.contains(&chunk.series) {
                let part = self.new_part(state, &chunk.series)?;
                state.parts.insert(Arc::clone(&chunk.series), part);
            }
            let opened = state.parts.open(&chunk.series).map_err(|error| {
                Refusal::stop(format!(
                    "cannot open the file of {} again: {error}; what is exported so far is kept, and the run can be resumed",
                    printable(&chunk.series)
                ))
            })?;
            let Some(part) = opened else { continue };
            let head = if part.bytes == 0 { self.table.head() } else { Vec::new() };
            let appended = part.append([&head, &chunk.bytes], chunk.rows, self.settings.sync);
            notes.push(appended.map_err(|error| {
                Refusal::stop(format!(
                    "cannot write to {}: {error}; what is exported so far is kept, and the run can be resumed",
                    part.path.display()
                ))
            })?);
        }
        Ok(notes)
    }

    fn new_part(&self, state: &mut State, series: &str) -> Result<Part, Refusal> {
        let State { ledger, parts, .. } = state;
        let form = &self.table.form;
        let name = |number| format!("{}.{}", self.settings.name.render(series, &self.run, number), form.ending());
        let (id, name, (path, file)) = ledger.add_file(&self.scope, form, name, |number| {
            let path = self.part_path(number);
            let made = parts.with_room(|| part::create(&path)).and_then(|file| {
                if self.settings.sync {
                    File::open(&self.work)?.sync_all()?;
                }
                Ok(file)
            });
            match made {
                Ok(file) => Ok((path, file)),
                Err(error) => Err(Refusal::stop(format!("cannot create {}: {error}", path.display()))),
            }
        })?;
        let said = |error: std::io::Error| Refusal::stop(format!("cannot create {name}: {error}"));
        Part::new(id, name.clone(), path, file, Instant::now()).map_err(said)
    }

    /// Where a file is while rows are appended to it.
    pub(super) fn part_path(&self, number: i64) -> PathBuf {
        self.work.join(format!("{number:06}.part"))
    }

    /// Completes what is older than the settings allow.
    pub(super) fn complete_old(&self, age: Duration) {
        let old = self.state.lock().parts.take(|part| part.rows > 0 && part.since.elapsed() >= age);
        self.complete_all(old);
    }
}

/// What a batch holds of each partition, in the order of `taken`.
fn notes(
    slots: &mut HashMap<u32, Slot>,
    taken: &[(u32, i64)],
    positions: &HashMap<u32, i64>,
) -> Result<Vec<PartitionNote>, Refusal> {
    let mut notes = Vec::new();
    for chunk in taken.chunk_by(|a, b| a.0 == b.0) {
        let Some(slot) = chunk.first().and_then(|(partition, _)| slots.get_mut(partition)) else {
            return Err(Refusal::retry("a partition was not taken over".into()));
        };
        if chunk.iter().any(|(_, offset)| slot.written.contains(*offset)) {
            return Err(Refusal::retry("the same record was exported meanwhile".into()));
        }
        slot.batches += 1;
        let due = slot.batches.is_multiple_of(NOTE_EVERY);
        notes.push(PartitionNote {
            row: slot.row,
            owner: slot.owner,
            stretches: stretches(chunk.iter().map(|(_, offset)| *offset)),
            position: positions.get(&chunk[0].0).copied().filter(|_| due),
        });
    }
    Ok(notes)
}
