//! Migrating old topics into new ones: plan, copy, verify, carry the groups' offsets over.

pub mod copy;
pub mod cuts;
pub mod error;
pub mod ledger;
mod migration;
pub mod read;
pub mod routes;
pub mod stops;
pub mod survey;
pub mod translate;
pub mod verify;

pub use error::MigrateError;
pub use migration::{Carry, Group, MigrateOptions, Migration, Tell};
