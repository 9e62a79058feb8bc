//! Recordings: the feed in a file, from which the same screens can be drawn again.
//!
//! A file is a header, the entries of [`kreplay_model::recording`] and, if recording ended properly, an index. Each
//! entry has a mark, a length and a checksum, so that a file that was cut at any byte can be read up to the last whole
//! entry; its index is rebuilt then. docs/recording.md describes the format.
//!
//! A [`Recorder`] follows the feed in a thread of its own. It reads the latest values, so a slow disk makes frames
//! missing, but never delays what is recorded. A [`Recording`] reads a file.

mod censor;
pub mod export;
#[cfg(test)]
mod file_test;
#[cfg(test)]
mod fixture;
mod header;
mod index;
mod reader;
mod recorder;
mod source;
mod writer;

pub use censor::Censor;
pub use header::{About, OpenError, Version};
pub use reader::Recording;
pub use recorder::{Recorder, Summary};
pub use source::Source;
pub use writer::{CreateError, RecordingWriter, WriteError};

use kreplay_model::domain::framing::Mark;

/// What the entries of a recording begin with.
const ENTRY_MARK: Mark = [0xF1, 0xE7];
/// What the index at the end begins with.
const INDEX_MARK: Mark = [0xF1, 0x1D];
