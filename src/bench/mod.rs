//! `kreplay bench`: consumer tiers and concurrency side by side on one topic, and the workloads that kreplay is held to.
//!
//! Each measurement is a run of the ordinary engine in a process of its own, so that neither the broker nor an earlier
//! measurement is in its memory and processor time. Rounds are interleaved: what else the machine does meanwhile falls on all
//! cases alike. Nothing passes or fails by its time.

mod case;
mod chart;
mod child;
mod error;
mod figures;
mod job;
mod measure;
mod processors;
mod report;
mod stage;
mod table;

pub use case::{Case, PRODUCER, Section, Store, Target, Wishes, handlers, plan, workload_topics, workloads};
pub use child::{answer, ask};
pub use error::BenchError;
pub use figures::Spread;
pub use job::{Found, Job, JobError, Resource};
pub use measure::{Round, Rounds, measure};
pub use report::{BenchReport, CaseReport, LatencySpread, SCHEMA, Setting};
pub use stage::{RECORD_BYTES, Shape, Stage};
