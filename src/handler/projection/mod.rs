//! `projection`: SQL read models.
//!
//! A definition says what each record does (`definition`, `statement`), a binder makes values of a record's parts (`bind`,
//! `batch`), a store applies them exactly once (`store`, `applied`; `sqlite`, `postgres`) as long
//! as its positions are those of the log that is read (`belonging`). A projection may be made anew beside the one in use (`shadow`).

mod applied;
mod batch;
mod belonging;
mod bind;
mod builtin;
mod definition;
mod postgres;
mod preview;
mod settings;
mod shadow;
mod source;
mod sqlite;
mod statement;
mod store;
mod target;

pub(super) use source::ProjectionSource;

pub use postgres::ScratchSchemas;
pub use settings::{Durability, ProjectionSettings};
pub use target::Target as ProjectionTarget;
