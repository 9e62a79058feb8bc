//! Claimed partitions, and offsets below their positions.

use super::*;

#[test]
fn a_partition_claimed_by_another_process_is_rejected_until_it_is_assigned_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut context = context(small());
    context.context.group = Some("g/1".into());
    let (first, second) = (open(FileFormat::Csv, dir.path(), &context), open(FileFormat::Csv, dir.path(), &context));
    let (mut one, mut two) = (first.make(0), second.make(0));
    assert_eq!(one.handle(&[numbered(0, 0..5)]), []);
    assert_eq!(two.handle(&[numbered(0, 3..8)]), []);
    let late = one.handle(&[numbered(0, 5..10)]);
    assert!(late[0].error.contains("another process") && late[0].advice == Advice::Retry, "{late:?}");
    // Under a new assignment the first process owns it again.
    let again = numbered(0, 0..10).records.into_iter().map(|mut record| {
        record.epoch = 1;
        record
    });
    assert_eq!(one.handle(&[run(again.collect())]), []);
    for source in [&first, &second] {
        source.finish(RunEnd::default()).unwrap();
    }
    let mut places = places(dir.path());
    places.sort();
    assert_eq!(places, in_partition_a(0..10));
    assert!(files(dir.path()).iter().all(|(name, _)| name.starts_with("records-g_1-")));
}

struct Standing(i64);

impl Positions for Standing {
    fn position(&self, _partition: u32) -> i64 {
        self.0
    }
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
    let db = rusqlite::Connection::open(dir.path().join(".kreplay/export.db")).unwrap();
    let notes: i64 = db.query_row("SELECT count(*) FROM written", [], |row| row.get(0)).unwrap();
    assert!((50..=70).contains(&notes), "{notes} batches are stored");
    drop((handler, source));
    // A gap below the position is settled; one above it is not.
    let source = open(FileFormat::Csv, dir.path(), &context);
    assert_eq!(source.make(0).handle(&[numbered(0, 990..1_020)]), []);
    assert_eq!(source.effects().last().unwrap().count, 20);
}
