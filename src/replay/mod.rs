//! The engine: fetchers feed lanes, workers take batches from lanes, positions advance behind them.

mod board;
mod control;
pub(crate) mod dead_letters;
mod engine;
mod group;
mod journalling;
mod lanes;
mod limits;
mod options;
mod order;
pub(crate) mod partition;
mod policy;
mod probe;
mod reading;
mod run;
mod session;
mod settings;
mod target;

pub use control::{Command, Control, Decision, RecordDecision};
pub use journalling::JournalOptions;
#[cfg(test)]
pub(crate) use journalling::settings_text;
pub use lanes::ready::ReadyQueues;
pub use limits::adaptive::FIRST_WORKERS;
pub use options::{Problem, SessionEnd, SessionOptions};
pub use partition::key_groups::KeyGroups;
pub use probe::Probe;
pub use run::{Connection, assignor::assign, error::RunError};
pub use session::Session;
pub use settings::{DeadLetterSettings, OnFailure, OnRetention, Retry, Settings};
