//! Dead letters: listing, showing, and sending back to their source topics.

mod error;
mod filter;
pub(crate) mod json;
mod letter;
mod list;
mod pace;
mod retry;
mod scan;
mod show;
mod topics;

pub use error::DlqError;
pub use filter::{LetterFilter, LetterPosition};
pub use letter::DeadLetter;
pub use list::{Summary, list};
pub use retry::{RetryOptions, RetryResult, Warn, retry};
pub use show::show;
pub use topics::{DeadLetterTopics, find};
