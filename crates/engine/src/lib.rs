//! kreplay's engine: replays Kafka topics in parallel and keeps the order of each key.
//!
//! Data flows one way: a selection becomes a [`plan`], a plan becomes a run ([`replay`]), and a run emits a [`feed`] of
//! snapshots and events. [`replay::Session::builder`] starts a run in a few lines; [`handler`] is what a program
//! implements.
//!
//! ```no_run
//! use kreplay_engine::{handler::RecordRef, kafka::KafkaConfig, replay::Session};
//!
//! let run = Session::builder(KafkaConfig::new("localhost:9092"))
//!     .topics(["orders"])
//!     .concurrency(16)
//!     .handler_fn(|record: RecordRef<'_>| {
//!         println!("{}-{} at {}", record.topic(), record.partition(), record.offset());
//!         Ok::<(), std::io::Error>(())
//!     })
//!     .run()?;
//! println!("{} records handled", run.totals.handled);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | feature | adds |
//! |---|---|
//! | `tls` | certificates of TLS clients; part of `registry` |
//! | `registry` (default) | values in Avro, Protobuf and JSON Schema, decoded with a schema registry over HTTP |

pub mod decode;
pub mod handler;
pub mod inspect;
pub mod journal;
pub mod plan;
pub mod replay;
pub mod rules;
pub mod schedule;
pub mod settings;
pub mod time_counts;
#[cfg(feature = "tls")]
pub mod tls;

pub use kreplay_kafka as kafka;
pub use kreplay_model::{domain, feed};
