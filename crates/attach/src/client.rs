//! The client of one process.

mod connection;
mod follow;

pub(crate) use connection::{Access, Connection, connect};
pub(crate) use follow::{Link, Update, follow};
