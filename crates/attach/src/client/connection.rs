//! One connection to a process.

use std::time::Duration;

use kreplay_model::domain::Secret;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use crate::{
    Address, AttachError,
    protocol::{
        FromClient, FromServer, Hello, MAX_FRAME_BYTES, ProtocolError, Welcome, read, read_preamble, write,
        write_preamble,
    },
};

/// The time that a process has to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The half of a connection that is read.
pub(super) type Reader = Box<dyn AsyncRead + Send + Unpin>;
/// The half of a connection that is written.
pub(super) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// How a client introduces itself.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) token: Option<Secret>,
    pub(crate) control: bool,
}

/// A connection to a process that has accepted the client.
pub(crate) struct Connection {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
    pub(crate) welcome: Welcome,
}

/// Opens a connection.
pub(crate) async fn connect(address: &Address, access: &Access) -> Result<Connection, AttachError> {
    match timeout(CONNECT_TIMEOUT, open(address, access)).await {
        Ok(opened) => opened,
        Err(_) => Err(AttachError::Silent(address.clone())),
    }
}

async fn open(address: &Address, access: &Access) -> Result<Connection, AttachError> {
    let unreachable = |source| AttachError::Unreachable { address: address.clone(), source };
    let (reader, writer): (Reader, Writer) = match address {
        Address::Socket(path) => {
            let (reader, writer) = UnixStream::connect(path).await.map_err(unreachable)?.into_split();
            (Box::new(reader), Box::new(writer))
        }
        Address::Loopback(loopback) => {
            let stream = TcpStream::connect(loopback).await.map_err(unreachable)?;
            stream.set_nodelay(true).map_err(unreachable)?;
            let (reader, writer) = stream.into_split();
            (Box::new(reader), Box::new(writer))
        }
    };
    let failed = |source| AttachError::Protocol { address: address.clone(), source };
    match greet(reader, writer, access).await.map_err(failed)? {
        Ok(connection) => Ok(connection),
        Err(why) => Err(AttachError::Refused { address: address.clone(), why }),
    }
}

/// Exchanges the first messages. The inner error is the reason of a refusal.
async fn greet(
    mut reader: Reader,
    mut writer: Writer,
    access: &Access,
) -> Result<Result<Connection, String>, ProtocolError> {
    // The token is only sent to a process that begins as kreplay does.
    read_preamble(&mut reader).await?;
    let token = access.token.as_ref().map(|token| token.value().to_owned());
    let hello = Hello { program: env!("CARGO_PKG_VERSION").to_owned(), token, control: access.control };
    // A process that refuses without reading may have closed the connection; its reason can still be read.
    let written = match write_preamble(&mut writer).await {
        Ok(()) => write(&mut writer, &FromClient::Hello(hello)).await,
        failed => failed,
    };
    match read(&mut reader, MAX_FRAME_BYTES).await? {
        Some(FromServer::Welcome(welcome)) => written.map(|()| Ok(Connection { reader, writer, welcome })),
        Some(FromServer::Refused(why)) => Ok(Err(why)),
        Some(_) => Err(ProtocolError::Damaged),
        None => Err(ProtocolError::Cut),
    }
}
