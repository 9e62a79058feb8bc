//! Exports to files that are killed, stopped, out of disk space, or shared by processes. In the end every record is in
//! the complete files exactly once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;

use crate::fixtures::following::stop_when;
use crate::fixtures::small_disk::SmallDisk;
use crate::support::broker::{self, Broker, unique_name};
use crate::support::build::kreplay_binary;
use crate::support::process::{Finished, Program, Running};
use crate::support::produce::NewRecord;
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::{random, wait};

const RECORDS: usize = 20_000;
const KEYS: usize = 300;

/// Topic, partition and offset of a record.
type RecordPlace = (String, i64, i64);

/// One export: its topics, its directory and its journal.
struct Export {
    topics: Vec<String>,
    handler: String,
    dir: tempfile::TempDir,
    settings: Vec<(&'static str, &'static str)>,
    expected: BTreeSet<RecordPlace>,
}

impl Export {
    fn new(broker: &Broker, format: &str, settings: &[(&'static str, &'static str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let slash = if format == "ndjson" { "/" } else { "" };
        let topics = [("a", 4), ("b", 1)].map(|(name, partitions)| broker.topic(&format!("export-{name}"), partitions));
        let mut export = Self {
            topics: topics.into(),
            handler: format!("{format}:{}{slash}", dir.path().join("out").display()),
            dir,
            settings: settings.to_vec(),
            expected: BTreeSet::new(),
        };
        export.write(broker, RECORDS / 2);
        export
    }

    /// Writes this number of records to each topic.
    fn write(&mut self, broker: &Broker, count: usize) {
        let record =
            |n| NewRecord::keyed(format!("key-{}", n * 31 % KEYS), format!("{{\"n\":{n},\"text\":\"{n:0200}\"}}"));
        let records: Vec<_> = (0..count).map(record).collect();
        for topic in &self.topics {
            let placed = broker.produce(topic, &records);
            self.expected.extend(placed.iter().map(|one| (topic.clone(), i64::from(one.partition), one.offset)));
        }
    }

    /// The directory of the files.
    fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    fn program(&self, args: &[&str]) -> Program {
        let mut program = Program::kreplay().env("XDG_STATE_HOME", self.dir.path()).timeout(RUN_TIMEOUT);
        for (name, value) in &self.settings {
            program = program.env(name, value);
        }
        program.args(args).with_run_args(args, self).args(["--headless", "--report", "json"])
    }

    /// The number of rows written to files so far, according to the database beside them.
    fn rows(&self) -> usize {
        let path = self.out().join(".kreplay/export.db");
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let rows = rusqlite::Connection::open_with_flags(path, flags)
            .and_then(|db| db.query_row("SELECT coalesce(sum(rows), 0) FROM file", [], |row| row.get::<_, i64>(0)));
        rows.map_or(0, |rows| usize::try_from(rows).unwrap())
    }

    /// The files that are not complete.
    fn open_files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.out().join(".kreplay")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        names.filter(|name| !name.starts_with("export.db")).collect()
    }

    /// Starts `run` or `resume` and kills it when this number of rows is written.
    fn kill_at(&self, args: &[&str], rows: usize) {
        let running = self.program(args).spawn();
        wait::until("progress before the kill", RUN_TIMEOUT, || (self.rows() >= rows).then_some(()));
        let killed = running.kill();
        assert_eq!(killed.code(), None, "it ended before the kill: {killed:?}");
        // Files with their final names can be read completely.
        let seen: usize = files(&self.out()).iter().map(|path| read(path).len()).sum();
        assert!(seen <= self.expected.len());
    }

    /// Stops a run that follows the log when all records are written.
    fn finish_following(&self, running: Running) -> Finished {
        stop_when("all records written", running, || self.rows() == self.expected.len()).expect_success()
    }

    /// Checks that every record is there once, and that the records of each key of a partition are in order.
    fn expect_exactly_once(&self, finished: &Finished) {
        let mut found: Vec<RecordPlace> = Vec::new();
        let mut last: BTreeMap<(String, i64, String), i64> = BTreeMap::new();
        let paths = files(&self.out());
        for path in &paths {
            for (place, key) in read(path) {
                let before = last.insert((place.0.clone(), place.1, key), place.2);
                assert!(
                    before.is_none_or(|before| before < place.2),
                    "{place:?} after {before:?} in {}",
                    path.display()
                );
                found.push(place);
            }
        }
        let count = found.len();
        let places: BTreeSet<RecordPlace> = found.into_iter().collect();
        assert_eq!(
            places.len(),
            self.expected.len(),
            "lost, for example: {:?}\n{finished:?}",
            self.expected.difference(&places).next()
        );
        assert_eq!((places == self.expected, count), (true, self.expected.len()), "{finished:?}");
        assert_eq!(self.open_files(), Vec::<String>::new(), "all files are complete");
        println!("{}: {count} records in {} files", self.handler, paths.len());
    }

    fn run_id(&self) -> String {
        let listed = Program::kreplay().args(["runs", "--json"]).env("XDG_STATE_HOME", self.dir.path()).run();
        let runs: Value = serde_json::from_str(&listed.expect_success().stdout).unwrap();
        runs[0]["run_id"].as_str().unwrap().to_owned()
    }
}

/// Adds the arguments that all commands and only `run` need.
trait RunArgs {
    fn with_run_args(self, args: &[&str], export: &Export) -> Self;
}

impl RunArgs for Program {
    fn with_run_args(self, args: &[&str], export: &Export) -> Self {
        let program = self.args(["--bootstrap-server", broker::shared().bootstrap()]);
        if args[0] != "run" {
            return program;
        }
        program.args(["--handler", &export.handler, "--topics"]).args(&export.topics)
    }
}

/// The complete files, in the order of their numbers.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths
}

