//! Files after a crash, and directories that cannot be used.

use super::*;

/// The next process completes the files of one that has ended, and does not export their records again.
#[test]
fn files_of_an_earlier_process_are_completed_and_their_records_known() {
    for format in FORMATS {
        let dir = tempfile::tempdir().unwrap();
        let settings = || ExportSettings { file_size: 1 << 20, file_age: None, ..ExportSettings::default() };
        let context = context(settings());
        let first = open(format, dir.path(), &context);
        assert_eq!(first.make(0).handle(&[numbered(0, 0..50)]), []);
        assert_eq!(files(dir.path()).len(), 0, "it has no final name yet");
        // The last complete batch is followed by an incomplete one.
        let part = dir.path().join(".kreplay/000001.part");
        let mut bytes = fs::read(&part).unwrap();
        bytes.extend_from_slice(b"torn,");
        fs::write(&part, bytes).unwrap();
        // While the first process runs, its file is left alone.
        let second = open(format, dir.path(), &context);
        assert_eq!(files(dir.path()).len(), 0);
        drop((first, second));

        let third = open(format, dir.path(), &context);
        assert_eq!(places(dir.path()), in_partition_a(0..50));
        let mut handler = third.make(0);
        assert_eq!(handler.handle(&[numbered(0, 30..80)]), []);
        third.finish(RunEnd::default()).unwrap();
        assert_eq!(places(dir.path()), in_partition_a(0..80));
        assert_eq!(third.effects().last().unwrap().count, 20, "{:?}", third.effects());
        assert!(context.events.since(0).iter().any(
            |event| matches!(&event.kind, EventKind::Notice { text } if text.contains("completed 1 file with 50 rows"))
        ));

        // Another run does not know these records.
        let mut other = context.clone();
        other.context.run_id = "other".into();
        let fourth = open(format, dir.path(), &other);
        assert_eq!(fourth.make(0).handle(&[numbered(0, 0..10)]), []);
        fourth.finish(RunEnd::default()).unwrap();
        assert_eq!(places(dir.path()).len(), 90);
    }
}

/// A process ended after creating a file and before recording its first batch.
#[test]
fn a_file_without_a_batch_is_removed() {
    for format in FORMATS {
        let dir = tempfile::tempdir().unwrap();
        let context = context(small());
        let source = open(format, dir.path(), &context);
        assert_eq!(source.make(0).handle(&[numbered(0, 0..5)]), []);
        drop(source);
        let db = rusqlite::Connection::open(dir.path().join(".kreplay/export.db")).unwrap();
        db.execute_batch("UPDATE file SET rows = 0, bytes = 0, hash = 0; DELETE FROM written").unwrap();
        let source = open(format, dir.path(), &context);
        assert_eq!(files(dir.path()).len(), 0);
        assert_eq!(source.make(0).handle(&[numbered(0, 0..5)]), []);
        source.finish(RunEnd::default()).unwrap();
        assert_eq!(places(dir.path()), in_partition_a(0..5));
    }
}

/// A process ended after renaming a file and before recording that it is done. The file had been closed temporarily
/// before.
#[test]
fn a_file_that_was_already_renamed_is_cleaned_up() {
    for format in FORMATS {
        let dir = tempfile::tempdir().unwrap();
        let context = context(small());
        let source = open(format, dir.path(), &context);
        assert_eq!(source.make(0).handle(&[numbered(0, 0..5)]), []);
        source.finish(RunEnd::default()).unwrap();
        drop(source);
        let work = dir.path().join(".kreplay");
        let db = rusqlite::Connection::open(work.join("export.db")).unwrap();
        assert!(db.execute("UPDATE file SET state = 1", []).unwrap() > 0);
        fs::write(work.join("000001.held"), "process-0000000000000000.lock").unwrap();
        drop(open(format, dir.path(), &context));
        assert!(!work.join("000001.held").exists());
        assert_eq!(places(dir.path()), in_partition_a(0..5));
    }
}

#[test]
fn a_damaged_or_missing_file_is_an_error() {
    for (damage, part) in
        [("cut", "no longer contains 50 rows"), ("changed", "no longer contains"), ("gone", "is missing")]
    {
        let dir = tempfile::tempdir().unwrap();
        let context = context(ExportSettings { file_size: 1 << 20, ..small() });
        let source = open(FileFormat::Csv, dir.path(), &context);
        assert_eq!(source.make(0).handle(&[numbered(0, 0..50)]), []);
        drop(source);
        let path = dir.path().join(".kreplay/000001.part");
        let mut bytes = fs::read(&path).unwrap();
        match damage {
            "cut" => bytes.truncate(100),
            "changed" => bytes[100] ^= 1,
            _ => {}
        }
        if damage == "gone" {
            fs::remove_file(&path).unwrap();
        } else {
            fs::write(&path, bytes).unwrap();
        }
        let error = refused(FileFormat::Csv, dir.path(), &context);
        assert!(error.contains(part) && error.contains("run test"), "{error}");
        assert_eq!(files(dir.path()).len(), 0);
    }
}

#[test]
fn an_unusable_directory_is_an_error_of_one_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let context = context(small());
    for (path, part) in [
        (dir.path().join("no/such"), "its parent directory does not exist"),
        (file, "is a file, not a directory"),
        ("/proc/kreplay".into(), "cannot"),
    ] {
        let error = refused(FileFormat::Csv, &path, &context);
        assert!(error.starts_with("handler csv: ") && error.contains(part), "{error}");
    }
    fs::create_dir_all(dir.path().join("newer/.kreplay")).unwrap();
    let db = rusqlite::Connection::open(dir.path().join("newer/.kreplay/export.db")).unwrap();
    db.pragma_update(None, "user_version", 9).unwrap();
    assert!(refused(FileFormat::Csv, &dir.path().join("newer"), &context).contains("has schema version 9"));
    open(FileFormat::Csv, &dir.path().join("new"), &context).finish(RunEnd::default()).unwrap();
    assert_eq!(files(&dir.path().join("new")).len(), 0, "no file without records");
}

#[test]
fn a_directory_deleted_during_the_run_stops_it() {
    for format in FORMATS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let source = open(format, &path, &context(ExportSettings { file_size: 1 << 20, ..small() }));
        let mut handler = source.make(0);
        assert_eq!(handler.handle(&[numbered(0, 0..5)]), []);
        fs::remove_dir_all(&path).unwrap();
        let failures = handler.handle(&[numbered(0, 5..9), numbered(1, 0..1)]);
        assert_eq!(
            failures.iter().map(|one| (one.run, one.done, one.advice)).collect::<Vec<_>>(),
            [(0, 0, Advice::Stop), (1, 0, Advice::Stop)]
        );
        assert!(failures[0].error.contains("it was deleted, and exported rows with it"), "{failures:?}");
        let error = source.finish(RunEnd::default()).unwrap_err().to_string();
        assert!(error.contains("could not be completed"), "{error}");
    }
}
