//! Against a real Kafka broker, which all modules share: its start takes seconds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::similar_names,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "this is test code: a panic with a clear sentence is how it fails a test, and counts are small"
)]

#[path = "../support/mod.rs"]
mod support;

mod bench;
mod chaos;
mod commit_notes;
mod compared;
mod contents;
mod cut;
mod dead_letters;
mod decode;
mod digest;
mod digits;
mod exec;
mod export;
mod fenced;
mod filters;
mod follow;
mod guard;
mod holes;
mod http;
mod judged;
mod kept;
mod lag;
mod ledger;
mod lines;
mod migrate;
mod order;
mod orders;
mod other_log;
mod outage;
mod own_groups;
mod planning;
mod poison;
mod poison_handler;
mod processes;
mod projection_pooler;
mod projection_postgres;
mod projection_rows;
mod projection_sqlite;
mod ranges;
mod rebalance;
mod recorder;
mod recreated;
mod refusal;
mod refused_records;
mod rehearsal;
mod republish;
mod resume;
mod retention;
mod second;
mod sessions;
mod shadow;
mod small_disk;
mod smoke;
mod terminal;
mod tiers;
mod time_order;
mod tools;
mod topics;
mod transactions;
