//! Tables: columns as values, sort order, filter, selection by identity, and export.
//!
//! A type of row describes its table ([`TableRow`]). [`TableState`] is what the user did with it. `arrange` filters and
//! sorts; it evaluates only the columns that the filter and the order need. `widget::table` draws the visible rows.

mod arrange;
mod cell;
mod column;
pub mod export;
pub mod filter;
mod state;
#[cfg(test)]
pub(crate) mod test_row;
mod value;
mod width;

pub use arrange::{Arranged, arrange, arrange_among};
pub use cell::Cell;
pub(crate) use cell::Content;
pub use column::{Column, Field, TableRow, field_names};
pub use state::{Sort, TableState};
pub use value::{Kind, Value};
pub use width::Width;
