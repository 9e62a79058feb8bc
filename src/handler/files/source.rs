//! The handlers that export, and what a run asks of them.

use std::{
    collections::HashMap,
    fs, io,
    path::Path,
    sync::{Arc, OnceLock, Weak, atomic::Ordering::Relaxed},
    time::Duration,
};

use parking_lot::Mutex;

use super::{
    FileFormat, Series,
    filing::{Chunk, Counts, Filing, State},
    form::Form,
    ledger::Ledger,
    ledger_error::Refusal,
    parts::Parts,
    preview::FilesPreview,
    table::{NoRow, Table},
};
use crate::{
    domain::{Growing, TopicPartition},
    handler::{
        Advice, EffectCount, Handler, HandlerContext, HandlerError, HandlerSource, LaneFailure, LaneRun, Positions,
        Preview, RunEnd, preview::Unopened,
    },
};

/// How often it is looked for files that are too old.
const LOOK: Duration = Duration::from_millis(200);
/// A worker keeps no more memory than this for its rows.
const KEPT: usize = 2 << 20;

/// Exports a run's records.
pub(in crate::handler) struct FilesSource {
    pub(super) filing: Arc<Filing>,
}

impl FilesSource {
    /// Opens a directory, and completes what earlier processes have left there.
    ///
    /// # Errors
    /// Settings that contradict the format, a directory that cannot be used, or one that does not hold what it should.
    pub(in crate::handler) fn open(
        format: FileFormat,
        dir: &Path,
        context: &HandlerContext,
    ) -> Result<Self, HandlerError> {
        let settings = context.settings.export.clone();
        let handler = format.handler();
        let form = Form::of(format, &settings).map_err(|reason| HandlerError::Settings { handler, reason })?;
        let target = |reason| HandlerError::Target { handler, reason };
        let dir = make_usable(dir).map_err(target)?;
        let work = dir.join(".kreplay");
        match fs::create_dir(&work) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(target(format!("cannot write to the directory {}: {error}", dir.display())));
            }
            _ => {}
        }
        let ledger = Ledger::open(&work.join("export.db"), settings.sync).map_err(target)?;
        let age = settings.file_age;
        let (scope, run) = match &context.group {
            // Several processes, and several runs one after the other, share a group's work.
            Some(group) => (format!("group {group}"), group.clone()),
            None => (format!("run {}", context.run_id), context.run_id.clone()),
        };
        let parts = Parts::new(&work);
        let filing = Arc::new(Filing {
            dir,
            work,
            table: Table { form, rules: Arc::clone(&context.rules) },
            settings,
            scope,
            run,
            partitions: Arc::clone(&context.partitions),
            positions: OnceLock::new(),
            events: context.events.clone(),
            state: Mutex::new(State { ledger, parts, slots: HashMap::new(), stuck: Vec::new() }),
            completing: Mutex::new(()),
            counts: Counts::default(),
        });
        filing.recover().map_err(target)?;
        if let Some(age) = age {
            let filing = Arc::downgrade(&filing);
            let spawned = std::thread::Builder::new().name("export".into()).spawn(move || keep_young(&filing, age));
            spawned.map_err(|error| target(format!("no thread is left: {error}")))?;
        }
        Ok(Self { filing })
    }
}

/// What an export would consist of. The directory is not touched.
pub(in crate::handler) struct RehearsedFiles {
    table: Table,
    by_topic: bool,
    partitions: Arc<Growing<TopicPartition>>,
}

impl RehearsedFiles {
    /// # Errors
    /// Settings that contradict the format.
    pub(in crate::handler) fn open(format: FileFormat, context: &HandlerContext) -> Result<Self, HandlerError> {
        let settings = &context.settings.export;
        let handler = format.handler();
        let form = Form::of(format, settings).map_err(|reason| HandlerError::Settings { handler, reason })?;
        Ok(Self {
            table: Table { form, rules: Arc::clone(&context.rules) },
            by_topic: settings.series == Series::Topic,
            partitions: Arc::clone(&context.partitions),
        })
    }
}

impl HandlerSource for RehearsedFiles {
    /// Every record fails: whoever wants files opens [`FilesSource`].
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        Box::new(Unopened("the export was opened for previews only"))
    }

    fn wants_headers(&self) -> bool {
        self.table.form.wants_headers()
    }

    fn expected_s(&self) -> Option<f64> {
        None
    }

    fn preview(&self) -> Result<Box<dyn Preview>, HandlerError> {
        Ok(preview_of(&self.table, self.by_topic, &self.partitions))
    }

    fn finish(&self, _end: RunEnd) -> Result<(), HandlerError> {
        Ok(())
    }
}

fn preview_of(table: &Table, by_topic: bool, partitions: &Arc<Growing<TopicPartition>>) -> Box<dyn Preview> {
    let format = table.form.format;
    let mut table = table.clone();
    if format == FileFormat::Parquet {
        table.form.format = FileFormat::Csv;
    }
    Box::new(FilesPreview { table, format, by_topic, partitions: Arc::clone(partitions) })
}

