//! Tests that the files contain what was handled, exactly once, despite crashes.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::Path,
    sync::Arc,
};

use kreplay_model::{
    domain::{Record, TopicPartition},
    feed::EventKind,
};
use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::Field,
};
use proptest::prelude::*;

use super::{Compression, ExportSettings, FileFormat, FilesHandlers, Series};
use crate::setup::HandlerSetup;
use crate::{Advice, LaneFailure, LaneRun, Positions, RunEnd, RunHandlers, testing::record};

const FORMATS: [FileFormat; 3] = [FileFormat::Csv, FileFormat::Parquet, FileFormat::Ndjson];

fn context(settings: ExportSettings) -> HandlerSetup {
    let mut context = HandlerSetup::testing(&[TopicPartition::new("a", 0), TopicPartition::new("b", 7)]);
    context.settings.export = settings;
    context
}

fn small() -> ExportSettings {
    ExportSettings { file_size: 1000, file_age: None, ..ExportSettings::default() }
}

fn open(format: FileFormat, dir: &Path, context: &HandlerSetup) -> FilesHandlers {
    FilesHandlers::open(format, dir, context).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(format: FileFormat, dir: &Path, context: &HandlerSetup) -> String {
    FilesHandlers::open(format, dir, context).err().expect("it is refused").to_string()
}

fn run(records: Vec<Record>) -> LaneRun {
    LaneRun { lane: 0, records }
}

fn numbered(partition: u32, offsets: std::ops::Range<i64>) -> LaneRun {
    let one = |offset: i64| {
        let (key, value) = (format!("k{}", offset % 5), format!("{{\"n\":{offset}}}"));
        record(partition, offset, Some(key.as_bytes()), Some(value.as_bytes()), &[(b"h", Some(b"1"))])
    };
    run(offsets.map(one).collect())
}

/// A row that was read back: its cells as text, by column.
type Row = BTreeMap<String, Option<String>>;

/// The complete files by name, with their rows.
fn files(dir: &Path) -> Vec<(String, Vec<Row>)> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), rows(&dir.join(name)))).collect()
}

fn rows(path: &Path) -> Vec<Row> {
    let (name, file) = (path.display().to_string(), File::open(path).unwrap());
    if name.ends_with(".parquet") {
        let reader = SerializedFileReader::new(file).unwrap();
        return reader.get_row_iter(None).unwrap().map(|row| parquet_row(&row.unwrap())).collect();
    }
    let mut text = String::new();
    let mut reader: Box<dyn Read> = match name.rsplit('.').next().unwrap() {
        "gz" => Box::new(flate2::read::GzDecoder::new(file)),
        "zst" => Box::new(zstd::stream::Decoder::new(file).unwrap()),
        _ => Box::new(file),
    };
    reader.read_to_string(&mut text).unwrap();
    if name.contains(".ndjson") {
        return text.lines().map(json_row).collect();
    }
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let titles = reader.headers().unwrap().clone();
    let cells = |row: csv::StringRecord| {
        titles.iter().map(str::to_owned).zip(row.iter().map(|cell| Some(cell.to_owned()))).collect()
    };
    reader.records().map(|row| cells(row.unwrap())).collect()
}

fn parquet_row(row: &parquet::record::Row) -> Row {
    row.get_column_iter()
        .map(|(title, field)| {
            let cell = match field {
                Field::Null => None,
                Field::Bytes(bytes) => Some(String::from_utf8_lossy(bytes.data()).into_owned()),
                Field::Str(text) => Some(text.clone()),
                Field::TimestampMillis(ms) | Field::Long(ms) => Some(ms.to_string()),
                Field::Int(number) => Some(number.to_string()),
                other => Some(other.to_string()),
            };
            (title.clone(), cell)
        })
        .collect()
}

fn json_row(line: &str) -> Row {
    let value: BTreeMap<String, serde_json::Value> = serde_json::from_str(line).unwrap();
    let text = |value: serde_json::Value| match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    value.into_iter().map(|(title, value)| (title, text(value))).collect()
}

/// Topic and offset of every row, in the order of the files.
fn places(dir: &Path) -> Vec<(String, i64)> {
    let rows = files(dir).into_iter().flat_map(|(_, rows)| rows);
    rows.map(|row| (row["topic"].clone().unwrap(), row["offset"].as_ref().unwrap().parse().unwrap())).collect()
}

fn in_partition_a(offsets: std::ops::Range<i64>) -> Vec<(String, i64)> {
    offsets.map(|offset| ("a".to_owned(), offset)).collect()
}

