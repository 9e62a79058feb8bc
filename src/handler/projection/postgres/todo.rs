//! What is still to be done of a batch: records that the target has are left out, and runs end before a record that failed.

use super::super::batch::Batch;
use super::held::Notes;
use crate::handler::{Advice, LaneFailure};

/// A record that is to be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its run.
    pub run: usize,
    /// Its place in the batch.
    pub record: usize,
}

/// What is still to be done of a batch.
#[derive(Debug)]
pub struct Todo {
    entries: Vec<Entry>,
    failures: Vec<LaneFailure>,
    /// By run: the place of the record that failed.
    cut: Vec<usize>,
    first: Vec<usize>,
    already: u64,
}

impl Todo {
    /// Everything that the target does not have.
    pub fn of(batch: &Batch, has: &[bool]) -> Self {
        let all = batch
            .runs
            .iter()
            .enumerate()
            .flat_map(|(run, records)| records.clone().map(move |record| Entry { run, record }));
        let (entries, already): (Vec<_>, Vec<_>) = all.partition(|entry| has.get(entry.record) != Some(&true));
        Self {
            entries,
            failures: Vec::new(),
            cut: vec![usize::MAX; batch.runs.len()],
            first: batch.runs.iter().map(|run| run.start).collect(),
            already: already.len() as u64,
        }
    }

    /// What is to be applied from some entry on.
    pub fn pending(&self, from: usize) -> Vec<(usize, Entry)> {
        let is_wanted = |entry: &Entry| entry.record < self.cut[entry.run];
        self.entries.iter().copied().enumerate().skip(from).filter(|(_, entry)| is_wanted(entry)).collect()
    }

    /// A record failed, and with it the rest of its run.
    pub fn fail(&mut self, entry: Entry, error: String, advice: Advice) {
        self.failures.retain(|failure| failure.run != entry.run);
        self.cut[entry.run] = entry.record;
        self.failures.push(LaneFailure { run: entry.run, done: entry.record - self.first[entry.run], error, advice });
    }

    /// Everything that is left fails, for one reason: nothing of the batch was applied.
    pub fn fail_all(&mut self, error: &str, advice: Advice) {
        self.failures.clear();
        for run in 0..self.first.len() {
            // What the target has already stays done, as far as it goes without a gap.
            let Some(entry) = self.entries.iter().find(|entry| entry.run == run).copied() else { continue };
            self.fail(entry, error.to_owned(), advice);
        }
    }

    /// The runs that a partition has records in fail before the first of them.
    pub fn fail_partitions(&mut self, batch: &Batch, partitions: &[u32], error: &str, advice: Advice) {
        for run in 0..self.first.len() {
            let theirs =
                |entry: &&Entry| entry.run == run && partitions.contains(&batch.records[entry.record].partition);
            let Some(entry) = self.entries.iter().find(theirs).copied() else { continue };
            if entry.record < self.cut[run] {
                self.fail(entry, error.to_owned(), advice);
            }
        }
    }

    /// Records that the target had.
    pub fn already(&self) -> u64 {
        self.already
    }

    /// What failed, by run.
    pub fn into_failures(mut self) -> Vec<LaneFailure> {
        self.failures.sort_unstable_by_key(|failure| failure.run);
        self.failures
    }

    /// What is noted when everything pending is applied.
    pub fn notes(&self, batch: &Batch) -> Notes {
        let mut notes = Notes::new();
        for (_, entry) in self.pending(0) {
            let record = &batch.records[entry.record];
            notes.entry(record.partition).or_default().add(record);
        }
        notes
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
                steps: 0..0,
                fingerprint: 1,
            }));
            batch.runs.push(first..batch.records.len());
        }
        batch
    }

    fn pending(todo: &Todo, from: usize) -> Vec<usize> {
        todo.pending(from).into_iter().map(|(_, entry)| entry.record).collect()
    }

    #[test]
    fn a_failure_takes_the_rest_of_its_run_and_nothing_else() {
        let batch = batch(&[&[1, 2, 3], &[7, 8], &[9]]);
        let mut todo = Todo::of(&batch, &[true, false, false, false, false, true]);
        assert_eq!((pending(&todo, 0), todo.already()), (vec![1, 2, 3, 4], 2));
        todo.fail(Entry { run: 0, record: 2 }, "bad".into(), Advice::Retry);
        assert_eq!(pending(&todo, 0), [1, 3, 4]);
        assert_eq!(pending(&todo, 2), [3, 4]);
        let notes = todo.notes(&batch);
        assert_eq!(notes.iter().map(|(index, note)| (*index, note.records)).collect::<Vec<_>>(), [(0, 1), (1, 2)]);
        todo.fail(Entry { run: 0, record: 1 }, "worse".into(), Advice::Retry);
        todo.fail_partitions(&batch, &[0, 1, 2], "theirs", Advice::Stop);
        let failures = todo.into_failures();
        let told: Vec<_> = failures.iter().map(|it| (it.run, it.done, it.error.as_str())).collect();
        assert_eq!(told, [(0, 1, "worse"), (1, 0, "theirs")]);
    }

    #[test]
    fn all_can_fail() {
        let batch = batch(&[&[1, 2], &[7], &[]]);
        let mut todo = Todo::of(&batch, &[true, false, true]);
        todo.fail(Entry { run: 0, record: 1 }, "bad".into(), Advice::Retry);
        todo.fail_all("gone", Advice::Retry);
        let failures = todo.into_failures();
        assert_eq!(failures, [LaneFailure { run: 0, done: 1, error: "gone".into(), advice: Advice::Retry }]);
    }
}
