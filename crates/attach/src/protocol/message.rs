//! Messages and their bodies.

use std::fmt;

use kreplay_model::{
    control::Command,
    domain::varint,
    inspect::{InspectCommand, Inspection},
    journal::JournalListing,
    recording::{Entry, EntryHead},
    watch::{SilenceCommand, WatchCommand},
};
use serde::{Deserialize, Serialize};

/// A message in one direction.
pub(crate) trait Message: Sized {
    /// The kind, which tells the messages of one direction apart.
    fn kind(&self) -> u8;

    /// Appends the body.
    fn append_body(&self, bytes: &mut Vec<u8>) -> Result<(), serde_json::Error>;

    /// The message with a kind and a body; `None` if there is none.
    fn parse(kind: u8, body: &[u8]) -> Option<Self>;
}

/// How a client introduces itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// The version of its program.
    pub(crate) program: String,
    /// Its token.
    pub(crate) token: Option<String>,
    /// Whether it may send commands.
    pub(crate) control: bool,
}

impl fmt::Debug for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, token, control } = self;
        write!(f, "Hello {{ program: {program:?}, has_token: {}, control: {control} }}", token.is_some())
    }
}

/// What a server says about its process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent")]
pub(crate) struct Welcome {
    /// The version of its program.
    pub(crate) program: String,
    /// A random number that tells this process from one that serves on the same address later.
    pub(crate) instance: u64,
    /// The id of the current run, if there is one.
    pub(crate) run: Option<String>,
    /// Whether it offers a session.
    pub(crate) session: bool,
    /// Whether it offers watched groups.
    pub(crate) groups: bool,
    /// Whether it takes commands.
    pub(crate) control: bool,
    /// Whether it reads single records. Processes of earlier versions do not, nor do they know the command.
    #[serde(default)]
    pub(crate) records: bool,
    /// Whether it silences rules.
    #[serde(default)]
    pub(crate) silences: bool,
    /// Whether its frames have alerts on its runs.
    #[serde(default)]
    pub(crate) alerts: bool,
    /// Whether it lists the runs that have a journal.
    #[serde(default)]
    pub(crate) journals: bool,
}

/// The answer to a command to list the runs that have a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ListedJournals {
    /// The number of the command.
    pub(crate) number: u64,
    /// The runs.
    pub(crate) listing: JournalListing,
}

/// A command to a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RemoteCommand {
    /// To its session.
    Session(Command),
    /// To its watch.
    Watch(WatchCommand),
    /// To what evaluates its rules.
    Silence(SilenceCommand),
    /// To what reads single records.
    Inspect(InspectCommand),
    /// To list the runs that have a journal. The answer carries this number.
    ListJournals(u64),
}

/// From a server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FromServer {
    /// The client may stay.
    Welcome(Welcome),
    /// The client may not stay, and why.
    Refused(String),
    /// The parts of the feed that have changed.
    Frame(Vec<Entry>),
    /// Asks whether the client still reads.
    Probe,
    /// A command was not accepted, and why.
    CommandRefused(String),
    /// The answer to a command to read a record.
    Inspected(Box<Inspection>),
    /// The answer to a command to list runs.
    Journals(Box<ListedJournals>),
    /// The process ends. Nothing follows.
    End,
}

/// From a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FromClient {
    /// The first message.
    Hello(Hello),
    /// The answer to a probe.
    Alive,
    /// A command.
    Command(RemoteCommand),
}

impl Message for FromServer {
    fn kind(&self) -> u8 {
        match self {
            Self::Welcome(_) => 1,
            Self::Refused(_) => 2,
            Self::Frame(_) => 3,
            Self::Probe => 4,
            Self::CommandRefused(_) => 5,
            Self::End => 6,
            Self::Inspected(_) => 7,
            Self::Journals(_) => 8,
        }
    }

    fn append_body(&self, bytes: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        match self {
            Self::Welcome(welcome) => serde_json::to_writer(bytes, welcome),
            Self::Refused(text) | Self::CommandRefused(text) => {
                bytes.extend(text.as_bytes());
                Ok(())
            }
            Self::Frame(entries) => {
                for entry in entries {
                    append_entry(bytes, entry);
                }
                Ok(())
            }
            Self::Inspected(inspection) => serde_json::to_writer(bytes, inspection),
            Self::Journals(journals) => serde_json::to_writer(bytes, journals),
            Self::Probe | Self::End => Ok(()),
        }
    }

    fn parse(kind: u8, body: &[u8]) -> Option<Self> {
        let text = || String::from_utf8(body.to_vec()).ok();
        match kind {
            1 => serde_json::from_slice(body).ok().map(Self::Welcome),
            2 => text().map(Self::Refused),
            3 => entries(body).map(Self::Frame),
            4 if body.is_empty() => Some(Self::Probe),
            5 => text().map(Self::CommandRefused),
            6 if body.is_empty() => Some(Self::End),
            7 => serde_json::from_slice(body).ok().map(Self::Inspected),
            8 => serde_json::from_slice(body).ok().map(Self::Journals),
            _ => None,
        }
    }
}

impl Message for FromClient {
    fn kind(&self) -> u8 {
        match self {
            Self::Hello(_) => 1,
            Self::Alive => 2,
            Self::Command(_) => 3,
        }
    }

    fn append_body(&self, bytes: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        match self {
            Self::Hello(hello) => serde_json::to_writer(bytes, hello),
            Self::Command(command) => serde_json::to_writer(bytes, command),
            Self::Alive => Ok(()),
        }
    }

    fn parse(kind: u8, body: &[u8]) -> Option<Self> {
        match kind {
            1 => serde_json::from_slice(body).ok().map(Self::Hello),
            2 if body.is_empty() => Some(Self::Alive),
            3 => serde_json::from_slice(body).ok().map(Self::Command),
            _ => None,
        }
    }
}

fn append_entry(bytes: &mut Vec<u8>, entry: &Entry) {
    entry.head.append_to(bytes);
    varint::push(bytes, entry.payload.len() as u64);
    bytes.extend(&entry.payload);
}

fn entries(mut bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let head = EntryHead::take(&mut bytes)?;
        let length = usize::try_from(varint::take(&mut bytes)?).ok()?;
        let (payload, rest) = bytes.split_at_checked(length)?;
        entries.push(Entry { head, payload: payload.to_vec() });
        bytes = rest;
    }
    Some(entries)
}
