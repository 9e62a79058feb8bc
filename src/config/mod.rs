//! The typed configuration, merged from a file, the environment and the command line; later sources take precedence.
//!
//! All problems are reported together, each with its source, its key and the allowed values. Secrets are masked in
//! everything that can be printed.

mod alerts;
mod bytes;
mod catalog;
mod codec;
mod decode;
mod entries;
mod environment;
mod export;
mod file;
mod input;
mod journal;
mod keys;
mod kind;
mod limits;
mod list;
mod merge;
mod model;
mod named_tables;
mod notify;
mod problem;
mod property;
mod reference;
mod request;
mod schema;
mod scope;
mod secrets;
mod selection;
mod show;
mod value;

pub use alerts::AlertsSection;
pub use environment::Environment;
pub use input::Assignment;
pub use journal::ResumedSettings;
pub(crate) use list::{split as split_list, without_duplicates};
pub use merge::{LoadedKeymap, Overrides};
pub use model::{
    ClientChoice, Config, ConsoleSection, DemoSection, JournalSection, KafkaSection, ProtocolChoice, RecordingSection,
    RunSection, TopicsSection, WatchSection,
};
pub use notify::NotifySection;
pub use problem::{ConfigError, Origin, Problem};
pub use property::Properties;
pub use request::{OtherFlags, RunTable, floor};
pub use schema::schema;
