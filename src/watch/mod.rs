//! Watched groups as text: tables, details, lines, CSV; conditions to wait for; and what was before a watch.

mod cell;
mod csv_rows;
mod details;
mod duration;
mod groups;
mod history;
mod line;
mod probe;
mod streams;
mod table;
mod until;

pub use csv_rows::kafka_csv;
pub use details::details;
pub use duration::{duration_text, parse_duration, parse_history};
pub use groups::{attention, overview, type_table};
pub use history::{HistoryRequest, read_histories};
pub use line::{event_line, summary_line};
pub use probe::RecordCounter;
pub use until::{Until, Wait};
