//! The engine: fetchers feed lanes, workers take batches from lanes, positions advance behind them.

mod control;
mod settings;

pub use control::{Command, Control};
pub use settings::{OnFailure, Retry, Settings};
