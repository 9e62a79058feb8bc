//! `[export]`: exports to files.

use std::{ops::RangeInclusive, time::Duration};

use kreplay_handlers::{Column, ColumnError};
use toml::Value;

use super::Setting;
use crate::config::{
    bytes::show_bytes,
    input::Input,
    value::{store, text, time, word},
};

const FILE_SIZE: RangeInclusive<u64> = 1 << 10..=1 << 40;
const FILE_AGE: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);

fn age(input: &Input) -> Result<Option<Duration>, String> {
    if input.text() == Ok("off") { Ok(None) } else { input.duration(&FILE_AGE).map(Some) }
}

fn columns(input: &Input) -> Result<Vec<Column>, String> {
    let columns = input.list()?.iter().map(|column| column.parse()).collect::<Result<Vec<Column>, ColumnError>>();
    let columns = columns.map_err(|error| error.to_string())?;
    if columns.is_empty() { Err("the list is empty".into()) } else { Ok(columns) }
}

pub(super) const EXPORT: &[Setting] = &[
    Setting {
        key: "export.file_size",
        allowed: "a size from 1KiB to 1024GiB, such as 128MiB",
        set: |c, i| store(&mut c.run.handlers.export.file_size, i.bytes(&FILE_SIZE)),
        show: |c| Some(text(&show_bytes(c.run.handlers.export.file_size))),
    },
    Setting {
        key: "export.file_age",
        allowed: "a duration from 100ms to 60m, such as 10m, or off",
        set: |c, i| store(&mut c.run.handlers.export.file_age, age(i)),
        show: |c| Some(c.run.handlers.export.file_age.map_or_else(|| text(&"off"), time)),
    },
    Setting {
        key: "export.compression",
        allowed: "auto, none, gzip, zstd, or snappy (Parquet only)",
        set: |c, i| store(&mut c.run.handlers.export.compression, word(i)),
        show: |c| Some(text(&c.run.handlers.export.compression)),
    },
    Setting {
        key: "export.name",
        allowed: "text with {number}, and optionally {series} and {run}, such as {series}-{run}-{number}",
        set: |c, i| {
            let name = i.text()?.parse().map_err(|error: kreplay_handlers::NameError| error.to_string());
            store(&mut c.run.handlers.export.name, name)
        },
        show: |c| Some(text(&c.run.handlers.export.name)),
    },
    Setting {
        key: "export.series",
        allowed: "shared, worker or topic",
        set: |c, i| store(&mut c.run.handlers.export.series, word(i)),
        show: |c| Some(text(&c.run.handlers.export.series)),
    },
    Setting {
        key: "export.columns",
        allowed: "a list of columns [NAME=]PART[:KIND], such as key, team=json.team.id:long",
        set: |c, i| store(&mut c.run.handlers.export.columns, columns(i)),
        show: |c| {
            let columns = c.run.handlers.export.columns.iter();
            Some(Value::Array(columns.map(text).collect()))
        },
    },
    Setting {
        key: "export.sync",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.handlers.export.sync, i.bool()),
        show: |c| Some(Value::from(c.run.handlers.export.sync)),
    },
];
