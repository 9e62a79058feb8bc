//! Which files are open, and when they are completed.

use super::*;

#[test]
fn each_series_has_its_own_files_and_none_is_overwritten() {
    for (series, names) in [
        (Series::Topic, ["a-", "b-"].as_slice()),
        (Series::Worker, &["worker-0-", "worker-3-"]),
        (Series::Shared, &["records-"]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        // A foreign file has the name of the first exported file.
        let foreign = dir.path().join(format!("{}test-000001.csv", names[0]));
        fs::write(&foreign, "topic,offset\n").unwrap();
        let source =
            open(FileFormat::Csv, dir.path(), &context(ExportSettings { series, file_size: 1 << 20, ..small() }));
        assert_eq!(source.make(0).handle(&[numbered(0, 0..5), numbered(1, 0..5)]), []);
        assert_eq!(source.make(3).handle(&[numbered(0, 5..9)]), []);
        source.finish(RunEnd::default()).unwrap();
        assert_eq!(fs::read_to_string(&foreign).unwrap(), "topic,offset\n");
        let found = files(dir.path());
        assert_eq!(found.len(), names.len() + 1, "{found:?}");
        assert!(names.iter().all(|start| found.iter().any(|(name, rows)| name.starts_with(start) && !rows.is_empty())));
        assert!(found.iter().any(|(name, _)| *name == format!("{}test-000001-2.csv", names[0])), "{found:?}");
    }
}

/// A context of `topics` topics with one partition each.
fn many(topics: u32) -> HandlerSetup {
    let partitions: Vec<_> = (0..topics).map(|topic| TopicPartition::new(format!("t{topic:03}"), 0)).collect();
    let mut context = HandlerSetup::testing(&partitions);
    context.settings.export = ExportSettings { series: Series::Topic, file_size: 1 << 20, ..small() };
    context
}

fn bounded(format: FileFormat, dir: &Path, context: &HandlerSetup, max_open: usize) -> FilesHandlers {
    let source = open(format, dir, context);
    source.writer.state.lock().parts.set_max_open(max_open);
    source
}

fn one_of_each(topics: u32, offset: i64) -> Vec<LaneRun> {
    (0..topics).map(|topic| numbered(topic, offset..offset + 1)).collect()
}

fn all_places(topics: u32, offsets: std::ops::Range<i64>) -> Vec<(String, i64)> {
    (0..topics).flat_map(|topic| offsets.clone().map(move |offset| (format!("t{topic:03}"), offset))).collect()
}

#[test]
fn the_number_of_open_files_is_bounded_and_no_row_is_lost() {
    for format in FORMATS {
        let (dir, context) = (tempfile::tempdir().unwrap(), many(20));
        let source = bounded(format, dir.path(), &context, 3);
        let mut handler = source.make(0);
        for offset in 0..4 {
            assert_eq!(handler.handle(&one_of_each(20, offset)), []);
            assert!(source.writer.state.lock().parts.open_count() <= 3);
        }
        source.finish(RunEnd::default()).unwrap();
        let mut found = places(dir.path());
        found.sort();
        assert_eq!(found, all_places(20, 0..4));
        drop((handler, source));
        let left: Vec<_> =
            fs::read_dir(dir.path().join(".kreplay")).unwrap().map(|one| one.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| name.to_string_lossy().starts_with("export.db")), "{left:?}");
    }
}

#[test]
fn closed_files_belong_to_their_process_until_it_ends() {
    let (dir, context) = (tempfile::tempdir().unwrap(), many(10));
    let source = bounded(FileFormat::Csv, dir.path(), &context, 2);
    let mut handler = source.make(0);
    assert_eq!(handler.handle(&one_of_each(10, 0)), []);
    // Another process starts to export here and completes abandoned files.
    let mut second = many(10);
    second.context.run_id = "second".into();
    drop(open(FileFormat::Csv, dir.path(), &second));
    assert_eq!(files(dir.path()).len(), 0, "no process has ended");
    assert_eq!(handler.handle(&one_of_each(10, 1)), []);
    // As after a kill: nothing is completed.
    drop((handler, source));
    drop(open(FileFormat::Csv, dir.path(), &second));
    let mut found = places(dir.path());
    found.sort();
    assert_eq!(found, all_places(10, 0..2));
}

#[test]
fn a_closed_file_that_is_deleted_stops_the_run() {
    let (dir, context) = (tempfile::tempdir().unwrap(), many(5));
    let source = bounded(FileFormat::Csv, dir.path(), &context, 1);
    let mut handler = source.make(0);
    assert_eq!(handler.handle(&one_of_each(5, 0)), []);
    fs::remove_file(dir.path().join(".kreplay/000001.part")).unwrap();
    let failures = handler.handle(&one_of_each(5, 1));
    assert!(failures.iter().all(|failure| failure.advice == Advice::Stop), "{failures:?}");
    assert!(failures[0].error.contains("it was deleted, and exported rows with it"), "{failures:?}");
}

#[test]
fn an_old_file_is_completed_without_further_records() {
    let dir = tempfile::tempdir().unwrap();
    let age = std::time::Duration::from_millis(100);
    let settings = ExportSettings { file_age: Some(age), ..ExportSettings::default() };
    let source = open(FileFormat::Ndjson, dir.path(), &context(settings));
    assert_eq!(source.make(0).handle(&[numbered(0, 0..5)]), []);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(90);
    while files(dir.path()).is_empty() {
        assert!(std::time::Instant::now() < deadline, "the file stays open");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(places(dir.path()), in_partition_a(0..5));
}
