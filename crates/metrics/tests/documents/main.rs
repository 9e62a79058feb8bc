//! What docs/metrics.md and docs/monitoring say about metrics is what is exported.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod expressions;
mod promtool;
mod tables;

use std::path::{Path, PathBuf};

/// A file of the documents.
fn document(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(document(path)).unwrap()
}
