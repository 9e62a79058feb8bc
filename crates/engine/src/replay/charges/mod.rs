//! What the time of the workers is spent on, to the nanosecond.
//!
//! Each worker thread has a ledger. It is charged whenever the worker changes its state, with times that are measured
//! anyway where possible.

mod idle;
mod ledger;
mod shared_ledger;
mod worker_ledgers;

pub use idle::{IdleFacts, ReadingFacts, idle_charge};
pub use ledger::Ledger;
pub use shared_ledger::SharedLedger;
pub use worker_ledgers::WorkerLedgers;
