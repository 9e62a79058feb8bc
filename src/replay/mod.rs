//! The engine: fetchers feed lanes, workers take batches from lanes, positions advance behind them.

mod assignor;
mod control;
mod key_groups;
mod lanes;
mod position;
mod ready;
mod settings;

pub use control::{Command, Control};
pub use settings::{OnFailure, Retry, Settings};
