//! Whether a pooler stands between kreplay and the server.
//!
//! A pooler in transaction mode gives each transaction another connection of its own to the server. Settings of a session,
//! prepared statements and locks that outlive a transaction then end up with somebody else. A server announces its process when
//! a connection begins; a pooler announces something of its own. So the two differ exactly where something stands between.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::{
    Client,
    tls::{ChannelBinding, TlsConnect, TlsStream},
};

/// A request to cancel: its length, its code, the process, a key.
const CANCEL_REQUEST_BYTES: usize = 16;

/// The process that was announced when a connection began. `None` where the client does not say.
pub async fn announced_process(client: &Client) -> Option<i32> {
    // The client shows it nowhere but in a request to cancel, which goes to no server here.
    let mut said = Vec::new();
    client.cancel_token().cancel_query_raw(Listener { said: &mut said }, NoEncryption).await.ok()?;
    let request = said.get(said.len().checked_sub(CANCEL_REQUEST_BYTES)?..)?;
    request[8..12].try_into().ok().map(i32::from_be_bytes)
}

/// Takes everything, and says yes to encryption.
struct Listener<'a> {
    said: &'a mut Vec<u8>,
}

impl AsyncRead for Listener<'_> {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        into.put_slice(&b"S"[..into.remaining().min(1)]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Listener<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().said.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Passes on what it is given.
struct NoEncryption;

impl<'a> TlsConnect<Listener<'a>> for NoEncryption {
    type Stream = Listener<'a>;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Listener<'a>>>;

    fn connect(self, stream: Listener<'a>) -> Self::Future {
        std::future::ready(Ok(stream))
    }
}

impl TlsStream for Listener<'_> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}
