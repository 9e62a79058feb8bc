//! One client.

use std::{
    io,
    time::{Duration, Instant},
};

use kreplay_model::{
    control::Command,
    inspect::{InspectCommand, InspectControl},
    journal::JournalLister,
    recording::Encoder,
    watch::WatchCommand,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, mpsc, watch},
    task::spawn_blocking,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    GroupSource, MAX_CLIENTS, ServerOptions, Source,
    cursor::Cursor,
    listener::{Reader, Writer},
};
use crate::{
    protocol::{
        FromClient, FromServer, Hello, ListedJournals, MAX_COMMAND_BYTES, MAX_HELLO_BYTES, ProtocolError,
        RemoteCommand, Welcome, read, read_preamble, write, write_preamble,
    },
    token,
};

/// The time that a client has to introduce itself.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// The interval of probes. They are sent beside frames, too: a client that answers is one that reads.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// The time after which a client that says nothing is taken for dead.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(30);
/// The time that a client has to take a message.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// The shortest time between two frames.
const MIN_FRAME_INTERVAL: Duration = Duration::from_millis(100);
/// After a frame was encoded, at least this many times as long passes before the next one: a client costs at most a
/// tenth of one processor, however large the snapshots are.
const PAUSE_FACTOR: u32 = 9;
/// Answers to commands that wait to be written; refusals beyond that are left out.
const MAX_WAITING_ANSWERS: usize = 16;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) source: Source,
    pub(super) options: ServerOptions,
    /// A random number that identifies this process.
    pub(super) instance: u64,
    /// A permit for each console that can be attached.
    pub(super) places: Semaphore,
}

/// Serves a client until it leaves, misbehaves, or the source ends. `greeting` is released once it is accepted.
pub(super) async fn serve(
    mut reader: Reader,
    mut writer: Writer,
    shared: &Shared,
    stopped: watch::Receiver<bool>,
    greeting: OwnedSemaphorePermit,
) {
    let greeted = timeout(HELLO_TIMEOUT, greet(&mut reader, &mut writer, shared)).await;
    let Ok(Ok(Some((hello, _place)))) = greeted else { return };
    drop(greeting);
    let (answer, answers) = mpsc::channel(MAX_WAITING_ANSWERS);
    let (open, opened) = watch::channel(None);
    let (list, wanted_lists) = watch::channel(0);
    let lister = shared.source.journals.clone();
    // What a client does wrong concerns only its connection.
    tokio::select! {
        _ = read_commands(reader, shared, hello.control, answer.clone(), (open, list)) => {}
        () = list_journals(lister, wanted_lists, answer.clone()) => {}
        () = pass_on_records(opened, answer) => {}
        _ = write_frames(writer, Cursor::new(shared.source.clone()), answers, stopped) => {}
    }
}

/// Passes on what is read for the client, once it has asked for a record.
async fn pass_on_records(mut opened: watch::Receiver<Option<InspectControl>>, answer: mpsc::Sender<FromServer>) {
    let reader = match opened.wait_for(Option::is_some).await {
        Ok(reader) => reader.clone(),
        Err(_) => None,
    };
    if let Some(InspectControl { mut answers, .. }) = reader {
        while answers.changed().await.is_ok() {
            let latest = answers.borrow_and_update().as_deref().cloned();
            if let Some(inspection) = latest
                && answer.send(FromServer::Inspected(Box::new(inspection))).await.is_err()
            {
                break;
            }
        }
    }
    // Whether the connection ends is decided by the others.
    std::future::pending::<()>().await;
}

/// Lists the runs that have a journal whenever the client asks. Requests that arrive meanwhile get one answer.
async fn list_journals(
    lister: Option<JournalLister>,
    mut wanted: watch::Receiver<u64>,
    answer: mpsc::Sender<FromServer>,
) {
    while let (Some(lister), Ok(())) = (lister.clone(), wanted.changed().await) {
        let number = *wanted.borrow_and_update();
        let Ok(listing) = spawn_blocking(move || lister.list()).await else { continue };
        if answer.send(FromServer::Journals(Box::new(ListedJournals { number, listing }))).await.is_err() {
            break;
        }
    }
    // Whether the connection ends is decided by the others.
    std::future::pending::<()>().await;
}

/// Exchanges the first messages, and gives the client a place. `None` if it may not stay.
async fn greet<'a>(
    reader: &mut Reader,
    writer: &mut Writer,
    shared: &'a Shared,
) -> Result<Option<(Hello, SemaphorePermit<'a>)>, ProtocolError> {
    write_preamble(writer).await?;
    read_preamble(reader).await?;
    let Some(FromClient::Hello(hello)) = read(reader, MAX_HELLO_BYTES).await? else { return Ok(None) };
    if !token::is_allowed(shared.options.token.as_ref(), hello.token.as_deref()) {
        write(writer, &FromServer::Refused("the token is missing or not valid".to_owned())).await?;
        return Ok(None);
    }
    let Ok(place) = shared.places.try_acquire() else {
        write(writer, &FromServer::Refused(format!("{MAX_CLIENTS} consoles are attached already"))).await?;
        return Ok(None);
    };
    let welcome = Welcome {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        instance: shared.instance,
        run: shared.source.run_id(),
        session: shared.source.session.is_some(),
        groups: shared.source.groups.is_some(),
        control: shared.options.control,
        records: shared.source.records.is_some(),
        silences: shared.source.silences().is_some(),
        alerts: shared.source.session.as_ref().is_some_and(|session| session.alerts.is_some()),
        journals: shared.source.journals.is_some(),
    };
    write(writer, &FromServer::Welcome(welcome)).await?;
    Ok(Some((hello, place)))
}

