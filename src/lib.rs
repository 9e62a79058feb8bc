//! kreplay replays Kafka topics in parallel and shows the progress of each partition.
//!
//! Data flows one way: a selection becomes a [`plan`], a plan becomes a run ([`replay`]), and a run emits a [`feed`].
//! Every view (the [`console`], the headless progress, the reports) reads only that feed.

pub mod bench;
pub mod cli;
pub mod config;
pub mod console;
pub mod decode;
pub mod demo;
pub mod dlq;
pub mod domain;
pub mod feed;
pub mod handler;
pub mod journal;
pub mod kafka;
pub mod plan;
pub mod replay;
pub mod topics;
