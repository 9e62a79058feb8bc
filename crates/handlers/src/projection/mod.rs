//! `projection`: SQL read models.
//!
//! A definition has the SQL statements for each record (`definition`, `statement`). A binder determines the values of
//! their parameters (`bind`, `batch`). A store applies the statements exactly once (`store`; `sqlite`,
//! `postgres`), provided that its positions belong to the log that is read (`log_identity`). A projection can be
//! rebuilt beside the one in use (`shadow`).

mod batch;
mod bind;
mod builtin;
mod definition;
mod handlers;
mod log_identity;
mod postgres;
mod preview;
mod settings;
mod shadow;
mod sqlite;
mod statement;
mod store;
mod target;

pub(super) use handlers::ProjectionHandlers;

pub use postgres::ScratchSchemas;
pub use settings::{Durability, ProjectionSettings};
pub use target::ProjectionTarget;
