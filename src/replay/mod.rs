//! The engine: fetchers feed lanes, workers take batches from lanes, positions advance behind them.

mod assignor;
mod batch_size;
mod board;
mod control;
mod deal;
mod engine;
mod fetch;
mod health;
mod key_groups;
mod lanes;
mod listing;
mod membership;
#[cfg(test)]
mod membership_test;
mod options;
mod partition;
mod position;
mod rate;
mod readers;
mod ready;
mod rebalance;
mod run;
mod session;
mod settings;
mod view;
mod worker;

pub use control::{Command, Control};
pub use options::{Problem, SessionEnd, SessionOptions};
pub use run::{Connection, RunError};
pub use session::Session;
pub use settings::{OnFailure, Retry, Settings};
