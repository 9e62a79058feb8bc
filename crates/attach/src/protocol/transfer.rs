//! Messages over a stream.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{MAGIC, MAX_FRAME_BYTES, VERSION, message::Message};

/// What is wrong with a connection.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Connection(#[from] io::Error),
    /// The other side does not begin as kreplay does.
    #[error("the other side is not kreplay")]
    NotKreplay,
    /// The other side follows another version of the protocol.
    #[error(
        "the other side uses protocol version {theirs}, but this kreplay uses version {VERSION}; use the same release \
         of kreplay on both sides"
    )]
    Version {
        /// The version of the other side.
        theirs: u16,
    },
    /// A message is longer than any message of this kind.
    #[error("a message of {bytes} bytes is longer than the maximum of {max}")]
    TooLong {
        /// The announced length.
        bytes: usize,
        /// The maximum.
        max: usize,
    },
    /// The connection ended within a message.
    #[error("the connection was closed in the middle of a message")]
    Cut,
    /// A message cannot be read.
    #[error("a message is corrupt")]
    Damaged,
}

/// The length of a message is that of its kind and its body.
const LENGTH_BYTES: usize = 4;

/// Begins a connection.
pub(crate) async fn write_preamble(stream: &mut (impl AsyncWrite + Unpin)) -> Result<(), ProtocolError> {
    stream.write_all(&MAGIC).await?;
    stream.write_all(&VERSION.to_le_bytes()).await?;
    Ok(stream.flush().await?)
}

/// Reads how the other side begins.
pub(crate) async fn read_preamble(stream: &mut (impl AsyncRead + Unpin)) -> Result<(), ProtocolError> {
    let mut magic = [0; MAGIC.len()];
    read_exactly(stream, &mut magic).await?;
    if magic != MAGIC {
        return Err(ProtocolError::NotKreplay);
    }
    let mut version = [0; 2];
    read_exactly(stream, &mut version).await?;
    match u16::from_le_bytes(version) {
        VERSION => Ok(()),
        theirs => Err(ProtocolError::Version { theirs }),
    }
}

async fn read_exactly(stream: &mut (impl AsyncRead + Unpin), bytes: &mut [u8]) -> Result<(), ProtocolError> {
    match stream.read_exact(bytes).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(ProtocolError::Cut),
        Err(error) => Err(error.into()),
    }
}

/// The bytes of a message.
///
/// # Errors
/// [`ProtocolError::TooLong`]; [`ProtocolError::Damaged`] if it cannot be written as JSON.
pub(super) fn encode(message: &impl Message) -> Result<Vec<u8>, ProtocolError> {
    let mut bytes = vec![0; LENGTH_BYTES];
    bytes.push(message.kind());
    message.append_body(&mut bytes).map_err(|_| ProtocolError::Damaged)?;
    let length = bytes.len() - LENGTH_BYTES;
    let too_long = ProtocolError::TooLong { bytes: length, max: MAX_FRAME_BYTES };
    let prefix = u32::try_from(length).ok().filter(|_| length <= MAX_FRAME_BYTES).ok_or(too_long)?;
    bytes[..LENGTH_BYTES].copy_from_slice(&prefix.to_le_bytes());
    Ok(bytes)
}

/// Writes a message.
pub(crate) async fn write(stream: &mut (impl AsyncWrite + Unpin), message: &impl Message) -> Result<(), ProtocolError> {
    stream.write_all(&encode(message)?).await?;
    Ok(stream.flush().await?)
}

/// Reads a message of at most `max_bytes`; `None` if the connection ends before it. It must not be cancelled if other
/// messages are read afterwards.
pub(crate) async fn read<M: Message>(
    stream: &mut (impl AsyncRead + Unpin),
    max_bytes: usize,
) -> Result<Option<M>, ProtocolError> {
    let mut prefix = [0; LENGTH_BYTES];
    match stream.read(&mut prefix[..1]).await? {
        0 => return Ok(None),
        _ => read_exactly(stream, &mut prefix[1..]).await?,
    }
    let length = u32::from_le_bytes(prefix);
    let bytes = usize::try_from(length).unwrap_or(usize::MAX);
    if bytes > max_bytes {
        return Err(ProtocolError::TooLong { bytes, max: max_bytes });
    }
    let mut message = Vec::new();
    stream.take(u64::from(length)).read_to_end(&mut message).await?;
    if message.len() < bytes {
        return Err(ProtocolError::Cut);
    }
    let (kind, body) = message.split_first().ok_or(ProtocolError::Damaged)?;
    M::parse(*kind, body).map(Some).ok_or(ProtocolError::Damaged)
}
