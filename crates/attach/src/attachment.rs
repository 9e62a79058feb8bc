//! Several running processes as one feed.

mod division;
mod hub;
mod journals;
mod peer;
mod records;
mod routes;

use std::{collections::HashSet, sync::Arc};

use kreplay_model::{
    attach::{AttachAccess, AttachView},
    control::Control,
    domain::Secret,
    feed::{EventLog, Feed, Snapshot},
    inspect::InspectControl,
    journal::JournalLister,
    watch::{AlertsSnapshot, SilenceControl, WatchControl, WatchLog, WatchSnapshot},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::{
    Address, AttachError,
    client::{Access, Connection, Link, connect, follow},
};
use hub::{Hub, Outlets};
use peer::Peer;
use routes::Routes;

/// Updates that wait to be processed; a process whose updates wait is read no further.
const MAX_WAITING_UPDATES: usize = 16;
/// Commands that wait to be sent to a process; more are dropped. The user gives them by hand.
const MAX_WAITING_COMMANDS: usize = 16;

/// How to attach.
#[derive(Clone, Debug, Default)]
pub struct AttachOptions {
    /// The token of the processes.
    pub token: Option<Secret>,
    /// Whether commands are sent, if the processes take them.
    pub control: bool,
}

/// Running processes as one feed. It ends when all of them have ended; the connections close when this is dropped.
#[derive(Debug)]
pub struct Attachment {
    /// What the processes say. If there are several, their snapshots are merged.
    pub feed: Feed,
    /// Whether one of them offers a session, or may do so once it is reached.
    pub has_session: bool,
    /// What has happened to the watched groups, if one of them watches any, or may do so once it is reached.
    pub group_events: Option<WatchLog>,
    /// The connections.
    pub view: watch::Receiver<Arc<AttachView>>,
    /// Where commands to the sessions go. Those that the processes do not take are dropped.
    pub control: Control,
    /// Where commands to the watch go.
    pub watch: Option<WatchControl>,
    /// Where commands about alerts go.
    pub silences: Option<SilenceControl>,
    /// Reads single records through the first process that can.
    pub records: InspectControl,
    /// Lists the runs of all processes.
    pub journals: JournalLister,
    /// Ends them when it is dropped.
    _tasks: JoinSet<()>,
}

impl Attachment {
    /// Connects to the processes. One that cannot be reached is tried again while others are shown.
    ///
    /// # Errors
    /// The first [`AttachError`] if none of them can be reached.
    pub async fn open(addresses: &[Address], options: &AttachOptions) -> Result<Self, AttachError> {
        if let Some(twice) = given_twice(addresses) {
            return Err(AttachError::Twice(twice.clone()));
        }
        let access = Access { token: options.token.clone(), control: options.control };
        let opened = connect_all(addresses, &access).await?;
        let welcomes = || opened.iter().filter_map(|opened| Some(&opened.as_ref().ok()?.welcome));
        // A process that is not reached yet may offer anything.
        let may_offer_more = opened.iter().any(Result::is_err);
        let has_session = may_offer_more || welcomes().any(|welcome| welcome.session);
        let has_groups = may_offer_more || welcomes().any(|welcome| welcome.groups);
        let has_alerts = has_groups || welcomes().any(|welcome| welcome.alerts);
        let takes_commands = welcomes().all(|welcome| welcome.control);
        let names = names(addresses);
        let peers = names.iter().zip(&opened).map(|(name, opened)| {
            let mut peer = Peer::new(name.clone(), opened.as_ref().err().map(ToString::to_string));
            // What it takes must be known now: the first commands may come before its first update is read.
            if let Ok(connection) = opened {
                peer.connect(&connection.welcome);
            }
            peer
        });
        let access_to_commands = access_of(options.control, takes_commands);
        let why_no_commands = match &access_to_commands {
            AttachAccess::Control => None,
            AttachAccess::ReadOnly { why } => Some(why.clone()),
        };
        let mut hub = Hub::new(peers.collect(), access_to_commands);

        let (sender, updates) = mpsc::channel(MAX_WAITING_UPDATES);
        let mut tasks = JoinSet::new();
        let mut commands = Vec::new();
        for (number, (address, opened)) in addresses.iter().zip(opened).enumerate() {
            let (command, receiver) = mpsc::channel(MAX_WAITING_COMMANDS);
            commands.push(command);
            let (address, access, updates) = (address.clone(), access.clone(), sender.clone());
            tasks.spawn(follow(opened.ok(), Link { address, access, number, updates, commands: receiver }));
        }
        let (snapshots, of_session) = watch::channel(Arc::<Snapshot>::default());
        let (groups, of_groups) = watch::channel(Arc::<WatchSnapshot>::default());
        let (alerts, of_alerts) = watch::channel(Arc::<AlertsSnapshot>::default());
        let (views, view) = watch::channel(hub.view());
        let (takes, of_takes) = watch::channel(hub.takes());
        let (answer, answers) = std::sync::mpsc::channel();
        let (listing, listings) = std::sync::mpsc::channel();
        let (events, group_events) = (EventLog::default(), WatchLog::default());
        let outlets = Outlets {
            snapshots,
            groups,
            alerts,
            views,
            events: events.clone(),
            group_events: group_events.clone(),
            takes,
            records: answer,
            journals: listing,
        };
        tasks.spawn(async move { hub.run(updates, &outlets).await });

        let (control, session_commands) = Control::channel();
        let (watch, watch_commands) = WatchControl::channel();
        let (silences, silence_commands) = SilenceControl::channel();
        let (records, record_commands) = InspectControl::channel();
        let routes = Routes::new(if why_no_commands.is_none() { commands } else { Vec::new() }, of_takes);
        // Both threads end when the console has dropped what it sends commands with.
        let to_sessions = routes.clone();
        start("attach-control", move || to_sessions.forward_to_sessions(session_commands))?;
        let to_readers = routes.clone();
        start("attach-records", move || records::serve(record_commands, &to_readers, &answers))?;
        let journals = journals::lister(names, routes.clone(), listings, why_no_commands);
        tasks.spawn(routes.clone().forward_to_watches(watch_commands));
        tasks.spawn(routes.forward_silences(silence_commands));
        Ok(Self {
            feed: Feed {
                snapshots: of_session,
                events,
                groups: has_groups.then_some(of_groups),
                alerts: has_alerts.then_some(of_alerts),
            },
            has_session,
            group_events: has_groups.then_some(group_events),
            view,
            control,
            watch: has_groups.then_some(watch),
            silences: has_alerts.then_some(silences),
            records,
            journals,
            _tasks: tasks,
        })
    }
}

/// An address of a process that another address names already.
fn given_twice(addresses: &[Address]) -> Option<&Address> {
    let resolved = |address: &Address| match address {
        Address::Socket(path) => Address::Socket(path.canonicalize().unwrap_or_else(|_| path.clone())),
        Address::Loopback(_) => address.clone(),
    };
    let mut known = HashSet::new();
    addresses.iter().find(|address| !known.insert(resolved(address)))
}

/// Connects to all processes at the same time. An error if none can be reached.
async fn connect_all(
    addresses: &[Address],
    access: &Access,
) -> Result<Vec<Result<Connection, AttachError>>, AttachError> {
    let mut connecting = JoinSet::new();
    for (number, address) in addresses.iter().cloned().enumerate() {
        let access = access.clone();
        connecting.spawn(async move { (number, connect(&address, &access).await) });
    }
    let mut opened: Vec<_> = addresses.iter().map(|address| Err(AttachError::Silent(address.clone()))).collect();
    while let Some(finished) = connecting.join_next().await {
        if let Ok((number, result)) = finished
            && let Some(slot) = opened.get_mut(number)
        {
            *slot = result;
        }
    }
    if opened.iter().any(Result::is_ok) {
        return Ok(opened);
    }
    match opened.into_iter().next() {
        Some(Err(error)) => Err(error),
        _ => Ok(Vec::new()),
    }
}

/// The names of the processes. Equal ones are numbered, so that no two are equal.
fn names(addresses: &[Address]) -> Vec<String> {
    let given: Vec<String> = addresses.iter().map(Address::name).collect();
    let mut names: Vec<String> = Vec::with_capacity(given.len());
    for name in &given {
        let is_free = |other: &String| !names.contains(other) && !given.contains(other);
        let numbered = || (2..=u32::MAX).map(|number| format!("{name}-{number}")).find(is_free);
        let other = if names.contains(name) { numbered() } else { None };
        names.push(other.unwrap_or_else(|| name.clone()));
    }
    names
}

fn access_of(asked_for_control: bool, takes_commands: bool) -> AttachAccess {
    let why = match (asked_for_control, takes_commands) {
        (true, true) => return AttachAccess::Control,
        (true, false) => "the process accepts no commands; start it with --serve-control",
        (false, _) => "this console is attached read-only; attach with --control",
    };
    AttachAccess::ReadOnly { why: why.to_owned() }
}

fn start(name: &str, thread: impl FnOnce() + Send + 'static) -> Result<(), AttachError> {
    std::thread::Builder::new().name(name.into()).spawn(thread).map(drop).map_err(AttachError::Start)
}

#[cfg(test)]
mod tests {
    use kreplay_model::journal::JournalListing;

    use super::*;
    use crate::{Server, ServerOptions, SessionSource, Source};

    #[test]
    fn commands_sent_at_once_reach_the_processes() {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Socket(folder.path().join("a.sock"));
        let (_snapshots, snapshots) = watch::channel(Arc::<Snapshot>::default());
        let (control, _commands) = Control::channel();
        let session = SessionSource { snapshots, events: EventLog::default(), control, alerts: None, silences: None };
        let journals = JournalLister::new(|| JournalListing { directory: "/state".to_owned(), runs: Ok(Vec::new()) });
        let server = Server::bind(&address, ServerOptions { control: true, ..ServerOptions::default() }).unwrap();
        let source = Source { session: Some(session), journals: Some(journals), ..Source::default() };
        let _serving = server.serve(source).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listing = runtime.block_on(async {
            let options = AttachOptions { control: true, ..AttachOptions::default() };
            let attachment = Attachment::open(std::slice::from_ref(&address), &options).await.unwrap();
            // No update of the process was read yet: its tasks run only while this one waits.
            let journals = attachment.journals.clone();
            tokio::task::spawn_blocking(move || journals.list()).await.unwrap()
        });
        assert_eq!((listing.directory.as_str(), listing.runs.map(|runs| runs.len())), ("/state", Ok(0)));
    }

    #[test]
    fn the_same_process_cannot_be_given_twice() {
        let folder = std::env::temp_dir();
        let address = |path: std::path::PathBuf| Address::Socket(path);
        let (one, same, other) = (address(folder.clone()), address(folder.join(".")), address(folder.join("none")));
        assert_eq!(given_twice(&[one.clone(), other.clone(), same.clone()]), Some(&same));
        assert_eq!(given_twice(&[one, other]), None);
    }

    #[test]
    fn equal_names_are_numbered() {
        let addresses = ["a/run.sock", "b/run.sock", "other", "c/run.sock"].map(|text| text.parse().unwrap());
        assert_eq!(names(&addresses), ["run", "run-2", "other", "run-3"]);
    }

    #[test]
    fn a_number_makes_no_name_that_another_process_has() {
        let addresses = ["a/run.sock", "run-2.sock", "b/run.sock", "c/run-2.sock"].map(|text| text.parse().unwrap());
        assert_eq!(names(&addresses), ["run", "run-2", "run-3", "run-2-2"]);
    }
}
