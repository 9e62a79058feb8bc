//! The engine: fetchers fill lanes, workers take batches from lanes, and positions advance as records are settled.

mod checkpoints;
mod control;
pub(crate) mod dead_letters;
mod engine;
mod group;
mod lanes;
mod limits;
mod options;
pub(crate) mod partition;
mod policy;
mod position_claims;
mod probe;
mod reading;
mod reorder;
mod run;
mod scheduler;
mod session;
mod settings;

pub use checkpoints::JournalOptions;
#[cfg(test)]
pub(crate) use checkpoints::settings_text;
pub use control::{Command, Control, Decision, RecordDecision};
pub use lanes::ready_queue::ReadyQueues;
pub use limits::adaptive::FIRST_WORKERS;
pub use options::{Problem, SessionEnd, SessionOptions};
pub use partition::key_groups::KeyGroups;
pub use probe::Probe;
pub use run::{Connection, assignor::assign, error::RunError};
pub use session::{Session, SessionBuilder, SessionError};
pub use settings::{DeadLetterSettings, OnFailure, OnRetention, Retry, Settings};