/// An absolute path, since the process may change its directory; the directory itself is made, those above it are not.
fn make_usable(dir: &Path) -> Result<std::path::PathBuf, String> {
    let said = |error: io::Error| format!("cannot use the directory {}: {error}", dir.display());
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(format!("cannot create the directory {}: the one above it is not there", dir.display()));
        }
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(said(error)),
        _ => {}
    }
    if !fs::metadata(dir).map_err(said)?.is_dir() {
        return Err(format!("{} is a file, not a directory", dir.display()));
    }
    std::path::absolute(dir).map_err(said)
}

/// Completes files that have become too old, until the run has let go of them.
fn keep_young(filing: &Weak<Filing>, age: Duration) {
    loop {
        std::thread::sleep(LOOK);
        let Some(filing) = filing.upgrade() else { return };
        filing.complete_old(age);
    }
}

impl HandlerSource for FilesSource {
    fn make(&self, worker: u32) -> Box<dyn Handler> {
        Box::new(FilesHandler { filing: Arc::clone(&self.filing), worker, chunks: Vec::new(), taken: Vec::new() })
    }

    fn wants_headers(&self) -> bool {
        self.filing.table.form.wants_headers()
    }

    fn expected_s(&self) -> Option<f64> {
        None
    }

    fn watch(&self, positions: Arc<dyn Positions>) {
        drop(self.filing.positions.set(positions));
    }

    fn effects(&self) -> Vec<EffectCount> {
        let counts = &self.filing.counts;
        [
            ("files", &counts.files),
            ("rows", &counts.rows),
            ("bytes", &counts.file_bytes),
            ("already_exported", &counts.already),
        ]
        .map(|(what, count)| EffectCount { what: what.into(), count: count.load(Relaxed) })
        .into()
    }

    fn preview(&self) -> Result<Box<dyn Preview>, HandlerError> {
        let Filing { table, partitions, settings, .. } = &*self.filing;
        Ok(preview_of(table, settings.series == Series::Topic, partitions))
    }

    fn finish(&self, _end: RunEnd) -> Result<(), HandlerError> {
        self.filing.close()
    }
}

/// Exports what one worker is given. A batch is in the files as a whole or not at all.
struct FilesHandler {
    filing: Arc<Filing>,
    worker: u32,
    chunks: Vec<Chunk>,
    /// The records of the batch, as partition and offset.
    taken: Vec<(u32, i64)>,
}

impl FilesHandler {
    fn chunk_of(&mut self, topic: &Arc<str>) -> &mut Chunk {
        let at = match self.filing.settings.series {
            Series::Topic => self.chunks.iter().position(|chunk| chunk.series == *topic),
            Series::Shared | Series::Worker => (!self.chunks.is_empty()).then_some(0),
        };
        let at = at.unwrap_or_else(|| {
            let series = match self.filing.settings.series {
                Series::Topic => Arc::clone(topic),
                Series::Shared => "records".into(),
                Series::Worker => format!("worker-{}", self.worker).into(),
            };
            self.chunks.push(Chunk { series, bytes: Vec::new(), rows: 0 });
            self.chunks.len() - 1
        });
        &mut self.chunks[at]
    }

    fn try_batch(&mut self, batch: &[LaneRun]) -> Result<Vec<LaneFailure>, Refusal> {
        let filing = Arc::clone(&self.filing);
        let already = filing.sift(batch)?;
        let mut failures = Vec::new();
        for (run, lane) in batch.iter().enumerate() {
            for (done, record) in lane.records.iter().enumerate() {
                let place = (record.partition, record.offset);
                if already.contains(&place) {
                    continue;
                }
                let appended = match filing.partitions.get(record.partition as usize) {
                    Some(id) => {
                        let chunk = self.chunk_of(&id.topic);
                        let appended = filing.table.append(&mut chunk.bytes, id, record);
                        chunk.rows += u64::from(appended.is_ok());
                        appended
                    }
                    None => Err(NoRow {
                        text: format!("partition {} is not in the plan", record.partition),
                        advice: Advice::GiveUp,
                    }),
                };
                if let Err(NoRow { text: error, advice }) = appended {
                    failures.push(LaneFailure { run, done, error, advice });
                    break;
                }
                self.taken.push(place);
            }
        }
        self.chunks.retain(|chunk| chunk.rows > 0);
        let full = filing.commit(&self.chunks, &mut self.taken)?;
        filing.counts.already.fetch_add(already.len() as u64, Relaxed);
        filing.complete_all(full);
        Ok(failures)
    }
}

impl Handler for FilesHandler {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        self.taken.clear();
        for chunk in &mut self.chunks {
            chunk.bytes.clear();
            chunk.rows = 0;
            // One huge record must not hold its memory for the rest of the run.
            chunk.bytes.shrink_to(KEPT);
        }
        self.try_batch(batch).unwrap_or_else(|refusal| {
            let failed = |run| LaneFailure { run, done: 0, error: refusal.text.clone(), advice: refusal.advice };
            (0..batch.len()).map(failed).collect()
        })
    }
}
