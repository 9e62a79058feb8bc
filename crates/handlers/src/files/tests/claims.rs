//! Claimed partitions, and what is stored about their exported offsets.

use super::*;

fn in_group(settings: ExportSettings) -> HandlerSetup {
    let mut context = context(settings);
    context.context.group = Some("g/1".into());
    context
}

#[test]
fn a_partition_claimed_by_another_process_is_claimed_again() {
    let dir = tempfile::tempdir().unwrap();
    let context = in_group(small());
    let (first, second) = (open(FileFormat::Csv, dir.path(), &context), open(FileFormat::Csv, dir.path(), &context));
    let (mut one, mut two) = (first.make(0), second.make(0));
    assert_eq!(one.handle(&[numbered(0, 0..5)]), []);
    // This process was frozen: the partition is no longer assigned to it.
    assert_eq!(two.handle(&[numbered(0, 3..8)]), []);
    let rejected = one.handle(&[numbered(0, 5..10)]);
    assert!(rejected[0].error.contains("another process") && rejected[0].advice == Advice::Fenced, "{rejected:?}");
    // The owner is not locked out, although its assignment is the same.
    assert_eq!(one.handle(&[numbered(0, 5..10)]), []);
    assert_eq!(two.handle(&[numbered(0, 8..12)])[0].advice, Advice::Fenced);
    // Under a new assignment it is claimed at once.
    let again = numbered(0, 0..12).records.into_iter().map(|mut record| {
        record.epoch = 1;
        record
    });
    assert_eq!(two.handle(&[run(again.collect())]), []);
    for source in [&first, &second] {
        source.finish(RunEnd::default()).unwrap();
    }
    let mut places = places(dir.path());
    places.sort();
    assert_eq!(places, in_partition_a(0..12));
    assert!(files(dir.path()).iter().all(|(name, _)| name.starts_with("records-g_1-")));
}

struct Standing(i64);

impl Positions for Standing {
    fn position(&self, _partition: u32) -> i64 {
        self.0
    }
}

/// The number of entries about exported offsets in the database.
fn entries(dir: &Path) -> i64 {
    let db = rusqlite::Connection::open(dir.join(".kreplay/export.db")).unwrap();
    db.query_row("SELECT count(*) FROM written", [], |row| row.get(0)).unwrap()
}

#[test]
fn offsets_below_the_position_are_not_stored() {
    let dir = tempfile::tempdir().unwrap();
    let context = context(ExportSettings { file_size: 1 << 20, ..small() });
    let source = open(FileFormat::Csv, dir.path(), &context);
    source.watch(Arc::new(Standing(1_000)));
    let mut handler = source.make(0);
    for batch in 0..100 {
        assert_eq!(handler.handle(&[numbered(0, batch * 20..batch * 20 + 10)]), []);
    }
    let stored = entries(dir.path());
    assert!((50..=70).contains(&stored), "{stored} batches are stored");
    drop((handler, source));
    // A gap below the position is settled; one above it is not.
    let source = open(FileFormat::Csv, dir.path(), &context);
    assert_eq!(source.make(0).handle(&[numbered(0, 990..1_020)]), []);
    assert_eq!(source.effects().last().unwrap().count, 20);
}

/// The other records were filtered, skipped or dead-lettered, or precede the start of the run.
#[test]
fn in_a_group_only_what_is_in_the_files_counts_as_exported() {
    let dir = tempfile::tempdir().unwrap();
    let context = in_group(ExportSettings { file_size: 1 << 20, ..small() });
    let source = open(FileFormat::Csv, dir.path(), &context);
    source.watch(Arc::new(Standing(1_000)));
    let mut handler = source.make(0);
    for batch in 0..100 {
        let first = 100 + batch * 10;
        assert_eq!(handler.handle(&[numbered(0, first..first + 5)]), []);
    }
    let stored = entries(dir.path());
    assert!(stored <= 32, "{stored} entries are stored");
    source.finish(RunEnd::default()).unwrap();
    assert_eq!(entries(dir.path()), 1);
    drop((handler, source));
    // The offsets of the group were reset.
    let source = open(FileFormat::Csv, dir.path(), &context);
    assert_eq!(source.make(0).handle(&[numbered(0, 0..1_200)]), []);
    assert_eq!(source.effects().last().unwrap().count, 500);
    source.finish(RunEnd::default()).unwrap();
    let mut places = places(dir.path());
    places.sort();
    assert_eq!(places, in_partition_a(0..1_200));
}

/// Earlier versions stored the position of a group, and removed the entries below it.
#[test]
fn a_stored_position_of_a_group_still_counts() {
    let dir = tempfile::tempdir().unwrap();
    let context = in_group(small());
    let source = open(FileFormat::Csv, dir.path(), &context);
    assert_eq!(source.make(0).handle(&[numbered(0, 0..5)]), []);
    drop(source);
    let db = rusqlite::Connection::open(dir.path().join(".kreplay/export.db")).unwrap();
    db.execute_batch("UPDATE partition SET position = 5; DELETE FROM written").unwrap();
    let source = open(FileFormat::Csv, dir.path(), &context);
    assert_eq!(source.make(0).handle(&[numbered(0, 3..8)]), []);
    source.finish(RunEnd::default()).unwrap();
    assert_eq!(places(dir.path()), in_partition_a(0..8));
}
