//! `kreplay bench`: compares consumer tiers, concurrency, handlers and fixed workloads.
//!
//! Each measurement is a run of the regular engine in a separate process, so that its memory and processor time include
//! neither the broker nor earlier measurements. Rounds are interleaved, so that other load on the machine affects all
//! cases alike. No measurement passes or fails by its time.

mod case;
mod chart;
mod child;
mod error;
mod figures;
mod job;
mod measure;
mod processors;
mod report;
mod setup;
mod table;

pub use case::{BenchOptions, Case, PRODUCER, Section, Store, Target, handlers, plan, workload_topics, workloads};
pub use child::{run_as_child, run_in_child};
pub use error::BenchError;
pub use figures::Spread;
pub use job::{Job, JobError, Measurement, PausedCost, Resource};
pub use measure::{Round, Rounds, measure};
pub use report::{BenchReport, CaseReport, LatencySpread, SCHEMA, Setting};
pub use setup::{BenchSetup, RECORD_BYTES, Shape};
