//! A second process of a group: this test binary once more, so that it can be killed or stopped, with a handler that takes
//! its time and writes what it handles into a file that the processes share.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kreplay::handler::{Handler, HandlerError, HandlerSource, LaneFailure, LaneRun, RunEnd};
use kreplay::kafka::KafkaConfig;
use kreplay::replay::{Session, SessionOptions};

use crate::sessions::{finish_within, in_group, options_at};
use crate::support::process::send_signal;

/// Writes a line for each record, in one piece: who, partition, offset, key.
#[derive(Clone, Debug)]
pub struct Scribe {
    name: &'static str,
    file: Arc<File>,
    work: Duration,
}

impl Scribe {
    pub fn new(name: &'static str, path: &Path, work: Duration) -> Self {
        let file = File::options().create(true).append(true).open(path).unwrap();
        Self { name, file: Arc::new(file), work }
    }

    pub fn source(&self) -> Arc<dyn HandlerSource> {
        Arc::new(self.clone())
    }
}

impl HandlerSource for Scribe {
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        Box::new(self.clone())
    }

    fn wants_headers(&self) -> bool {
        false
    }

    fn expected_s(&self) -> Option<f64> {
        None
    }

    fn finish(&self, _end: RunEnd) -> Result<(), HandlerError> {
        Ok(())
    }
}

impl Handler for Scribe {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        for record in batch.iter().flat_map(|run| &run.records) {
            std::thread::sleep(self.work);
            let key = String::from_utf8_lossy(record.key().unwrap_or_default());
            let line = format!("{} {} {} {key}\n", self.name, record.partition, record.offset);
            (&*self.file).write_all(line.as_bytes()).unwrap();
        }
        Vec::new()
    }
}

/// A line of the file.
#[derive(Clone, Debug)]
pub struct Line {
    pub by: String,
    pub place: (u32, i64),
    pub key: String,
}

/// All lines so far.
pub fn lines(path: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(path).unwrap();
    // The last one may be on its way.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .map(|line| {
            let parts: Vec<_> = line.split(' ').collect();
            let [by, partition, offset, key] = parts[..] else { panic!("{line}") };
            Line {
                by: by.to_owned(),
                place: (partition.parse().unwrap(), offset.parse().unwrap()),
                key: key.to_owned(),
            }
        })
        .collect()
}

/// Checks that every place was handled, and that the records of each key of a partition were handled first in the order of
/// the log, whoever did it. Returns how many were handled again.
pub fn expect_all_in_order(lines: &[Line], places: &BTreeSet<(u32, i64)>) -> usize {
    let mut seen = BTreeSet::new();
    let mut last: BTreeMap<(u32, &str), (i64, &str)> = BTreeMap::new();
    let mut again = 0;
    for line in lines {
        if !seen.insert(line.place) {
            again += 1;
            continue;
        }
        if let Some(before) = last.insert((line.place.0, &line.key), (line.place.1, &line.by)) {
            assert!(before.0 < line.place.1, "{line:?} was handled first after {before:?}");
        }
    }
    let missing: Vec<_> = places.difference(&seen).collect();
    assert!(missing.is_empty(), "{} not handled, such as {:?}", missing.len(), missing.first());
    assert_eq!(seen.len(), places.len(), "nothing else is handled");
    again
}

/// What a member of the run does, here and in the second process.
pub fn member(bootstrap: &str, topic: &str, group: &str, concurrency: u64) -> SessionOptions {
    let mut options = in_group(options_at(bootstrap, topic, concurrency), group);
    options.settings.buffer_bytes = 1 << 20;
    // However many workers there are: what is done to the run has its time before the end.
    options.settings.rate = Some("1000/s".parse().unwrap());
    options.kafka =
        KafkaConfig { properties: [("reconnect.backoff.max.ms".into(), "500".into())].into(), ..options.kafka };
    options
}

/// The second process. Killed where the test ends before it.
pub struct Second {
    child: Child,
    out: PathBuf,
}

const NAMES: [&str; 4] =
    ["KREPLAY_SECOND_BOOTSTRAP", "KREPLAY_SECOND_TOPIC", "KREPLAY_SECOND_GROUP", "KREPLAY_SECOND_FILE"];

impl Second {
    pub fn start(bootstrap: &str, topic: &str, group: &str, file: &Path) -> Self {
        let out = file.with_extension("second");
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "second::the_second_process", "--nocapture"]);
        for (name, value) in NAMES.iter().zip([bootstrap, topic, group, file.to_str().unwrap()]) {
            command.env(name, value);
        }
        let log = File::create(&out).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Self { child: command.spawn().unwrap(), out }
    }

    pub fn signal(&self, name: &str) {
        send_signal(self.child.id(), name);
    }

    /// Ends it at once, and waits for that.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether it has ended by itself, and how.
    pub fn ended(&mut self) -> Option<bool> {
        self.child.try_wait().unwrap().map(|status| status.success())
    }

    /// What it said.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.out).unwrap_or_default()
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
#[ignore = "other tests start it, as the second process of a group"]
fn the_second_process() {
    let [Ok(bootstrap), Ok(topic), Ok(group), Ok(file)] = NAMES.map(std::env::var) else {
        return println!("started by nobody: there is nothing to do");
    };
    let scribe = Scribe::new("second", Path::new(&file), Duration::from_millis(8));
    let session = Session::spawn_with(member(&bootstrap, &topic, &group, 8), Some(scribe.source())).unwrap();
    let ended = finish_within(session, Duration::from_secs(300));
    println!("{}\n{:?}", ended.log(), ended.view.state);
}
