//! Detects a pooler between kreplay and the server.
//!
//! A pooler in transaction mode may use another server connection for each transaction. Session settings, prepared
//! statements and locks that outlive a transaction would then affect other clients. A server announces its process id
//! when a connection is opened; a pooler announces another number. So the announced id differs from `pg_backend_pid()`
//! only behind a pooler.

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

/// The length of a cancel request: its length, its code, the process id, and a key, with four bytes each.
const CANCEL_REQUEST_BYTES: usize = 16;

/// The process id that was announced when the connection was opened; `None` if the client does not reveal it.
pub async fn announced_pid(client: &Client) -> Option<i32> {
    // The client exposes the id only in a cancel request. Here the request is captured instead of being sent to a
    // server.
    let mut captured = Vec::new();
    client.cancel_token().cancel_query_raw(CaptureStream { captured: &mut captured }, NoEncryption).await.ok()?;
    let request = captured.get(captured.len().checked_sub(CANCEL_REQUEST_BYTES)?..)?;
    request[8..12].try_into().ok().map(i32::from_be_bytes)
}

/// Captures everything that is written, and answers `S` (encryption accepted) to every read.
struct CaptureStream<'a> {
    captured: &'a mut Vec<u8>,
}

impl AsyncRead for CaptureStream<'_> {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        into.put_slice(&b"S"[..into.remaining().min(1)]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for CaptureStream<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().captured.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Uses the stream without encryption.
struct NoEncryption;

impl<'a> TlsConnect<CaptureStream<'a>> for NoEncryption {
    type Stream = CaptureStream<'a>;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<CaptureStream<'a>>>;

    fn connect(self, stream: CaptureStream<'a>) -> Self::Future {
        std::future::ready(Ok(stream))
    }
}

impl TlsStream for CaptureStream<'_> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}
