//! What can fail.

use std::io;

use crate::{Address, protocol::ProtocolError};

/// Why a process cannot serve its feed.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A loopback address needs a token, because any user on the machine can connect to it.
    #[error(
        "any user on this machine can connect to {0}; set a token with --serve-token-file FILE or KREPLAY_SERVE_TOKEN, \
         or serve on a Unix socket"
    )]
    NoToken(Address),
    /// Another process serves there.
    #[error("cannot serve on {0}: another process is already listening there; choose another path with --serve")]
    InUse(Address),
    /// There is a file that is not a socket.
    #[error("cannot serve on {0}: the file exists and is not a socket; choose another path with --serve")]
    NotASocket(Address),
    /// The system refuses the address.
    #[error("cannot serve on {address}: {source}; choose another address with --serve")]
    System {
        /// The address.
        address: Address,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// Why no feed is received from a process.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// No connection can be opened.
    #[error("no process is listening on {address}: {source}")]
    Unreachable {
        /// The address.
        address: Address,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Two addresses are those of the same process.
    #[error("{0} is given twice")]
    Twice(Address),
    /// The process does not answer in time.
    #[error("the process on {0} does not answer")]
    Silent(Address),
    /// The process refuses the console.
    #[error("the process on {address} refused the console: {why}")]
    Refused {
        /// The address.
        address: Address,
        /// Why, as the process says. External data: views must escape it.
        why: String,
    },
    /// The process does not follow the protocol, or follows another version of it.
    #[error("{address}: {source}")]
    Protocol {
        /// The address.
        address: Address,
        /// What is wrong.
        source: ProtocolError,
    },
    /// A thread cannot be started.
    #[error("cannot attach: {0}")]
    Start(#[source] io::Error),
}
