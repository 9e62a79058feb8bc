//! The filter language of all tables.
//!
//! A filter is a sequence of terms. All terms must hold; terms with `|` between them are alternatives, of which one
//! must hold. `|` binds more tightly than the space, as in fzf: `orders lag>1k|state:failed` shows rows with `orders`
//! that have a large lag or have failed.
//!
//! ```text
//! filter  = { clause }
//! clause  = term { "|" term }
//! term    = [ "!" ] ( word | test )
//! test    = column ( ":" | "=" | "!=" | ">" | ">=" | "<" | "<=" ) word
//! word    = characters other than space and "|", or text in double quotes, with \" and \\ in it
//! ```

mod error;
mod evaluate;
#[cfg(test)]
mod filter_test;
mod input;
mod parse;
mod quantity;
mod syntax;

pub use error::{FilterError, FilterProblem};
pub use input::FilterInput;
pub use parse::FieldName;
pub use syntax::Filter;
