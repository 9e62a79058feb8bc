//! Planning: resolves a selection to offsets, scans records, and predicts how long a run will take.

mod advice;
mod clocks;
mod forecast;
pub mod held_back;
mod making;
mod model;
mod prediction;
mod range;
mod remaining;
mod resolve;
pub mod scan;
mod schedule;
mod selection;

pub use advice::{AdvisedRun, advice};
pub use clocks::{StepBack, TimeWindow, TimestampMonitor};
pub use forecast::forecast;
pub use held_back::HeldBack;
pub use making::{Planner, PlanningError};
pub use model::{CHART_WORKERS, MemoryWindow, Model};
pub use prediction::{Workload, predict};
pub use range::{Override, Range, RangeEnd, RangeStart};
pub use remaining::{LaneBacklog, Pace, PartitionLeft, RunParameters, TimeLeft, WorkLeft, model_of_rest, time_left};
pub use resolve::{Plan, PlanError, PlannedPartition, resolve};
pub use schedule::LaneLoads;
pub use selection::{Scope, Selection, SelectionError, TopicSet};
