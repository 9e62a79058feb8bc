//! The handlers of an export to files.

use std::{
    collections::HashMap,
    fs, io,
    path::Path,
    sync::{Arc, OnceLock, Weak, atomic::Ordering::Relaxed},
    time::Duration,
};

use kreplay_engine::handler::as_commit;
use kreplay_model::{
    domain::{AppendOnlyVec, TopicPartition},
    feed::EffectCount,
};
use parking_lot::Mutex;

use super::{
    FileFormat, Series,
    format::OutputFormat,
    ledger::ExportLedger,
    ledger_error::ExportError,
    parts::PartFiles,
    preview::FilesPreview,
    table::{RowError, Table},
    writer::{Counts, ExportWriter, RowChunk, State},
};
use crate::setup::HandlerSetup;
use crate::{
    Advice, Handler, HandlerError, HandlerNeeds, LaneFailure, LaneRun, Positions, Preview, PreviewOnlyHandler, RunEnd,
    RunHandlers,
};

/// How often files are checked for their age.
const AGE_CHECK_INTERVAL: Duration = Duration::from_millis(200);
/// The maximum buffer capacity that a worker keeps between batches.
const MAX_IDLE_CHUNK_BYTES: usize = 2 << 20;

/// Creates handlers that export records.
pub(crate) struct FilesHandlers {
    pub(super) writer: Arc<ExportWriter>,
}

impl FilesHandlers {
    /// Opens a directory and completes the files that earlier processes have left there.
    ///
    /// # Errors
    /// The settings contradict the format, or the directory cannot be used or does not contain what it should.
    pub(crate) fn open(format: FileFormat, dir: &Path, context: &HandlerSetup) -> Result<Self, HandlerError> {
        let settings = context.settings.export.clone();
        let handler = format.handler();
        let output =
            OutputFormat::of(format, &settings).map_err(|reason| HandlerError::Settings { handler, reason })?;
        let target = |reason| HandlerError::Target { handler, reason };
        let dir = prepare_directory(dir).map_err(target)?;
        let work = dir.join(".kreplay");
        match fs::create_dir(&work) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(target(format!("cannot write to the directory {}: {error}", dir.display())));
            }
            _ => {}
        }
        let ledger = ExportLedger::open(&work.join("export.db"), settings.sync).map_err(target)?;
        let age = settings.file_age;
        let (scope, run) = match &context.group {
            // Several processes and consecutive runs of a group share their exported records.
            Some(group) => (format!("group {group}"), group.clone()),
            None => (format!("run {}", context.run_id), context.run_id.clone()),
        };
        let parts = PartFiles::new(&work);
        let writer = Arc::new(ExportWriter {
            dir,
            work,
            table: Table { output, rules: Arc::clone(&context.rules) },
            settings,
            scope,
            in_group: context.group.is_some(),
            run,
            partitions: Arc::clone(&context.partitions),
            positions: OnceLock::new(),
            events: context.events.clone(),
            state: Mutex::new(State { ledger, parts, claimed_partitions: HashMap::new(), incomplete: Vec::new() }),
            completing: Mutex::new(()),
            counts: Counts::default(),
        });
        writer.recover().map_err(target)?;
        if let Some(age) = age {
            let writer = Arc::downgrade(&writer);
            let spawned =
                std::thread::Builder::new().name("export".into()).spawn(move || complete_old_files(&writer, age));
            spawned.map_err(|error| target(format!("cannot start a thread: {error}")))?;
        }
        Ok(Self { writer })
    }
}

/// Handlers for previews only: the directory is not touched.
pub(crate) struct DryRunFiles {
    table: Table,
    by_topic: bool,
    partitions: Arc<AppendOnlyVec<TopicPartition>>,
}

impl DryRunFiles {
    /// # Errors
    /// The settings contradict the format.
    pub(crate) fn open(format: FileFormat, context: &HandlerSetup) -> Result<Self, HandlerError> {
        let settings = &context.settings.export;
        let handler = format.handler();
        let output = OutputFormat::of(format, settings).map_err(|reason| HandlerError::Settings { handler, reason })?;
        Ok(Self {
            table: Table { output, rules: Arc::clone(&context.rules) },
            by_topic: settings.series == Series::Topic,
            partitions: Arc::clone(&context.partitions),
        })
    }
}

impl RunHandlers for DryRunFiles {
    /// Every record fails. Files are written by [`FilesHandlers`].
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        Box::new(PreviewOnlyHandler("the export was opened for previews only"))
    }

    fn needs(&self) -> HandlerNeeds {
        HandlerNeeds { headers: self.table.output.wants_headers(), ..HandlerNeeds::default() }
    }

    fn preview(&self) -> Result<Box<dyn Preview>, HandlerError> {
        Ok(make_preview(&self.table, self.by_topic, &self.partitions))
    }
}

fn make_preview(table: &Table, by_topic: bool, partitions: &Arc<AppendOnlyVec<TopicPartition>>) -> Box<dyn Preview> {
    let format = table.output.format;
    let mut table = table.clone();
    if format == FileFormat::Parquet {
        table.output.format = FileFormat::Csv;
    }
    Box::new(FilesPreview { table, format, by_topic, partitions: Arc::clone(partitions) })
}