#[test]
fn handled_records_are_read_back_in_every_format_and_compression() {
    for format in FORMATS {
        for compression in [Compression::Auto, Compression::Gzip, Compression::Zstd, Compression::Snappy] {
            if compression == Compression::Snappy && format != FileFormat::Parquet {
                continue;
            }
            let dir = tempfile::tempdir().unwrap();
            let source = open(format, dir.path(), &context(ExportSettings { compression, ..small() }));
            assert!(source.needs().headers);
            let mut handler = source.make(0);
            for batch in 0..10 {
                assert_eq!(
                    handler.handle(&[numbered(0, batch * 10..batch * 10 + 10), numbered(1, batch..batch + 1)]),
                    []
                );
            }
            source.finish(RunEnd::default()).unwrap();
            let files = files(dir.path());
            assert!(files.len() > 3, "{format} {compression}: {} files", files.len());
            let ending = format!(".{}", source_ending(format, compression));
            assert!(
                files.iter().all(|(name, _)| name.starts_with("records-test-0000") && name.ends_with(&ending)),
                "{files:?}"
            );
            let mut rows: Vec<_> = files.into_iter().flat_map(|(_, rows)| rows).collect();
            assert_eq!(rows.len(), 110);
            let row = rows.swap_remove(100);
            let cell = |title: &str| row[title].as_deref().unwrap();
            assert_eq!((cell("topic"), cell("partition"), cell("timestamp")), ("a", "0", "1000"));
            let n: i64 = cell("offset").parse().unwrap();
            assert_eq!(
                (cell("key"), cell("value")),
                (format!("k{}", n % 5).as_str(), format!("{{\"n\":{n}}}").as_str())
            );
            assert_eq!(cell("headers"), r#"[{"key":"h","value":"1"}]"#);
            let effects: Vec<_> = source.effects().into_iter().map(|one| (one.what, one.count)).collect();
            assert_eq!(effects[1], ("rows".to_owned(), 110));
            assert_eq!(
                fs::read_dir(dir.path().join(".kreplay"))
                    .unwrap()
                    .filter(|entry| { !entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("export.db") })
                    .count(),
                0,
                "no part file is left"
            );
        }
    }
}

fn source_ending(format: FileFormat, compression: Compression) -> String {
    let settings = ExportSettings { compression, ..small() };
    super::format::OutputFormat::of(format, &settings).unwrap().ending().to_owned()
}

#[test]
fn absent_empty_special_and_typed_values_are_written() {
    let columns = [
        "key",
        "value",
        "n=json.n:long",
        "x=json.x:double",
        "ok=json.ok:boolean",
        "o=json.o",
        "h=header.h",
        "kind=event_type",
    ];
    let settings =
        || ExportSettings { columns: columns.iter().map(|column| column.parse().unwrap()).collect(), ..small() };
    let values: [(&[u8], Option<&[u8]>); 4] = [
        (b"\xff\"", Some(br#"{"n":7,"x":0.5,"ok":true,"o":{"a":[1,"b"]},"type":"T"}"#)),
        (b"", None),
        (b"base64:x", Some(br#"{"n":"8","x":null,"o":"a,\n\"b\""}"#)),
        (b"=cmd()", Some(b"[]")),
    ];
    let records = || {
        let made = values
            .iter()
            .zip(0..)
            .map(|((key, value), offset)| record(0, offset, Some(key), *value, &[(b"h", Some(b"\x1b[2J"))]));
        run(made.collect())
    };
    for format in [FileFormat::Csv, FileFormat::Parquet] {
        let dir = tempfile::tempdir().unwrap();
        let source = open(format, dir.path(), &context(settings()));
        assert_eq!(source.make(0).handle(&[records()]), []);
        source.finish(RunEnd::default()).unwrap();
        let rows = files(dir.path()).remove(0).1;
        let none = |row: &Row, title: &str| row[title].as_deref().unwrap_or_default().is_empty();
        let cell = |row: usize, title: &str| rows[row][title].clone().unwrap_or_default();
        assert_eq!((cell(0, "n"), cell(0, "x"), cell(0, "ok")), ("7".into(), "0.5".into(), "true".into()));
        assert_eq!(
            (cell(0, "o"), cell(0, "kind"), cell(0, "h")),
            (r#"{"a":[1,"b"]}"#.into(), "T".into(), "\u{1b}[2J".into())
        );
        assert!(["value", "n", "x", "ok", "o", "kind"].iter().all(|title| none(&rows[1], title)), "{:?}", rows[1]);
        assert_eq!((cell(2, "n"), cell(2, "o")), ("8".into(), "a,\n\"b\"".into()));
        assert_eq!((cell(3, "key"), cell(3, "value"), none(&rows[3], "n")), ("=cmd()".into(), "[]".into(), true));
        if format == FileFormat::Csv {
            assert_eq!((cell(0, "key"), cell(2, "key")), ("base64:/yI=".into(), "base64:YmFzZTY0Ong=".into()));
            let text = fs::read_to_string(
                fs::read_dir(dir.path())
                    .unwrap()
                    .map(|entry| entry.unwrap().path())
                    .find(|path| path.is_file())
                    .unwrap(),
            )
            .unwrap();
            assert!(text.contains("\n\"\",,,,,,"), "an empty key is not an absent value: {text}");
        } else {
            assert_eq!((rows[1]["value"].clone(), rows[1]["key"].clone()), (None, Some(String::new())));
        }
    }
}

#[test]
fn a_value_that_does_not_match_its_column_fails_only_its_record() {
    let columns = vec!["offset".parse().unwrap(), "topic".parse().unwrap(), "n=json.n:long".parse().unwrap()];
    let dir = tempfile::tempdir().unwrap();
    let source = open(FileFormat::Csv, dir.path(), &context(ExportSettings { columns, ..small() }));
    let values = ["{\"n\":1}", "{\"n\":\"many\"}", "{\"n\":3}"];
    let bad = run(values
        .iter()
        .zip(0..)
        .map(|(value, offset)| record(0, offset, None, Some(value.as_bytes()), &[]))
        .collect());
    let failures = source.make(0).handle(&[bad, numbered(1, 0..2)]);
    let [LaneFailure { run: 0, done: 1, error, advice: Advice::GiveUp }] = failures.as_slice() else {
        panic!("{failures:?}")
    };
    assert!(error.contains("column n: `many`") || error.contains("many"), "{error}");
    let torn = source.make(0).handle(&[run(vec![record(0, 9, None, Some(b"{"), &[])])]);
    assert!(torn[0].error.starts_with("column n: the value cannot be decoded: it is not JSON"), "{torn:?}");
    source.finish(RunEnd::default()).unwrap();
    assert_eq!(places(dir.path()), [("a".to_owned(), 0), ("b".to_owned(), 0), ("b".to_owned(), 1)]);
}

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
            |event| matches!(&event.kind, EventKind::Notice { text } if text.contains("completed 1 files with 50 rows"))
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

#[test]
fn a_preview_builds_rows_and_writes_none() {
    for format in FORMATS {
        let dir = tempfile::tempdir().unwrap();
        let source = open(format, dir.path(), &context(ExportSettings { series: Series::Topic, ..small() }));
        let mut preview = source.preview().unwrap();
        let mut effects = Vec::new();
        for one in numbered(1, 3..5).records {
            preview.preview(&one, &mut effects).unwrap();
        }
        assert_eq!(effects[0].what, format!("{format} b"));
        assert!(String::from_utf8_lossy(&effects[1].content).contains('4'));
        assert!(preview.preview(&record(9, 0, None, None, &[]), &mut effects).is_err());
        source.finish(RunEnd::default()).unwrap();
        assert_eq!(files(dir.path()).len(), 0);
    }
}

/// A step of the simulation.
#[derive(Clone, Debug)]
enum Step {
    /// A batch with ranges of two partitions, as first offset and count, which may overlap earlier ones.
    Batch([(i64, i64); 2]),
    /// The process is killed, and the next one starts.
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let range = || (0_i64..150, 0_i64..20);
    let step = prop_oneof![
        8 => [range(), range()].prop_map(Step::Batch),
        1 => Just(Step::Crash)
    ];
    prop::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The model is a set: every handled record is in the files once.
    #[test]
    fn every_record_is_in_the_files_exactly_once(steps in steps(), format in 0..3_usize, compress in any::<bool>()) {
        let format = FORMATS[format];
        let compression = if compress { Compression::Zstd } else { Compression::None };
        let dir = tempfile::tempdir().unwrap();
        let context = context(ExportSettings { compression, ..small() });
        let mut source = open(format, dir.path(), &context);
        let mut handler = source.make(0);
        let mut expected = std::collections::BTreeSet::new();
        for step in steps {
            match step {
                Step::Batch(ranges) => {
                    let mut batch = Vec::new();
                    for (partition, (first, count)) in (0_u32..).zip(ranges) {
                        batch.push(numbered(partition, first..first + count));
                        expected.extend((first..first + count).map(|offset| (["a", "b"][partition as usize].to_owned(), offset)));
                    }
                    prop_assert_eq!(handler.handle(&batch), []);
                }
                Step::Crash => {
                    drop((handler, source));
                    source = open(format, dir.path(), &context);
                    handler = source.make(0);
                }
            }
        }
        source.finish(RunEnd::default()).unwrap();
        let mut places = places(dir.path());
        places.sort();
        prop_assert_eq!(places, expected.into_iter().collect::<Vec<_>>());
    }
}