/// The records of a file with their keys.
fn read(path: &Path) -> Vec<(RecordPlace, String)> {
    let file = File::open(path).unwrap();
    let name = path.display().to_string();
    if name.ends_with(".parquet") {
        let reader = SerializedFileReader::new(file).unwrap();
        let rows = reader.get_row_iter(None).unwrap().map(Result::unwrap);
        return rows
            .map(|row| {
                let key = String::from_utf8(row.get_bytes(4).unwrap().data().to_vec()).unwrap();
                ((row.get_string(0).unwrap().clone(), row.get_int(1).unwrap().into(), row.get_long(2).unwrap()), key)
            })
            .collect();
    }
    let text = match name.rsplit('.').next().unwrap() {
        "gz" => std::io::read_to_string(flate2::read::GzDecoder::new(file)).unwrap(),
        "zst" => std::io::read_to_string(zstd::stream::Decoder::new(file).unwrap()).unwrap(),
        _ => std::io::read_to_string(file).unwrap(),
    };
    if name.contains(".ndjson") {
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        return lines
            .map(|line| {
                let number = |name: &str| line[name].as_i64().unwrap();
                let text = |name: &str| line[name].as_str().unwrap().to_owned();
                ((text("topic"), number("partition"), number("offset")), text("key"))
            })
            .collect();
    }
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows = reader.records().map(Result::unwrap);
    rows.map(|row| ((row[0].to_owned(), row[1].parse().unwrap(), row[2].parse().unwrap()), row[4].to_owned())).collect()
}

/// Settings for small files and batches.
const SMALL_FILES: [(&str, &str); 2] = [("KREPLAY_EXPORT_FILE_SIZE", "300KiB"), ("KREPLAY_RUN_BATCH", "50")];
/// A rate that spreads kills over a run.
const SLOW_RATE: [&str; 2] = ["--rate", "7k/s"];
/// Follows the log, so that a run cannot end before it is killed or stopped.
const FOLLOW: [&str; 2] = ["--to", "never"];

/// Random numbers of rows at which to kill, in ascending order.
fn kill_points(random: &mut StdRng, kills: usize) -> Vec<usize> {
    let mut points: Vec<usize> = (0..kills).map(|_| random.random_range(1..RECORDS / 10 * 9)).collect();
    points.sort_unstable();
    points
}

#[test]
fn an_export_killed_at_random_points_and_resumed_has_every_record_once() {
    let (broker, mut random) = (broker::shared(), random::generator());
    for (format, settings) in [
        ("csv", vec![]),
        ("parquet", vec![]),
        ("ndjson", vec![("KREPLAY_EXPORT_COMPRESSION", "gzip"), ("KREPLAY_EXPORT_SERIES", "topic")]),
    ] {
        let export = Export::new(broker, format, &[&SMALL_FILES[..], &settings].concat());
        let mut id = String::new();
        for (kill, point) in kill_points(&mut random, 5).into_iter().enumerate() {
            let begin = [&["run", "--concurrency", "6"][..], &SLOW_RATE, &FOLLOW].concat();
            let resume = [&["resume", &id][..], &SLOW_RATE].concat();
            export.kill_at(if kill == 0 { &begin } else { &resume }, point);
            if kill == 0 {
                id = export.run_id();
            }
        }
        let finished = export.finish_following(export.program(&["resume", &id]).spawn());
        let report: Value = serde_json::from_str(&finished.stdout).unwrap();
        assert_eq!((&report["state"], &report["totals"]["handled"]), (&"done".into(), &RECORDS.into()), "{report:#}");
        export.expect_exactly_once(&finished);
    }
}

