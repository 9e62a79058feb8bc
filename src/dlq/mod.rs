//! Dead letters, looked at and driven back to where they came from.

mod error;
mod filter;
mod json;
mod letter;
mod list;
mod pace;
mod retry;
mod scan;
mod show;
mod topics;

pub use error::DlqError;
pub use filter::{Place, Wanted};
pub use letter::DeadLetter;
pub use list::{Summary, list};
pub use retry::{Retried, RetryOptions, Warn, retry};
pub use show::show;
pub use topics::{DeadLetterTopics, find};
