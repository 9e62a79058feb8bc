//! The records of a batch that are still to be applied: without those that the target already has, and, in each run,
//! only those before a failed record.

use std::ops::Range;

use super::super::batch::Batch;
use super::claimed_partitions::AppliedRows;
use crate::{BatchProgress, LaneFailure, RecordFailure, RecordIndex};

/// A record that is to be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingRecord {
    /// The index of its run.
    pub run: usize,
    /// Its index in the batch.
    pub record: usize,
}

/// The records of a batch that are still to be applied, and the failures so far.
#[derive(Debug)]
pub struct PendingRecords {
    entries: Vec<PendingRecord>,
    progress: BatchProgress,
    /// The progress before any failure: records before the first pending one of a run are in the target.
    at_start: BatchProgress,
    /// By run: the index of its first record.
    run_starts: Vec<usize>,
    already_applied: u64,
}

impl PendingRecords {
    /// All records of a batch that the target does not have. `is_applied` tells by record whether it has it.
    pub fn new(batch: &Batch, is_applied: &[bool]) -> Self {
        let all = batch
            .runs
            .iter()
            .enumerate()
            .flat_map(|(run, records)| records.clone().map(move |record| PendingRecord { run, record }));
        let (entries, already): (Vec<_>, Vec<_>) = all.partition(|entry| is_applied.get(entry.record) != Some(&true));
        let mut progress = BatchProgress::of_lengths(batch.runs.iter().map(Range::len));
        for (run, records) in batch.runs.iter().enumerate() {
            let applied = records.clone().take_while(|record| is_applied.get(*record) == Some(&true)).count();
            if let Some(index) = applied.checked_sub(1) {
                progress.handle_through(RecordIndex { run, index });
            }
        }
        Self {
            entries,
            at_start: progress.clone(),
            progress,
            run_starts: batch.runs.iter().map(|run| run.start).collect(),
            already_applied: already.len() as u64,
        }
    }

    /// The records that are to be applied, from the entry `from` on, each with the index of its entry.
    pub fn pending(&self, from: usize) -> Vec<(usize, PendingRecord)> {
        let is_pending = |entry: &PendingRecord| self.progress.is_left(self.place_of(*entry));
        self.entries.iter().copied().enumerate().skip(from).filter(|(_, entry)| is_pending(entry)).collect()
    }

    fn place_of(&self, entry: PendingRecord) -> RecordIndex {
        RecordIndex { run: entry.run, index: entry.record - self.run_starts[entry.run] }
    }

    /// Fails a record and the rest of its run.
    pub fn fail(&mut self, entry: PendingRecord, failure: impl Into<RecordFailure>) {
        self.progress.fail(self.place_of(entry), failure);
    }

    /// Fails all records: nothing of the batch was applied.
    pub fn fail_all(&mut self, failure: impl Into<RecordFailure>) {
        self.progress = self.at_start.clone();
        self.progress.fail_left(failure);
    }

    /// Fails each run from its first record of the given partitions on.
    pub fn fail_partitions(&mut self, batch: &Batch, partitions: &[u32], failure: &RecordFailure) {
        for index in 0..self.entries.len() {
            let entry = self.entries[index];
            if partitions.contains(&batch.records[entry.record].partition) {
                self.fail(entry, failure.clone());
            }
        }
    }

    /// The number of records that the target already had.
    pub fn already_applied(&self) -> u64 {
        self.already_applied
    }

    /// The failures, ordered by run. All records that are still pending are applied.
    pub fn into_failures(mut self) -> Vec<LaneFailure> {
        self.progress.handle_all();
        self.progress.failures()
    }

    /// The rows to store when all pending records are applied.
    pub fn applied_rows(&self, batch: &Batch) -> AppliedRows {
        let mut rows = AppliedRows::new();
        for (_, entry) in self.pending(0) {
            let record = &batch.records[entry.record];
            rows.entry(record.partition).or_default().add(record);
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::batch::BoundRecord;
    use super::*;
    use crate::Advice;

    fn batch(runs: &[&[i64]]) -> Batch {
        let mut batch = Batch::default();
        for (run, offsets) in (0..).zip(runs) {
            let first = batch.records.len();
            batch.records.extend(offsets.iter().map(|offset| BoundRecord {
                partition: run,
                offset: *offset,
                statements: 0..0,
                fingerprint: 1,
            }));
            batch.runs.push(first..batch.records.len());
        }
        batch
    }

    fn pending_indexes(records: &PendingRecords, from: usize) -> Vec<usize> {
        records.pending(from).into_iter().map(|(_, entry)| entry.record).collect()
    }

    #[test]
    fn a_failure_fails_only_the_rest_of_its_run() {
        let batch = batch(&[&[1, 2, 3], &[7, 8], &[9]]);
        let mut records = PendingRecords::new(&batch, &[true, false, false, false, false, true]);
        assert_eq!((pending_indexes(&records, 0), records.already_applied()), (vec![1, 2, 3, 4], 2));
        records.fail(PendingRecord { run: 0, record: 2 }, "bad".to_owned());
        assert_eq!(pending_indexes(&records, 0), [1, 3, 4]);
        assert_eq!(pending_indexes(&records, 2), [3, 4]);
        let rows = records.applied_rows(&batch);
        assert_eq!(rows.iter().map(|(index, row)| (*index, row.records)).collect::<Vec<_>>(), [(0, 1), (1, 2)]);
        records.fail(PendingRecord { run: 0, record: 1 }, "worse".to_owned());
        records.fail_partitions(&batch, &[0, 1, 2], &RecordFailure::new("lost", Advice::Stop));
        let failures = records.into_failures();
        let summary: Vec<_> = failures.iter().map(|it| (it.run, it.done, it.error.as_str())).collect();
        assert_eq!(summary, [(0, 1, "worse"), (1, 0, "lost")]);
    }

    #[test]
    fn fail_all_fails_every_run_with_pending_records() {
        let batch = batch(&[&[1, 2], &[7], &[]]);
        let mut records = PendingRecords::new(&batch, &[true, false, true]);
        records.fail(PendingRecord { run: 0, record: 1 }, "bad".to_owned());
        records.fail_all("gone".to_owned());
        let failures = records.into_failures();
        assert_eq!(failures, [LaneFailure { run: 0, done: 1, error: "gone".into(), advice: Advice::Retry }]);
    }
}
