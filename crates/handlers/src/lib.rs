//! kreplay's own handlers. Each is a feature; all are enabled by default.
//!
//! | feature | handlers |
//! |---|---|
//! | none | `null`, `simulate`, `ndjson` to a file or standard output |
//! | `exec` | `exec`: child processes |
//! | `files` | `ndjson:DIR/`, `csv`, `parquet`: rotated files |
//! | `http` | `http`: requests to a server |
//! | `projection` | `projection`: SQL read models in SQLite and PostgreSQL |
//! | `topic` | `topic`: republishing to topics |
//!
//! The contract that they implement is [`kreplay_engine::handler`], re-exported here.

mod built_in;
#[cfg(test)]
#[cfg(feature = "projection")]
mod dry_run_test;
#[cfg(feature = "exec")]
mod exec;
mod failure;
mod file_format;
#[cfg(feature = "files")]
mod files;
#[cfg(feature = "http")]
mod http;
mod ndjson;
#[cfg(feature = "projection")]
mod projection;
mod settings;
mod setup;
mod simulate;
mod spec;
#[cfg(feature = "topic")]
mod topic;
#[cfg(any(feature = "exec", feature = "http"))]
mod verdict;

pub use built_in::{BuiltInHandler, built_in};
#[cfg(feature = "exec")]
pub use exec::ExecSettings;
pub use file_format::FileFormat;
#[cfg(feature = "files")]
pub use files::{
    Column, ColumnError, Compression as FileCompression, ExportSettings, NameError, NamePattern, Series as FileSeries,
};
#[cfg(feature = "http")]
pub use http::{Body, HttpSettings, Method, OnDenied};
pub use kreplay_engine::handler::*;
#[cfg(feature = "projection")]
pub use projection::{Durability, ProjectionSettings, ProjectionTarget, ScratchSchemas};
pub use settings::HandlerSettings;
pub use simulate::is_poison;
pub use spec::{HandlerSpec, Simulate, SpecError, WorkTime, parse_duration, topic_name};
#[cfg(feature = "topic")]
pub use topic::{Compression, Partitioner, TopicKey, TopicSettings};