/// Reads until the client leaves.
async fn read_commands(
    mut reader: Reader,
    shared: &Shared,
    asked_for_control: bool,
    answer: mpsc::Sender<FromServer>,
    (open, list): (watch::Sender<Option<InspectControl>>, watch::Sender<u64>),
) -> Result<(), ProtocolError> {
    loop {
        let message = timeout(CLIENT_TIMEOUT, read(&mut reader, MAX_COMMAND_BYTES)).await;
        let Some(message) = message.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? else { return Ok(()) };
        let refusal = match message {
            FromClient::Alive => None,
            FromClient::Hello(_) => return Err(ProtocolError::Damaged),
            FromClient::Command(_) if !shared.options.control => {
                Some("the process accepts no commands; start it with --serve-control")
            }
            FromClient::Command(_) if !asked_for_control => Some("this console is attached read-only"),
            FromClient::Command(RemoteCommand::Inspect(command)) => inspect(command, &shared.source, &open),
            FromClient::Command(RemoteCommand::ListJournals(number)) => {
                list.send_replace(number);
                shared.source.journals.is_none().then_some("the process knows no directory of journals")
            }
            FromClient::Command(command) => execute(command, &shared.source),
        };
        if let Some(why) = refusal {
            // If many wait, the client has been told why already.
            let _ = answer.try_send(FromServer::CommandRefused(why.to_owned()));
        }
    }
}

/// Passes a command to the client's reader of records, which is started with its first one, or returns why not.
fn inspect(
    command: InspectCommand,
    source: &Source,
    open: &watch::Sender<Option<InspectControl>>,
) -> Option<&'static str> {
    let Some(readers) = &source.records else { return Some("the process cannot inspect records") };
    if open.borrow().is_none() {
        open.send_replace(readers.start());
    }
    match open.borrow().as_ref() {
        Some(reader) => {
            reader.send(command);
            None
        }
        None => Some("the process cannot start a thread that reads records"),
    }
}

/// Executes a command, or returns why not.
fn execute(command: RemoteCommand, source: &Source) -> Option<&'static str> {
    match (command, source) {
        (RemoteCommand::Session(Command::Shutdown), _) => Some("an attached console cannot end the process"),
        // A request can name any command or file of the machine on which the process runs.
        (RemoteCommand::Session(Command::PlanRequest(_) | Command::Launch(_)), _) => {
            Some("the launch form is available only in the console of the process itself")
        }
        (RemoteCommand::Session(command), Source { session: Some(session), .. }) => {
            session.control.send(command);
            None
        }
        // What is visible in the process's own console decides which groups are observed most often. `read_commands`
        // answers the others.
        (
            RemoteCommand::Watch(WatchCommand::LookAt(_)) | RemoteCommand::Inspect(_) | RemoteCommand::ListJournals(_),
            _,
        ) => None,
        (RemoteCommand::Watch(command), Source { groups: Some(GroupSource { control: Some(control), .. }), .. }) => {
            control.send(command);
            None
        }
        (RemoteCommand::Silence(command), source) => match source.silences() {
            Some(silences) => {
                silences.send(command);
                None
            }
            None => Some("the process has no rules that can be silenced"),
        },
        (RemoteCommand::Session(_), _) => Some("the process has no session"),
        (RemoteCommand::Watch(_), _) => Some("the process has no watch that accepts commands"),
    }
}

/// Writes frames until the source ends. The next frame is made when the one before has been taken, so that a slow
/// client skips snapshots.
async fn write_frames(
    mut writer: Writer,
    mut cursor: Cursor,
    mut answers: mpsc::Receiver<FromServer>,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), ProtocolError> {
    let mut encoder = Encoder::default();
    let mut probes = interval(PROBE_INTERVAL);
    probes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_open = true;
    loop {
        let began = Instant::now();
        let entries = encoder.encode(&cursor.frame()).map_err(|_| ProtocolError::Damaged)?;
        let pause = (began.elapsed() * PAUSE_FACTOR).max(MIN_FRAME_INTERVAL);
        if !entries.is_empty() {
            write_in_time(&mut writer, &FromServer::Frame(entries)).await?;
        }
        if !is_open {
            return write_in_time(&mut writer, &FromServer::End).await;
        }
        let next = sleep(pause);
        tokio::pin!(next);
        let mut is_due = false;
        // Waits until a frame is due and there is something to say.
        loop {
            tokio::select! {
                () = &mut next, if !is_due => is_due = true,
                open = cursor.changed(), if is_due => {
                    is_open = open;
                    break;
                }
                () = stop(&mut stopped) => {
                    is_open = false;
                    break;
                }
                _ = probes.tick() => write_in_time(&mut writer, &FromServer::Probe).await?,
                Some(answer) = answers.recv() => write_in_time(&mut writer, &answer).await?,
            }
        }
    }
}

/// Waits until the server ends.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    // An error means that the server is gone already.
    let _ = stopped.wait_for(|stop| *stop).await;
}

async fn write_in_time(writer: &mut Writer, message: &FromServer) -> Result<(), ProtocolError> {
    let written = timeout(WRITE_TIMEOUT, write(writer, message)).await;
    written.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
