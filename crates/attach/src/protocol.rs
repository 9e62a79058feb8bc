//! What goes over a connection.
//!
//! Both sides begin with a preamble: a magic number and the version of the protocol. Messages follow: a length, a kind,
//! and a body. The stream is reliable, so messages have no checksum; the parts of frames have one of their own.
//!
//! The client introduces itself with [`Hello`], and the server answers with [`Welcome`] or with a refusal. After that
//! the server sends frames and probes, and the client answers each probe. The memory for a message grows with the bytes
//! that arrive, up to a maximum, whatever length it announces.

mod message;
#[cfg(test)]
mod protocol_test;
mod transfer;

pub(crate) use message::{FromClient, FromServer, Hello, ListedJournals, RemoteCommand, Welcome};
pub use transfer::ProtocolError;
pub(crate) use transfer::{read, read_preamble, write, write_preamble};

/// What a connection begins with, before the version.
pub(crate) const MAGIC: [u8; 8] = *b"kreplay\n";
/// The version of the protocol. It changes when a program of the version before could not read the messages.
pub(crate) const VERSION: u16 = 1;

/// The maximum size of the first message of a client, in bytes: until then, a server does not know who it is.
pub(crate) const MAX_HELLO_BYTES: usize = 8 << 10;
/// The maximum size of a command in bytes: the names of many thousand topics.
pub(crate) const MAX_COMMAND_BYTES: usize = 1 << 20;
/// The maximum size of a frame in bytes. That of 10,000 partitions has about a hundredth of it.
pub(crate) const MAX_FRAME_BYTES: usize = 64 << 20;