/// Creates the directory if its parent exists, and returns its absolute path, because the process may change its
/// working directory.
fn prepare_directory(dir: &Path) -> Result<std::path::PathBuf, String> {
    let failed = |error: io::Error| format!("cannot use the directory {}: {error}", dir.display());
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(format!("cannot create the directory {}: its parent directory does not exist", dir.display()));
        }
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    if !fs::metadata(dir).map_err(failed)?.is_dir() {
        return Err(format!("{} is a file, not a directory", dir.display()));
    }
    std::path::absolute(dir).map_err(failed)
}

/// Completes files that are older than `age`, until the run has ended.
fn complete_old_files(writer: &Weak<ExportWriter>, age: Duration) {
    loop {
        std::thread::sleep(AGE_CHECK_INTERVAL);
        let Some(writer) = writer.upgrade() else { return };
        writer.complete_older_than(age);
    }
}

impl RunHandlers for FilesHandlers {
    fn make(&self, worker: u32) -> Box<dyn Handler> {
        Box::new(FilesHandler {
            writer: Arc::clone(&self.writer),
            worker,
            chunks: Vec::new(),
            batch_offsets: Vec::new(),
        })
    }

    fn needs(&self) -> HandlerNeeds {
        HandlerNeeds { headers: self.writer.table.output.wants_headers(), ..HandlerNeeds::default() }
    }

    fn watch(&self, positions: Arc<dyn Positions>) {
        drop(self.writer.positions.set(positions));
    }

    fn effects(&self) -> Vec<EffectCount> {
        let counts = &self.writer.counts;
        [
            ("files", &counts.files),
            ("rows", &counts.rows),
            ("bytes", &counts.file_bytes),
            ("already_exported", &counts.already_exported),
        ]
        .map(|(what, count)| EffectCount { what: what.into(), count: count.load(Relaxed) })
        .into()
    }

    fn preview(&self) -> Result<Box<dyn Preview>, HandlerError> {
        let ExportWriter { table, partitions, settings, .. } = &*self.writer;
        Ok(make_preview(table, settings.series == Series::Topic, partitions))
    }

    fn finish(&self, _end: RunEnd) -> Result<(), HandlerError> {
        self.writer.close()
    }
}

/// The handler of one worker. A batch is exported as a whole or not at all.
struct FilesHandler {
    writer: Arc<ExportWriter>,
    worker: u32,
    chunks: Vec<RowChunk>,
    /// The exported records of the batch, as partition and offset.
    batch_offsets: Vec<(u32, i64)>,
}

impl FilesHandler {
    fn chunk_of(&mut self, topic: &Arc<str>) -> &mut RowChunk {
        let at = match self.writer.settings.series {
            Series::Topic => self.chunks.iter().position(|chunk| chunk.series == *topic),
            Series::Shared | Series::Worker => (!self.chunks.is_empty()).then_some(0),
        };
        let at = at.unwrap_or_else(|| {
            let series = match self.writer.settings.series {
                Series::Topic => Arc::clone(topic),
                Series::Shared => "records".into(),
                Series::Worker => format!("worker-{}", self.worker).into(),
            };
            self.chunks.push(RowChunk { series, bytes: Vec::new(), rows: 0 });
            self.chunks.len() - 1
        });
        &mut self.chunks[at]
    }

    fn try_batch(&mut self, batch: &[LaneRun]) -> Result<Vec<LaneFailure>, ExportError> {
        let writer = Arc::clone(&self.writer);
        let already_exported = writer.claim_and_find_exported(batch)?;
        let mut failures = Vec::new();
        for (run, lane) in batch.iter().enumerate() {
            for (done, record) in lane.records.iter().enumerate() {
                let record_id = (record.partition, record.offset);
                if already_exported.contains(&record_id) {
                    continue;
                }
                let appended = match writer.partitions.get(record.partition as usize) {
                    Some(id) => {
                        let chunk = self.chunk_of(&id.topic);
                        let appended = writer.table.append(&mut chunk.bytes, id, record);
                        chunk.rows += u64::from(appended.is_ok());
                        appended
                    }
                    None => Err(RowError {
                        text: format!("partition {} is not in the plan", record.partition),
                        advice: Advice::GiveUp,
                    }),
                };
                if let Err(RowError { text: error, advice }) = appended {
                    failures.push(LaneFailure { run, done, error, advice });
                    break;
                }
                self.batch_offsets.push(record_id);
            }
        }
        self.chunks.retain(|chunk| chunk.rows > 0);
        let full = as_commit(|| writer.commit(&self.chunks, &mut self.batch_offsets))?;
        writer.counts.already_exported.fetch_add(already_exported.len() as u64, Relaxed);
        writer.complete_all(full);
        Ok(failures)
    }
}

impl Handler for FilesHandler {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        self.batch_offsets.clear();
        for chunk in &mut self.chunks {
            chunk.bytes.clear();
            chunk.rows = 0;
            // One huge record must not hold its memory for the rest of the run.
            chunk.bytes.shrink_to(MAX_IDLE_CHUNK_BYTES);
        }
        self.try_batch(batch).unwrap_or_else(|error| {
            let failed = |run| LaneFailure { run, done: 0, error: error.text.clone(), advice: error.advice };
            (0..batch.len()).map(failed).collect()
        })
    }
}
