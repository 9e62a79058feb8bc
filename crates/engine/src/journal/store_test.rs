//! Tests of whole journals: what is written reads back, and damage is detected.

use std::path::PathBuf;

use kreplay_model::{domain::Offset, feed::RunState};

use super::{
    Counters, GroupEntry, GroupsChange, Head, Journal, JournalError, JournalTotals, Journals, PartitionChange,
    PartitionPlan, PartitionState, Status, Stored,
};

const ID: &str = "20260102T030405-abcde";

fn head(id: &str) -> Head {
    let partition =
        |partition| PartitionPlan { topic: "t".into(), partition, first: Offset::ZERO, end: Offset::new(100).unwrap() };
    Head {
        run_id: id.into(),
        attempt: 1,
        settings: "[run]\n".into(),
        partitions: vec![partition(0), partition(1)],
        planned: 2,
        ..Head::default()
    }
}

fn totals_in(state: RunState) -> JournalTotals {
    JournalTotals { state, handled: 7, elapsed_s: 1.5, ..JournalTotals::default() }
}

fn entry(group: u32, mark: i64) -> GroupEntry {
    GroupEntry { group, chain: u64::from(group) << 40 | mark.unsigned_abs(), count: 3 }
}

fn change(index: u32, position: i64, above: &[(i64, i64)], groups: GroupsChange) -> PartitionChange {
    let counters = Counters { handled: 3, bytes: 300, duplicates: 1, filtered: 2, passed_over: 1, lost: 5 };
    PartitionChange { index, state: PartitionState { position, above: above.to_vec(), counters, digest: 99 }, groups }
}

fn checkpoint<const N: usize>(journal: &mut Journal, totals: JournalTotals, changes: [PartitionChange; N]) {
    journal.checkpoint(changes.into_iter(), || totals).unwrap();
}

fn place() -> (tempfile::TempDir, Journals) {
    let dir = tempfile::tempdir().unwrap();
    let journals = Journals::below(dir.path());
    (dir, journals)
}

/// A journal with two checkpoints whose process has ended.
fn written(journals: &Journals) -> PathBuf {
    let mut journal = Journal::create(journals, head(ID)).unwrap();
    let all = GroupsChange::All((0..200).map(|group| entry(group, 5)).collect());
    checkpoint(&mut journal, totals_in(RunState::Running), [change(0, 10, &[], all)]);
    let some = GroupsChange::Some(vec![entry(7, 20), entry(300, 21)]);
    let second = [change(0, 12, &[(20, 22)], some), change(1, 0, &[(3, 4)], GroupsChange::Some(vec![entry(1, 3)]))];
    checkpoint(&mut journal, totals_in(RunState::Running), second);
    let begun = std::sync::Arc::clone(journal.begun());
    // In flight when the process dies. One of these records is recorded as handled.
    std::mem::forget(begun.note(&mut Vec::new(), [(0, 12), (0, 13), (0, 20), (1, 50)].into_iter()));
    drop(journal);
    journals.database(ID)
}

#[test]
fn a_journal_reads_back() {
    let (_dir, journals) = place();
    written(&journals);
    let stored = Stored::open(&journals, ID).unwrap();
    assert_eq!((stored.head.clone(), stored.totals.clone()), (head(ID), totals_in(RunState::Running)));
    let first = &stored.partitions[0];
    assert_eq!((first.state.position, first.state.above.as_slice()), (12, &[(20, 22)][..]));
    assert_eq!((first.groups.len(), first.groups[7], first.groups[200]), (201, entry(7, 20), entry(300, 21)));
    let repeated: Vec<i64> = (0..100).filter(|offset| first.repeats.times(*offset) > 0).collect();
    assert_eq!(repeated, [12, 13], "20 was recorded as handled");
    assert_eq!(stored.partitions[1].repeats.times(50), 1);
}

#[test]
fn a_resumed_run_takes_over_the_batches_begun() {
    let (_dir, journals) = place();
    written(&journals);
    for attempt in 2..5_u32 {
        let (mut journal, _, partitions) = Stored::open(&journals, ID).unwrap().resume().unwrap();
        assert_eq!(journal.head().attempt, attempt);
        assert_eq!(
            partitions[0].repeats.times(13),
            attempt - 1,
            "begun by each attempt so far, and never recorded as handled"
        );
        assert_eq!(partitions[0].repeats.times(12), u32::from(attempt == 2), "recorded as handled by the second");
        std::mem::forget(journal.begun().note(&mut Vec::new(), [(0, 13), (0, 13)].into_iter()));
        let none = GroupsChange::Some(Vec::new());
        checkpoint(&mut journal, totals_in(RunState::Running), [change(0, 13, &[(20, 22)], none)]);
    }
}

