//! The real binary, with and without a terminal, with valid and invalid arguments. It uses the demo's embedded broker,
//! so no Kafka is needed.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail by panicking, in its helpers too"
)]

use kreplay_testkit as support;

mod alerts;
mod announcements;
mod attach;
mod bench;
mod console;
mod failures;
mod flows;
mod inspect;
mod launch_form;
mod metrics;
mod ndjson;
mod plain;
mod projection;
mod readme;
mod recording;
mod report;
mod signals;
mod usage;

use support::process::{Finished, Program};
use support::timeouts::RUN_TIMEOUT;

/// `kreplay demo --headless` with these arguments, in a folder without configuration.
fn demo(args: &[&str]) -> Program {
    Program::kreplay().args(["demo", "--headless"]).args(args).timeout(RUN_TIMEOUT)
}

/// The report of a finished run.
fn report(finished: &Finished) -> serde_json::Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}
