//! Tests against a real Kafka broker. All modules share one broker, because starting it takes seconds.
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

use kreplay_testkit as support;

mod attach;
mod audit;
mod bench;
mod chaos;
mod charges;
mod commit_metadata;
mod compare;
mod create_topics;
mod dead_letters;
mod decode;
mod digest;
mod dry_run;
mod earlier_versions;
mod exec;
mod export;
mod filter_warnings;
mod filters;
mod fixtures;
mod follow;
mod group_processes;
mod groups;
mod http;
mod inspect;
mod kafka_tools;
mod key_order;
mod lag;
mod lag_guard;
mod leftover_groups;
mod log_gaps;
mod log_identity;
mod metrics;
mod migrate;
mod number_precision;
mod outage;
mod planning;
mod projection_pooler;
mod projection_postgres;
mod projection_rows;
mod projection_sqlite;
mod quarantine;
mod ranges;
mod rebalance;
mod record_contents;
mod recreated_topics;
mod refusals;
mod refused_records;
mod republish;
mod resume;
mod retention;
mod shadow;
mod slow_members;
mod smoke;
mod target_positions;
mod terminal;
mod tiers;
mod time_counts;
mod time_left;
mod time_order;
mod transactions;
mod watch;
mod wire;
