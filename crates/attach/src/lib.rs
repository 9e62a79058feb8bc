//! Attaching a console to running processes.
//!
//! A [`Server`] offers the feed of its process on a Unix socket or on a loopback address. [`Attachment`] connects to
//! one or several of them and emits a feed like that of a session, so that the same views show it. [`merge()`] makes
//! one snapshot of those of several processes.
//!
//! The server reads the latest snapshot when a client can take one. A client that is slow or does not read at all
//! therefore costs the process no more than the memory of one frame.

mod address;
mod attachment;
mod client;
mod error;
mod merge;
mod protocol;
mod server;
mod token;

pub use address::Address;
pub use attachment::{AttachOptions, Attachment};
pub use error::{AttachError, BindError};
pub use merge::{Interleaver, MergedWatch, Part, WatchPart, merge, merge_watches};
pub use server::{GroupSource, RecordReaders, Server, ServerOptions, Serving, SessionSource, Source};
