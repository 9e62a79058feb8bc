//! Tests that the files contain what was handled, exactly once, despite crashes.

mod claims;
mod contents;
mod crashes;
mod open_files;
mod recovery;

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
use crate::{Advice, LaneFailure, LaneRun, Positions, PreviewError, RunEnd, RunHandlers, testing::record};

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
