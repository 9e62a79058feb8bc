//! From what the user asked for to what will be read, and how long that should take.

mod prediction;
mod resolve;
mod selection;

pub use prediction::{Load, predict};
pub use resolve::{Plan, PlanError, PlannedPartition, resolve};
pub use selection::{Selection, SelectionError};