/// The totals are read after the partitions: records passed over in between are read and counted again.
#[test]
fn a_resumed_run_does_not_count_records_that_will_be_read_again() {
    for (group, expected) in [(None, (1, 1)), (Some("g".to_owned()), (1, 4))] {
        let (_dir, journals) = place();
        let mut journal = Journal::create(&journals, Head { group, ..head(ID) }).unwrap();
        let totals = JournalTotals { skipped: 1, dead_lettered: 4, ..totals_in(RunState::Running) };
        let groups = || GroupsChange::All(Vec::new());
        checkpoint(&mut journal, totals, [change(0, 10, &[], groups()), change(1, 10, &[], groups())]);
        drop(journal);
        let (_journal, before, _) = Stored::open(&journals, ID).unwrap().resume().unwrap();
        assert_eq!((before.skipped, before.dead_lettered), expected);
    }
}

#[test]
fn only_one_process_at_a_time_can_open_a_journal() {
    let (_dir, journals) = place();
    let journal = Journal::create(&journals, head(ID)).unwrap();
    assert!(
        matches!(Stored::open(&journals, ID), Err(JournalError::Live { pid, .. }) if pid == std::process::id().to_string())
    );
    assert!(matches!(journals.forget(ID), Err(JournalError::Live { .. })));
    assert_eq!(journals.list().unwrap()[0].status, Status::Running);
    drop(journal);
    assert!(Stored::open(&journals, ID).is_ok());
    assert_eq!(journals.list().unwrap()[0].status, Status::Interrupted);
}

#[test]
fn only_the_owner_can_read_a_journal() {
    use std::os::unix::fs::PermissionsExt;
    let (_dir, journals) = place();
    let _journal = Journal::create(&journals, head(ID)).unwrap();
    for file in std::fs::read_dir(journals.dir()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[test]
fn a_finished_run_is_only_listed() {
    let (_dir, journals) = place();
    for run in 0..5 {
        let mut journal = Journal::create(&journals, head(&format!("run-{run}"))).unwrap();
        let state = if run == 1 { RunState::Failed } else { RunState::Done };
        checkpoint(&mut journal, totals_in(state), []);
        journal.close(2);
    }
    let left: Vec<_> = journals.list().unwrap().into_iter().map(|run| (run.run_id, run.status)).collect();
    let done = |run: &str| (run.to_owned(), Status::Done);
    assert_eq!(
        left,
        [("run-1".to_owned(), Status::Failed), done("run-3"), done("run-4")],
        "a failed run can be resumed"
    );
    assert!(matches!(Stored::open(&journals, "run-4"), Err(JournalError::Done { .. })));
    assert_eq!(std::fs::read_dir(journals.dir()).unwrap().count(), 6, "a database and a lock each");
}

fn refused(journals: &Journals) -> String {
    let listed = journals.list().unwrap();
    assert_eq!((listed.len(), listed[0].status), (1, Status::Corrupt), "{listed:?}");
    Stored::open(journals, ID).unwrap_err().to_string()
}

#[test]
fn a_file_that_is_not_a_journal_is_refused_and_listed() {
    let (_dir, journals) = place();
    let path = written(&journals);
    let whole = std::fs::read(&path).unwrap();
    for (what, content, expected) in [
        ("empty", Vec::new(), "the file is empty"),
        (
            "text",
            b"not a database, but long enough to be taken for the head of one, or so one would think".to_vec(),
            "not a database",
        ),
        ("cut short", whole[..whole.len() / 2].to_vec(), "corrupt"),
        ("cut to its head", whole[..100].to_vec(), "corrupt"),
    ] {
        std::fs::write(&path, content).unwrap();
        let error = Stored::open(&journals, ID).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("kreplay runs --forget"), "{what}: {error}");
        assert_eq!(journals.list().unwrap().len(), 1, "{what}");
    }
    std::fs::write(&path, "").unwrap();
    assert!(refused(&journals).contains("empty"));
}

#[test]
fn another_format_version_is_refused_with_its_number() {
    let (_dir, journals) = place();
    let path = written(&journals);
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
    assert!(refused(&journals).contains("has format 7, but this kreplay reads format 1"));
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "application_id", 1).unwrap();
    assert!(refused(&journals).contains("not the journal of a run"));
}

#[test]
fn lost_or_exchanged_rows_are_detected() {
    for damage in [
        "DELETE FROM text WHERE name = 'head'",
        "UPDATE partition SET body = (SELECT body FROM partition WHERE idx = 1) WHERE idx = 0",
        "UPDATE groups SET idx = 1 WHERE idx = 0",
        "UPDATE text SET body = substr(body, 2) WHERE name = 'figures'",
    ] {
        let (_dir, journals) = place();
        let path = written(&journals);
        rusqlite::Connection::open(&path).unwrap().execute(damage, []).unwrap();
        assert!(matches!(Stored::open(&journals, ID), Err(JournalError::Corrupt { .. })), "{damage}");
    }
}

