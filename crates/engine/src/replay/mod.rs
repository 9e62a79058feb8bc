//! The engine: fetchers fill lanes, workers take batches from lanes, and positions advance as records are settled.

mod background_task;
mod charges;
mod checkpoints;
mod dead_letters;
mod engine;
mod failure_policy;
mod group;
mod lag_guard;
mod lanes;
mod limits;
mod options;
mod partition;
mod position_claims;
mod probe;
mod reading;
mod reorder;
mod run;
mod scheduler;
mod session;
mod shown_key;
#[cfg(test)]
mod simulation;
mod stop_token;

pub use checkpoints::JournalOptions;
pub use checkpoints::settings_text;
pub use dead_letters::header_names as dead_letter_headers;
pub use kreplay_model::control::{Command, Control, Decision, RecordDecision};
pub use limits::adaptive::FIRST_WORKERS;
pub use options::{Problem, RequestReader, RequestedRun, SessionEnd, SessionOptions};
pub use partition::{CommitNote, HandledOffsets, position::Position};
pub use run::{Connection, error::RunError, scope_check::check_scope};
pub use session::{Session, SessionBuilder, SessionError};