#[test]
fn processes_of_a_group_share_a_directory_and_survive_a_kill() {
    let (broker, mut random) = (broker::shared(), random::generator());
    let mut export = Export::new(broker, "csv", &[&SMALL_FILES[..], &[("KREPLAY_EXPORT_SERIES", "worker")]].concat());
    let group = unique_name("export");
    let args = ["run", "--concurrency", "2", "--group", &group, "--rate", "4k/s"];
    let following = [&args[..], &FOLLOW].concat();
    let survivor = export.program(&following).spawn();
    let point = random.random_range(1_000..RECORDS / 2);
    export.kill_at(&following, point);
    // When these are written, the survivor has all partitions.
    export.write(broker, 500);
    let finished = export.finish_following(survivor);
    let mut found: Vec<_> = files(&export.out()).iter().flat_map(|path| read(path)).map(|(place, _)| place).collect();
    // Files that the killed process left open are completed by the next process that opens the directory.
    if !export.open_files().is_empty() {
        export.program(&args).run().expect_success();
        found = files(&export.out()).iter().flat_map(|path| read(path)).map(|(place, _)| place).collect();
    }
    let places: BTreeSet<RecordPlace> = found.iter().cloned().collect();
    assert_eq!(
        (found.len(), places == export.expected, export.open_files()),
        (export.expected.len(), true, vec![]),
        "{finished:?}"
    );
}

#[test]
fn a_stopped_export_leaves_complete_files_and_can_be_resumed() {
    let broker = broker::shared();
    for format in ["csv", "parquet"] {
        let export = Export::new(broker, format, &SMALL_FILES);
        // Its records last for 100 s, so that the stop comes before it has caught up.
        let following = [&["run", "--concurrency", "4", "--rate", "200/s"][..], &FOLLOW].concat();
        let running = export.program(&following).spawn();
        wait::until("progress before the stop", RUN_TIMEOUT, || (export.rows() >= 200).then_some(()));
        running.signal("TERM");
        let stopped = running.finish();
        assert_eq!(stopped.code(), Some(4), "{stopped:?}");
        assert_eq!(export.open_files(), Vec::<String>::new(), "{stopped:?}");
        let read: usize = files(&export.out()).iter().map(|path| read(path).len()).sum();
        assert_eq!(read, export.rows());
        let resumed = export.program(&["resume", "last", "--rate", "off"]).spawn();
        export.expect_exactly_once(&export.finish_following(resumed));
    }
}

/// Limits files to 1 MiB. That acts like a full disk and needs no separate disk.
#[test]
fn an_export_without_disk_space_fails_with_a_clear_error_and_can_be_resumed() {
    let broker = broker::shared();
    for format in ["csv", "parquet"] {
        let export = Export::new(broker, format, &[]);
        let mut limited = Program::named("bash").env("XDG_STATE_HOME", export.dir.path()).timeout(RUN_TIMEOUT);
        let script = "trap '' XFSZ; ulimit -f 1024; exec \"$0\" \"$@\"";
        limited = limited.args(["-c", script, &kreplay_binary(), "run"]).with_run_args(&["run"], &export);
        let failed = limited.args(["--headless", "--concurrency", "4", "--on-failure", "skip"]).run();
        assert_eq!(failed.code(), Some(1), "{failed:?}");
        // The database beside the files may reach the limit first. SQLite reports that only as an I/O error.
        let has = |part| failed.stderr.contains(part);
        let is_reported = (has("cannot write to") && has("File too large"))
            || has("cannot update the database of exported records: disk I/O error");
        assert!(is_reported, "{failed:?}");
        assert!(failed.stderr.contains("the run can be resumed"), "{failed:?}");
        let finished = export.program(&["resume", "last"]).run();
        assert_eq!(finished.code(), Some(0), "{finished:?}");
        export.expect_exactly_once(&finished);
    }
}

#[test]
fn a_full_disk_leaves_no_incomplete_file_and_the_run_can_be_resumed() {
    let broker = broker::shared();
    for (format, size) in [("ndjson", "2m"), ("csv", "2m"), ("parquet", "600k")] {
        let export = Export::new(broker, format, &SMALL_FILES);
        let Some(disk) = SmallDisk::over(&export.out(), size) else { return };
        // A full disk is not the failure of a record, so nothing may be skipped.
        let failed = export.program(&["run", "--concurrency", "4", "--on-failure", "skip"]).run();
        assert_eq!(failed.code(), Some(1), "{failed:?}");
        let is_reported = ["No space left on device", "disk is full"].iter().any(|part| failed.stderr.contains(part));
        assert!(is_reported && failed.stderr.contains("the run can be resumed"), "{failed:?}");
        let report: Value = serde_json::from_str(&failed.stdout).unwrap();
        assert_eq!((&report["state"], &report["totals"]["skipped"]), (&"failed".into(), &0.into()), "{report:#}");
        let mut seen = BTreeSet::new();
        for path in files(&export.out()) {
            let text = std::fs::read(&path).unwrap();
            assert!(format == "parquet" || text.ends_with(b"\n"), "{} is incomplete", path.display());
            for (place, _) in read(&path) {
                assert!(seen.insert(place.clone()), "{place:?} occurs twice");
            }
        }
        assert!(seen.len() < RECORDS && seen.is_subset(&export.expected), "{} records", seen.len());
        println!("{format}: {} records in complete files when the disk was full", seen.len());
        disk.grow();
        export.expect_exactly_once(&export.program(&["resume", "last"]).run().expect_success());
    }
}
