//! Follows a process: receives its frames, and connects again when the connection is lost.

use std::{convert::Infallible, time::Duration};

use kreplay_model::{
    inspect::Inspection,
    recording::{DecodeError, Decoder, Frame},
};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use super::connection::{Access, Connection, Reader, Writer, connect};
use crate::{
    Address,
    protocol::{
        FromClient, FromServer, ListedJournals, MAX_FRAME_BYTES, ProtocolError, RemoteCommand, Welcome, read, write,
    },
};

/// The time after which a process that says nothing is taken for lost. It sends a probe every 5 seconds.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(15);
/// The pause before the first attempt to connect again, and the longest one.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// What a client says about its process.
#[derive(Debug)]
pub(crate) enum Update {
    /// It is connected.
    Connected(Welcome),
    /// The feed has changed.
    Frame(Box<Frame>),
    /// A command was refused.
    CommandRefused(String),
    /// The answer to a command to read a record.
    Inspected(Box<Inspection>),
    /// The answer to a command to list runs.
    Journals(Box<ListedJournals>),
    /// The connection is lost, and why. It is being opened again.
    Lost(String),
    /// The process ends. This is the last update.
    Ended,
}

/// Why a connection has ended.
enum End {
    /// The process ends.
    Process,
    /// The connection is lost.
    Lost(String),
    /// The console has closed.
    Console,
}

/// The process and where its updates go.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) address: Address,
    pub(crate) access: Access,
    /// The number of the process, which each update carries.
    pub(crate) number: usize,
    pub(crate) updates: mpsc::Sender<(usize, Update)>,
    pub(crate) commands: mpsc::Receiver<RemoteCommand>,
}

impl Link {
    /// Returns false if the console has closed.
    async fn say(&self, update: Update) -> bool {
        self.updates.send((self.number, update)).await.is_ok()
    }
}

/// Follows a process until it ends or the console closes. `first` is a connection that is open already.
pub(crate) async fn follow(first: Option<Connection>, mut link: Link) {
    let mut next = first;
    let mut pause = BACKOFF.0;
    loop {
        let why = match next.take() {
            Some(connection) => {
                pause = BACKOFF.0;
                match receive(connection, &mut link).await {
                    End::Lost(why) => why,
                    End::Process => {
                        link.say(Update::Ended).await;
                        return;
                    }
                    End::Console => return,
                }
            }
            None => match connect(&link.address, &link.access).await {
                Ok(connection) => {
                    // A command that was given while there was no connection must not be executed now. Those given
                    // after `first` was opened wait for it.
                    while link.commands.try_recv().is_ok() {}
                    next = Some(connection);
                    continue;
                }
                Err(error) => error.to_string(),
            },
        };
        if !link.say(Update::Lost(why)).await {
            return;
        }
        sleep(pause).await;
        pause = (pause * 2).min(BACKOFF.1);
    }
}

/// Receives frames until the connection ends.
async fn receive(connection: Connection, link: &mut Link) -> End {
    let Connection { reader, writer, welcome } = connection;
    if !link.say(Update::Connected(welcome)).await {
        return End::Console;
    }
    // Holds one answer: a second probe before the first answer is written needs no other.
    let (answer, answers) = mpsc::channel(1);
    let (number, updates) = (link.number, &link.updates);
    let read = read_updates(reader, answer, move |update| async move { updates.send((number, update)).await.is_ok() });
    let ended = tokio::select! {
        ended = read => ended,
        failed = write_commands(writer, answers, &mut link.commands) => failed.map(|never| match never {}),
    };
    ended.unwrap_or_else(|error| match error {
        ReadError::Protocol(ProtocolError::Connection(error)) => End::Lost(error.to_string()),
        error => End::Lost(error.to_string()),
    })
}

#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error(transparent)]
    Frame(#[from] DecodeError),
    #[error("nothing received for {} seconds", SILENCE_TIMEOUT.as_secs())]
    Silence,
    #[error("the process closed the connection")]
    Closed,
}

async fn read_updates<F: Future<Output = bool>>(
    mut reader: Reader,
    answer: mpsc::Sender<()>,
    say: impl Fn(Update) -> F,
) -> Result<End, ReadError> {
    let mut decoder = Decoder::default();
    loop {
        let message = timeout(SILENCE_TIMEOUT, read(&mut reader, MAX_FRAME_BYTES)).await;
        let message = message.map_err(|_| ReadError::Silence)??.ok_or(ReadError::Closed)?;
        let update = match message {
            FromServer::Frame(entries) => Update::Frame(Box::new(decoder.decode(&entries)?)),
            FromServer::CommandRefused(why) => Update::CommandRefused(why),
            FromServer::Inspected(inspection) => Update::Inspected(inspection),
            FromServer::Journals(journals) => Update::Journals(journals),
            FromServer::Probe => {
                // If one waits, it answers this probe, too.
                let _ = answer.try_send(());
                continue;
            }
            FromServer::End => return Ok(End::Process),
            FromServer::Refused(_) | FromServer::Welcome(_) => return Err(ProtocolError::Damaged.into()),
        };
        if !say(update).await {
            return Ok(End::Console);
        }
    }
}

/// Writes answers and commands until the connection fails.
async fn write_commands(
    mut writer: Writer,
    mut answers: mpsc::Receiver<()>,
    commands: &mut mpsc::Receiver<RemoteCommand>,
) -> Result<Infallible, ReadError> {
    loop {
        let message = tokio::select! {
            Some(()) = answers.recv() => FromClient::Alive,
            // Closed if the console is read-only.
            Some(command) = commands.recv() => FromClient::Command(command),
            else => std::future::pending().await,
        };
        write(&mut writer, &message).await?;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kreplay_model::{
        control::{Command, Control},
        feed::{EventLog, Snapshot},
    };
    use tokio::sync::watch;

    use super::*;
    use crate::{Server, ServerOptions, SessionSource, Source};

    async fn received(commands: &std::sync::mpsc::Receiver<Command>) -> Command {
        loop {
            match commands.try_recv() {
                Ok(command) => return command,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    #[test]
    fn commands_are_kept_for_a_connection_that_is_open_and_not_for_one_that_is_opened_later() {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Socket(folder.path().join("a.sock"));
        let (_snapshots, snapshots) = watch::channel(Arc::<Snapshot>::default());
        let (control, commands) = Control::channel();
        let session = SessionSource { snapshots, events: EventLog::default(), control, alerts: None, silences: None };
        let server = Server::bind(&address, ServerOptions { control: true, ..ServerOptions::default() }).unwrap();
        let _serving = server.serve(Source { session: Some(session), ..Source::default() }).unwrap();
        let access = Access { token: None, control: true };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let steps = async {
            let all = vec![Command::Pause, Command::Resume];
            for (is_open, expected) in [(true, all), (false, vec![Command::Resume])] {
                let first = if is_open { Some(connect(&address, &access).await.unwrap()) } else { None };
                let (updates, mut said) = mpsc::channel(16);
                let (command, given) = mpsc::channel(16);
                let (address, access) = (address.clone(), access.clone());
                let link = Link { address, access, number: 0, updates, commands: given };
                command.try_send(RemoteCommand::Session(Command::Pause)).unwrap();
                let following = tokio::spawn(follow(first, link));
                assert!(matches!(said.recv().await, Some((0, Update::Connected(_)))));
                command.try_send(RemoteCommand::Session(Command::Resume)).unwrap();
                for next in expected {
                    assert_eq!(received(&commands).await, next, "open: {is_open}");
                }
                following.abort();
            }
        };
        runtime.block_on(async { timeout(Duration::from_secs(60), steps).await.unwrap() });
    }
}
