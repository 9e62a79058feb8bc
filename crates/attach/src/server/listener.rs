//! Sockets of both kinds.

use std::{io, net::TcpListener, os::unix::net::UnixListener};

use tokio::io::{AsyncRead, AsyncWrite};

use super::socket_file::SocketFile;
use crate::{Address, BindError};

/// The half of a connection that is read.
pub(super) type Reader = Box<dyn AsyncRead + Send + Unpin>;
/// The half of a connection that is written.
pub(super) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

#[derive(Debug)]
enum Socket {
    Unix(UnixListener, SocketFile),
    Tcp(TcpListener),
}

/// A socket that listens, without a runtime.
#[derive(Debug)]
pub(super) struct BoundListener {
    socket: Socket,
    address: Address,
}

impl BoundListener {
    pub(super) fn bind(address: &Address) -> Result<Self, BindError> {
        let system = |source| BindError::System { address: address.clone(), source };
        match address {
            Address::Socket(path) => {
                let (listener, file) = SocketFile::bind(path)?;
                listener.set_nonblocking(true).map_err(system)?;
                Ok(Self { socket: Socket::Unix(listener, file), address: address.clone() })
            }
            Address::Loopback(loopback) => {
                let listener = TcpListener::bind(loopback).map_err(system)?;
                listener.set_nonblocking(true).map_err(system)?;
                let chosen = listener.local_addr().map_err(system)?;
                Ok(Self { socket: Socket::Tcp(listener), address: Address::Loopback(chosen) })
            }
        }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Registers the socket with the current runtime.
    pub(super) fn into_async(self) -> io::Result<Listener> {
        Ok(match self.socket {
            Socket::Unix(listener, file) => Listener::Unix(tokio::net::UnixListener::from_std(listener)?, file),
            Socket::Tcp(listener) => Listener::Tcp(tokio::net::TcpListener::from_std(listener)?),
        })
    }
}

/// A socket that accepts connections.
pub(super) enum Listener {
    Unix(tokio::net::UnixListener, SocketFile),
    Tcp(tokio::net::TcpListener),
}

impl Listener {
    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<(Reader, Writer)> {
        match self {
            Self::Unix(listener, file) => loop {
                let (stream, _) = listener.accept().await?;
                if stream.peer_cred().is_ok_and(|peer| file.allows(peer.uid())) {
                    let (reader, writer) = stream.into_split();
                    return Ok((Box::new(reader), Box::new(writer)));
                }
            },
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let (reader, writer) = stream.into_split();
                Ok((Box::new(reader), Box::new(writer)))
            }
        }
    }
}
