//! The engine: fetchers feed lanes, workers take batches from lanes, positions advance behind them.

mod adaptive;
#[cfg(test)]
mod adaptive_test;
mod assignor;
mod barrier;
#[cfg(test)]
mod barrier_test;
mod batch_size;
mod board;
#[cfg(test)]
mod board_test;
mod checkpoint;
mod control;
mod dead_letter_topics;
mod dead_letters;
mod deal;
mod discovery;
mod ending;
mod engine;
#[cfg(test)]
mod engine_checks;
#[cfg(test)]
mod engine_fixture;
#[cfg(test)]
mod engine_sim;
#[cfg(test)]
mod engine_test;
mod failures;
mod fetch;
mod guard;
mod guarding;
pub(crate) mod handled;
mod health;
mod journalling;
mod judge;
mod key_groups;
mod lanes;
#[cfg(test)]
mod lanes_model;
#[cfg(test)]
mod lanes_test;
pub(crate) mod letter;
mod limiter;
mod listing;
mod membership;
#[cfg(test)]
mod membership_test;
mod options;
mod partition;
mod planning;
mod policy;
pub(crate) mod position;
mod probe;
mod quarantine;
#[cfg(test)]
mod quarantine_engine_test;
#[cfg(test)]
mod quarantine_test;
mod rate;
mod readers;
mod ready;
mod rebalance;
mod recorder;
#[cfg(test)]
mod resume_test;
mod retention;
mod run;
mod session;
mod settings;
#[cfg(test)]
mod sharing_test;
mod silence;
mod staging;
#[cfg(test)]
mod staging_test;
#[cfg(test)]
mod stress_test;
mod time_order;
mod tuner;
mod view;
mod worker;
mod young;

pub use adaptive::FIRST_WORKERS;
pub use assignor::assign;
pub use control::{Command, Control, Decision};
pub use journalling::JournalOptions;
pub use key_groups::KeyGroups;
pub use options::{Problem, SessionEnd, SessionOptions};
pub use probe::Probe;
pub use ready::ReadyQueues;
pub use run::{Connection, RunError};
pub use session::Session;
pub use settings::{DeadLetterSettings, OnFailure, OnRetention, Retry, Settings};