/// The files as they are if the process is killed after this number of checkpoints.
fn killed_after(checkpoints: usize) -> (tempfile::TempDir, Journals) {
    let (_dir, journals) = place();
    let mut journal = Journal::create(&journals, head(ID)).unwrap();
    for number in 1..=checkpoints {
        let place = i64::try_from(number).unwrap() * 10;
        let groups = GroupsChange::Some((0..200).map(|group| entry(group, place)).collect());
        let state = JournalTotals { handled: number as u64, ..totals_in(RunState::Running) };
        checkpoint(&mut journal, state, [change(0, place, &[], groups)]);
    }
    let (copy, copied) = place();
    copied.prepare().unwrap();
    copy_files(&journals, &copied);
    (copy, copied)
}

fn copy_files(from: &Journals, to: &Journals) {
    for file in std::fs::read_dir(from.dir()).unwrap() {
        let path = file.unwrap().path();
        std::fs::copy(&path, to.dir().join(path.file_name().unwrap())).unwrap();
    }
}

/// The number of checkpoints in a journal; `None` if it is refused.
fn kept(journals: &Journals) -> Option<u64> {
    let stored = match Stored::open(journals, ID) {
        Ok(stored) => stored,
        Err(JournalError::Corrupt { .. } | JournalError::Version { .. } | JournalError::System { .. }) => return None,
        Err(other) => panic!("{other}"),
    };
    let (checkpoint, first) = (stored.totals.handled, &stored.partitions[0]);
    let place = i64::try_from(checkpoint).unwrap() * 10;
    assert_eq!((stored.head, first.state.position), (head(ID), place));
    let groups: Vec<_> = (0..200).filter(|_| checkpoint > 0).map(|group| entry(group, place)).collect();
    assert_eq!(first.groups, groups);
    Some(checkpoint)
}

#[test]
fn a_killed_process_leaves_its_last_checkpoint() {
    for checkpoints in 0..4 {
        let (_dir, journals) = killed_after(checkpoints);
        assert_eq!(kept(&journals), Some(checkpoints as u64));
    }
}

/// A flipped bit hits unused bytes, removes the last checkpoints, or is detected. Whatever is accepted is intact, which
/// [`kept`] checks.
#[test]
fn a_flipped_bit_is_never_accepted() {
    let (_dir, killed) = killed_after(3);
    let (mut refused, mut believed) = (0, 0);
    for name in ["db", "db-wal"] {
        let whole = std::fs::read(killed.dir().join(format!("{ID}.{name}"))).unwrap();
        // A stride that shares no factor with the sizes of pages and frames hits all kinds of positions.
        for at in (0..whole.len()).step_by(521) {
            let (_dir, journals) = place();
            journals.prepare().unwrap();
            copy_files(&killed, &journals);
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(journals.dir().join(format!("{ID}.{name}")), &bytes).unwrap();
            assert_eq!(journals.list().unwrap().len(), 1);
            match kept(&journals) {
                Some(checkpoint) => believed += u32::from(checkpoint <= 3),
                None => refused += 1,
            }
        }
    }
    assert!(refused > 3 && believed > 3, "{refused} refused, {believed} believed");
}

/// The fixture was written by a build of November 2026 whose process was killed: 400 records in two partitions, of
/// which 333 were handled.
#[test]
fn a_journal_of_an_earlier_build_is_resumed() {
    const ID: &str = "20261128T202508-c2d2f";
    let (_dir, journals) = place();
    std::fs::create_dir_all(journals.dir()).unwrap();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/journal/kreplay/runs");
    for file in std::fs::read_dir(fixture).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), journals.dir().join(file.file_name())).unwrap();
    }
    let listed = &journals.list().unwrap()[0];
    assert_eq!((listed.run_id.as_str(), listed.status), (ID, Status::Interrupted));
    let (journal, totals, partitions) = Stored::open(&journals, ID).unwrap().resume().unwrap();
    assert_eq!((journal.head().attempt, journal.head().topics[0].name.as_str()), (2, "small"));
    assert_eq!((totals.handled, totals.state), (333, RunState::Running));
    let positions: Vec<i64> = partitions.iter().map(|one| one.state.position).collect();
    let handled: Vec<u64> = partitions.iter().map(|one| one.state.counters.handled).collect();
    assert_eq!((positions, handled), (vec![132, 198], vec![133, 200]));
    assert_eq!(partitions.iter().map(|one| one.groups.iter().map(|group| group.count).sum::<u64>()).sum::<u64>(), 333);
    let repeated = |one: &super::StoredPartition| (0..400).filter(|&offset| one.repeats.times(offset) > 0).count();
    assert_eq!(partitions.iter().map(repeated).collect::<Vec<_>>(), [2, 4], "in flight when the process was killed");
}
