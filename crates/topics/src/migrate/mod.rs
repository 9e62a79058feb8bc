//! Migrates old topics into new ones: plans, copies, verifies, and carries over the groups' offsets.

mod carry_offsets;
pub mod copy;
pub mod error;
mod execute;
mod fit;
pub mod key_digests;
mod migration;
mod new_partitions;
mod plan;
pub mod preflight;
pub mod read;
pub mod routes;
pub mod sync_point_log;
pub mod sync_points;
mod text;
mod transaction;
pub mod translate;
pub mod verify;
mod view;
mod written_ends;

pub use carry_offsets::{Carried, CarryState, NewOffset};
pub use error::MigrateError;
pub use execute::MigrationReport;
pub use migration::{Carry, Group, MigrateOptions, Migration, ProgressListener};
pub use view::{MigrationPlan, NewTopic, Order, OtherOptions, PlannedGroup, Progress, Unevenness};
