//! Migrating old topics into new ones: plan, copy, verify, carry the groups' offsets over.

mod carry;
pub mod copy;
pub mod cuts;
pub mod error;
mod execute;
mod fit;
pub mod ledger;
mod migration;
mod plan;
pub mod read;
pub mod routes;
pub mod stops;
pub mod survey;
mod text;
pub mod translate;
pub mod verify;
mod view;

pub use carry::{Carried, CarryState, NewOffset};
pub use error::MigrateError;
pub use execute::MigrationReport;
pub use migration::{Carry, Group, MigrateOptions, Migration, Tell};
pub use view::{MigrationPlan, NewTopic, Order, OtherOptions, PlannedGroup, Progress, Unevenness};
