//! The real binary, as a user has it: in a terminal, without one, and with everything that can be said wrongly. The
//! demo's own broker is enough for it; no Kafka is needed.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail by panicking, in its helpers too"
)]

#[path = "../support/mod.rs"]
mod support;

mod bench;
mod console;
mod failures;
mod ndjson;
mod projection;
mod readme;
mod report;
mod signals;
mod usage;

use std::time::Duration;

use support::process::{Finished, Program};

/// Everything here takes a second or a few; with other tests beside it, longer.
const DEADLINE: Duration = Duration::from_secs(180);

/// `kreplay demo --headless` with these arguments, in a folder that holds no configuration.
fn demo(args: &[&str]) -> Program {
    Program::kreplay().args(["demo", "--headless"]).args(args).deadline(DEADLINE)
}

/// The report of a run that has ended.
fn report(finished: &Finished) -> serde_json::Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}
