//! From what the user asked for to what will be read, and how long that should take.

mod clocks;
mod forecast;
pub mod held_back;
mod making;
mod model;
mod prediction;
mod range;
mod remaining;
mod resolve;
mod rules;
pub mod scan;
mod schedule;
mod selection;

pub use clocks::{Clocks, StepBack, Window};
pub use forecast::{PlanOptions, forecast};
pub use held_back::HeldBack;
pub use making::{Planner, PlanningError};
pub use model::{Model, Stretch, WORKERS};
pub use prediction::{Load, predict};
pub use range::{From, Override, Range, To};
pub use remaining::{LaneBacklog, Pace, PartitionLeft, Terms, WorkLeft, time_left};
pub use resolve::{Plan, PlanError, PlannedPartition, resolve};
pub use rules::{
    Examined, Field, Fields, Filter, Glob, HeaderIs, JsonIs, JsonPath, KeyList, KeyTemplate, OnUnjudged, Rule, Rules,
};
pub use schedule::LaneLoads;
pub use selection::{Scope, Selection, SelectionError, TopicSet};
