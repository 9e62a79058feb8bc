//! The engine: fetchers feed lanes, workers take batches from lanes, positions advance behind them.

mod assignor;
mod batch_size;
mod board;
mod control;
mod engine;
mod fetch;
mod key_groups;
mod lanes;
mod partition;
mod position;
mod ready;
mod settings;
mod worker;

pub use control::{Command, Control};
pub use settings::{OnFailure, Retry, Settings};
