//! The records of a batch that are still to be applied: without those that the target already has, and, in each run,
//! only those before a failed record.

use super::super::batch::Batch;
use super::claimed_partitions::AppliedRows;
use crate::{Advice, LaneFailure};

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
    failures: Vec<LaneFailure>,
    /// By run: the index of the record that failed.
    cut_at: Vec<usize>,
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
        Self {
            entries,
            failures: Vec::new(),
            cut_at: vec![usize::MAX; batch.runs.len()],
            run_starts: batch.runs.iter().map(|run| run.start).collect(),
            already_applied: already.len() as u64,
        }
    }

    /// The records that are to be applied, from the entry `from` on, each with the index of its entry.
    pub fn pending(&self, from: usize) -> Vec<(usize, PendingRecord)> {
        let is_pending = |entry: &PendingRecord| entry.record < self.cut_at[entry.run];
        self.entries.iter().copied().enumerate().skip(from).filter(|(_, entry)| is_pending(entry)).collect()
    }

    /// Fails a record and the rest of its run.
    pub fn fail(&mut self, entry: PendingRecord, error: String, advice: Advice) {
        self.failures.retain(|failure| failure.run != entry.run);
        self.cut_at[entry.run] = entry.record;
        self.failures.push(LaneFailure {
            run: entry.run,
            done: entry.record - self.run_starts[entry.run],
            error,
            advice,
        });
    }

    /// Fails all records: nothing of the batch was applied.
    pub fn fail_all(&mut self, error: &str, advice: Advice) {
        self.failures.clear();
        for run in 0..self.run_starts.len() {
            // Records before the first pending one are in the target, so they count as done.
            let Some(entry) = self.entries.iter().find(|entry| entry.run == run).copied() else { continue };
            self.fail(entry, error.to_owned(), advice);
        }
    }

    /// Fails each run from its first record of the given partitions on.
    pub fn fail_partitions(&mut self, batch: &Batch, partitions: &[u32], error: &str, advice: Advice) {
        for run in 0..self.run_starts.len() {
            let is_affected = |entry: &&PendingRecord| {
                entry.run == run && partitions.contains(&batch.records[entry.record].partition)
            };
            let Some(entry) = self.entries.iter().find(is_affected).copied() else { continue };
            if entry.record < self.cut_at[run] {
                self.fail(entry, error.to_owned(), advice);
            }
        }
    }

    /// The number of records that the target already had.
    pub fn already_applied(&self) -> u64 {
        self.already_applied
    }

    /// The failures, ordered by run.
    pub fn into_failures(mut self) -> Vec<LaneFailure> {
        self.failures.sort_unstable_by_key(|failure| failure.run);
        self.failures
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
        records.fail(PendingRecord { run: 0, record: 2 }, "bad".into(), Advice::Retry);
        assert_eq!(pending_indexes(&records, 0), [1, 3, 4]);
        assert_eq!(pending_indexes(&records, 2), [3, 4]);
        let rows = records.applied_rows(&batch);
        assert_eq!(rows.iter().map(|(index, row)| (*index, row.records)).collect::<Vec<_>>(), [(0, 1), (1, 2)]);
        records.fail(PendingRecord { run: 0, record: 1 }, "worse".into(), Advice::Retry);
        records.fail_partitions(&batch, &[0, 1, 2], "lost", Advice::Stop);
        let failures = records.into_failures();
        let summary: Vec<_> = failures.iter().map(|it| (it.run, it.done, it.error.as_str())).collect();
        assert_eq!(summary, [(0, 1, "worse"), (1, 0, "lost")]);
    }

    #[test]
    fn fail_all_fails_every_run_with_pending_records() {
        let batch = batch(&[&[1, 2], &[7], &[]]);
        let mut records = PendingRecords::new(&batch, &[true, false, true]);
        records.fail(PendingRecord { run: 0, record: 1 }, "bad".into(), Advice::Retry);
        records.fail_all("gone", Advice::Retry);
        let failures = records.into_failures();
        assert_eq!(failures, [LaneFailure { run: 0, done: 1, error: "gone".into(), advice: Advice::Retry }]);
    }
}
