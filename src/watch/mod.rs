//! Watched groups as text: tables, details, lines, CSV; and conditions to wait for.

mod cell;
mod csv_rows;
mod details;
mod duration;
mod groups;
mod line;
mod table;
mod until;

pub use csv_rows::kafka_csv;
pub use details::details;
pub use duration::parse_duration;
pub use groups::{overview, type_table};
pub use line::{event_line, summary_line};
pub use until::{Until, Wait};
