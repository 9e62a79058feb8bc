//! Servers and consoles that attach to them, over real sockets.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking, in its helpers too")]

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::{Arc, mpsc::Receiver},
    time::Duration,
};

use kreplay_attach::{
    Address, AttachError, AttachOptions, Attachment, BindError, GroupSource, RecordReaders, Server, ServerOptions,
    Serving, SessionSource, Source,
};
use kreplay_model::{
    attach::{AttachAccess, AttachConnection},
    control::{Command, Control},
    domain::{Concurrency, Offset, RateLimit, Secret, SecretFormat, TopicPartition},
    feed::{Event, EventKind, EventLog, PartitionView, RunState, RunView, Snapshot},
    inspect::{
        Content, Decoded, InspectCommand, InspectControl, InspectedRecord, Inspection, InspectionStep, Placement,
        RecordId,
    },
    journal::{JournalLister, JournalListing, JournaledRun},
    watch::{SilenceCommand, SilenceControl, WatchEvent, WatchEventKind, WatchLog, WatchSnapshot},
};
use tokio::{sync::watch, time::timeout};

const TIMEOUT: Duration = Duration::from_secs(60);

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(TIMEOUT, future).await.unwrap() })
}

fn socket(folder: &tempfile::TempDir, name: &str) -> Address {
    Address::Socket(folder.path().join(name))
}

fn path(address: &Address) -> &Path {
    let Address::Socket(path) = address else { panic!("{address}") };
    path
}

/// A session that a test publishes.
struct Session {
    snapshots: watch::Sender<Arc<Snapshot>>,
    events: EventLog,
    commands: Receiver<Command>,
    serving: Serving,
    address: Address,
}

fn serve(address: &Address, options: ServerOptions) -> Session {
    let (snapshots, receiver) = watch::channel(Arc::default());
    let (control, commands) = Control::channel();
    let events = EventLog::default();
    let source = SessionSource { snapshots: receiver, events: events.clone(), control, alerts: None, silences: None };
    let server = Server::bind(address, options).unwrap();
    let address = server.address().clone();
    let readers = records_of(address.to_string());
    let journals = Some(journals_of(address.name()));
    let source = Source { session: Some(source), groups: None, records: Some(readers), journals };
    let serving = server.serve(source).unwrap();
    Session { snapshots, events, commands, serving, address }
}

/// Readers that find the records of partition 0 only, and say where they are.
fn records_of(whose: String) -> RecordReaders {
    RecordReaders::new(move || {
        let (control, mut server) = InspectControl::channel();
        let whose = whose.clone();
        std::thread::spawn(move || {
            while let Some((number, id)) = server.next_wanted() {
                server.answer(number, InspectionStep::Reading);
                let value = Content::new(whose.as_bytes(), usize::MAX, Decoded::Plain);
                let step = if id.partition.partition.0 == 0 {
                    InspectionStep::Read(Arc::new(InspectedRecord {
                        id,
                        placement: Placement::Exact,
                        timestamp_ms: None,
                        key: None,
                        headers: Vec::new(),
                        more_headers: 0,
                        value: Some(value),
                    }))
                } else {
                    InspectionStep::Failed(format!("{whose} cannot read it"))
                };
                server.answer(number, step);
            }
        });
        Some(control)
    })
}

/// A directory with a run that all processes know, and one of this process.
fn journals_of(process: String) -> JournalLister {
    JournalLister::new(move || JournalListing {
        directory: "/state/runs".to_owned(),
        runs: Ok(["shared", process.as_str()].map(journaled).to_vec()),
    })
}

fn journaled(id: &str) -> JournaledRun {
    JournaledRun {
        id: id.to_owned(),
        state: "interrupted".to_owned(),
        process: None,
        listed_by: None,
        resume: Some(format!("kreplay resume {id}")),
        reason: None,
        summary: None,
    }
}

/// A snapshot of a run that has handled this number of records.
fn handled(count: u64) -> Arc<Snapshot> {
    let mut run = RunView { id: "run".into(), state: RunState::Running, concurrency: 2, ..RunView::default() };
    run.totals.handled = count;
    Arc::new(Snapshot { at: Some(chrono::Utc::now()), run: Some(run), ..Snapshot::default() })
}

/// Waits until the console shows a run for which `found` is true.
async fn wait_for(attachment: &Attachment, found: impl Fn(&RunView) -> bool) -> Arc<Snapshot> {
    let mut snapshots = attachment.feed.snapshots.clone();
    let shown = snapshots.wait_for(|snapshot| snapshot.run.as_ref().is_some_and(&found)).await;
    Arc::clone(&shown.unwrap())
}

fn with_control() -> ServerOptions {
    ServerOptions { control: true, ..ServerOptions::default() }
}

fn token(text: &str) -> Secret {
    Secret::plain(SecretFormat::Secret, text.to_owned())
}

#[test]
fn a_console_sees_the_snapshots_the_events_and_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let session = serve(&socket(&folder, "a.sock"), ServerOptions::default());
    session.events.push(EventKind::Paused);
    session.snapshots.send_replace(handled(1));
    block_on(async {
        let attachment =
            Attachment::open(std::slice::from_ref(&session.address), &AttachOptions::default()).await.unwrap();
        assert!(attachment.has_session && attachment.watch.is_none());
        wait_for(&attachment, |run| run.totals.handled == 1).await;
        for count in 2..20 {
            session.snapshots.send_replace(handled(count));
        }
        session.events.push(EventKind::Resumed);
        wait_for(&attachment, |run| run.totals.handled == 19).await;
        session.snapshots.send_replace(handled(20));
        let socket = path(&session.address).to_owned();
        drop(session.serving);
        assert!(!socket.exists());
        let mut snapshots = attachment.feed.snapshots.clone();
        while snapshots.changed().await.is_ok() {}
        assert_eq!(snapshots.borrow().run.as_ref().unwrap().totals.handled, 20);
        let events = attachment.feed.events.since(0);
        assert_eq!(
            events.iter().map(|event| &event.kind).collect::<Vec<_>>(),
            [&EventKind::Paused, &EventKind::Resumed]
        );
        assert!(events.iter().all(|event| event.process.is_none()));
        assert_eq!(attachment.view.borrow().processes[0].connection, AttachConnection::Ended);
    });
}

#[test]
fn commands_are_refused_without_control_and_executed_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let closed = serve(&socket(&folder, "closed.sock"), ServerOptions::default());
    let open = serve(&socket(&folder, "open.sock"), with_control());
    block_on(async {
        for (session, control, access_is_full) in [(&closed, true, false), (&open, false, false), (&open, true, true)] {
            session.snapshots.send_replace(handled(1));
            let options = AttachOptions { control, ..AttachOptions::default() };
            let attachment = Attachment::open(std::slice::from_ref(&session.address), &options).await.unwrap();
            wait_for(&attachment, |run| run.totals.handled == 1).await;
            assert_eq!(attachment.view.borrow().access == AttachAccess::Control, access_is_full);
            attachment.control.send(Command::Shutdown);
            attachment.control.send(Command::Pause);
            if access_is_full {
                let received = async {
                    loop {
                        match session.commands.try_recv() {
                            Ok(command) => return command,
                            Err(_) => tokio::task::yield_now().await,
                        }
                    }
                };
                assert_eq!(timeout(TIMEOUT, received).await.unwrap(), Command::Pause);
            }
        }
    });
    for session in [closed, open] {
        drop(session.serving);
        assert!(session.commands.try_recv().is_err());
    }
}

/// The first messages of a client that asks for control, in bytes.
fn introduction(extra: &[u8]) -> Vec<u8> {
    let mut bytes = b"kreplay\n\x01\0".to_vec();
    for (kind, body) in [(1, &b"{\"program\":\"0\",\"token\":null,\"control\":true}"[..]), (3, extra)] {
        if !body.is_empty() {
            bytes.extend(u32::try_from(body.len() + 1).unwrap().to_le_bytes());
            bytes.push(kind);
            bytes.extend(body);
        }
    }
    bytes
}

#[test]
fn the_server_itself_refuses_commands() {
    let folder = tempfile::tempdir().unwrap();
    for (options, command, reason) in [
        (ServerOptions::default(), "\"pause\"", "start it with --serve-control"),
        (with_control(), "\"shutdown\"", "cannot end the process"),
    ] {
        let session = serve(&socket(&folder, "a.sock"), options);
        let mut stream = UnixStream::connect(path(&session.address)).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.write_all(&introduction(format!("{{\"session\":{command}}}").as_bytes())).unwrap();
        let mut answer = Vec::new();
        while !String::from_utf8_lossy(&answer).contains(reason) {
            let mut chunk = [0; 4096];
            let count = stream.read(&mut chunk).unwrap();
            assert_ne!(count, 0, "{}", String::from_utf8_lossy(&answer));
            answer.extend(&chunk[..count]);
        }
        drop(session.serving);
        assert!(session.commands.try_recv().is_err());
    }
}

#[test]
fn a_loopback_address_needs_the_token() {
    let address: Address = "127.0.0.1:0".parse().unwrap();
    assert!(matches!(Server::bind(&address, ServerOptions::default()), Err(BindError::NoToken(_))));
    let session = serve(&address, ServerOptions { token: Some(token("s3cret")), ..ServerOptions::default() });
    session.snapshots.send_replace(handled(7));
    block_on(async {
        for wrong in [None, Some(token("secret"))] {
            let options = AttachOptions { token: wrong, control: false };
            let refused = Attachment::open(std::slice::from_ref(&session.address), &options).await.unwrap_err();
            let AttachError::Refused { why, .. } = &refused else { panic!("{refused}") };
            assert_eq!(why, "the token is missing or not valid");
        }
        let options = AttachOptions { token: Some(token("s3cret")), control: false };
        let attachment = Attachment::open(std::slice::from_ref(&session.address), &options).await.unwrap();
        wait_for(&attachment, |run| run.totals.handled == 7).await;
    });
}

#[test]
fn a_client_that_never_reads_delays_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let session = serve(&socket(&folder, "a.sock"), ServerOptions::default());
    // More than what fits into the buffers of a socket.
    let large = |count: u64| {
        let mut snapshot = Snapshot::clone(&handled(count));
        let mut state = count;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state
        };
        snapshot.problem = Some(std::iter::repeat_with(|| random().to_string()).take(40_000).collect());
        Arc::new(snapshot)
    };
    let mut silent = UnixStream::connect(path(&session.address)).unwrap();
    silent.write_all(&introduction(&[])).unwrap();
    block_on(async {
        let attachment =
            Attachment::open(std::slice::from_ref(&session.address), &AttachOptions::default()).await.unwrap();
        for count in 1..=20 {
            session.snapshots.send_replace(large(count));
            wait_for(&attachment, |run| run.totals.handled == count).await;
        }
    });
    // The end waits for the silent client no longer than its time limit.
    drop(session.serving);
    drop(silent);
}

#[test]
fn garbage_concerns_only_its_connection() {
    let folder = tempfile::tempdir().unwrap();
    let session = serve(&socket(&folder, "a.sock"), ServerOptions::default());
    session.snapshots.send_replace(handled(3));
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"kreplay\n\x09\0", b"kreplay\n\x01\0\xff\xff\xff\xff", b"k"] {
        let mut stream = UnixStream::connect(path(&session.address)).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.write_all(garbage).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // The connection is closed, with an error if the server has not read everything.
        drop(stream.read_to_end(&mut answer));
        assert_eq!(answer, b"kreplay\n\x01\0");
    }
    block_on(async {
        let attachment =
            Attachment::open(std::slice::from_ref(&session.address), &AttachOptions::default()).await.unwrap();
        wait_for(&attachment, |run| run.totals.handled == 3).await;
    });
}

#[test]
fn what_answers_otherwise_is_described() {
    let folder = tempfile::tempdir().unwrap();
    for (answer, expected) in [
        (&b"kreplay\n\x09\0"[..], "the other side uses protocol version 9"),
        (b"220 mail.example.org ESMTP\r\n", "the other side is not kreplay"),
        (b"krep", "the connection was closed in the middle of a message"),
    ] {
        let address = socket(&folder, "other.sock");
        let listener = UnixListener::bind(path(&address)).unwrap();
        let answering = std::thread::spawn(move || listener.accept().unwrap().0.write_all(answer).unwrap());
        let error = block_on(Attachment::open(std::slice::from_ref(&address), &AttachOptions::default())).unwrap_err();
        answering.join().unwrap();
        assert!(error.to_string().contains(expected), "{error}");
        std::fs::remove_file(path(&address)).unwrap();
    }
    let nothing = block_on(Attachment::open(&[socket(&folder, "none.sock")], &AttachOptions::default())).unwrap_err();
    assert!(matches!(nothing, AttachError::Unreachable { .. }), "{nothing}");
}

#[test]
fn more_consoles_than_the_limit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let session = serve(&socket(&folder, "a.sock"), ServerOptions::default());
    block_on(async {
        let options = AttachOptions::default();
        let open = || Attachment::open(std::slice::from_ref(&session.address), &options);
        let mut attached = Vec::new();
        for _ in 0..8 {
            attached.push(open().await.unwrap());
        }
        let refused = open().await.unwrap_err();
        assert!(refused.to_string().contains("8 consoles are attached already"), "{refused}");
    });
}

#[test]
fn connections_that_show_no_token_take_no_place_of_a_console() {
    let address: Address = "127.0.0.1:0".parse().unwrap();
    let session = serve(&address, ServerOptions { token: Some(token("s3cret")), ..ServerOptions::default() });
    session.snapshots.send_replace(handled(7));
    let Address::Loopback(loopback) = &session.address else { panic!("{}", session.address) };
    let silent: Vec<TcpStream> = (0..8).map(|_| TcpStream::connect(loopback).unwrap()).collect();
    block_on(async {
        let options = AttachOptions { token: Some(token("s3cret")), control: false };
        let attachment = Attachment::open(std::slice::from_ref(&session.address), &options).await.unwrap();
        wait_for(&attachment, |run| run.totals.handled == 7).await;
    });
    drop(silent);
}

/// A run whose only partition this process owns or not.
fn sharing(owns: bool, count: u64) -> Arc<Snapshot> {
    let mut snapshot = Snapshot::clone(&handled(count));
    let owner = if owns { kreplay_model::feed::Owner::Shared } else { kreplay_model::feed::Owner::None };
    let row = serde_json::json!({
        "topic": "orders", "partition": 0, "state": if owns { "active" } else { "elsewhere" }, "first": 0, "end": 100,
        "position": count, "lag": {"known": 100 - count}, "handled": count, "owner": owner, "records_per_s": 0.0,
        "p95_ms": null
    });
    let row: PartitionView = serde_json::from_value(row).unwrap();
    snapshot.run.iter_mut().for_each(|run| run.partitions = vec![row.clone()]);
    Arc::new(snapshot)
}

#[test]
fn several_processes_are_one_run_with_named_events() {
    let folder = tempfile::tempdir().unwrap();
    let a = serve(&socket(&folder, "a.sock"), ServerOptions::default());
    let b = serve(&socket(&folder, "b.sock"), ServerOptions::default());
    a.snapshots.send_replace(sharing(true, 30));
    b.snapshots.send_replace(sharing(false, 12));
    a.events.push(EventKind::Paused);
    b.events.push(EventKind::Resumed);
    a.events.push(EventKind::Paused);
    block_on(async {
        // The third one never answers, and does not keep the others from being shown.
        let addresses = [a.address.clone(), b.address.clone(), socket(&folder, "c.sock")];
        let attachment = Attachment::open(&addresses, &AttachOptions::default()).await.unwrap();
        let shown = wait_for(&attachment, |run| run.totals.handled == 42).await;
        let run = shown.run.as_ref().unwrap();
        assert_eq!(
            (run.concurrency, run.partitions.len(), run.partitions[0].owner.to_string()),
            (4, 1, "a".to_owned())
        );
        assert_eq!(run.totals.lag.known(), Some(70));
        let view = Arc::clone(&attachment.view.borrow());
        assert_eq!(view.lost().map(|(process, _)| process.name.as_str()).collect::<Vec<_>>(), ["c"]);
        // The process that owned the partition ends, and the other one takes over.
        a.snapshots.send_replace(sharing(false, 30));
        drop(a.serving);
        b.snapshots.send_replace(sharing(true, 15));
        wait_for(&attachment, |run| run.totals.handled == 45 && run.partitions[0].owner.to_string() == "b").await;
        drop(b.serving);
        let events = loop {
            let events = attachment.feed.events.since(0);
            if events.len() == 5 {
                break events;
            }
            tokio::task::yield_now().await;
        };
        let texts: Vec<_> = events.iter().map(kreplay_model::feed::Event::text).collect();
        let [paused, resumed] = [EventKind::Paused, EventKind::Resumed].map(|kind| kind.to_string());
        assert_eq!(
            texts,
            [
                format!("a: {paused}"),
                format!("b: {resumed}"),
                format!("a: {paused}"),
                "a: the process has ended".to_owned(),
                "b: the process has ended".to_owned(),
            ]
        );
    });
}

/// The next command that a session receives.
async fn received(session: &Session) -> Command {
    loop {
        match session.commands.try_recv() {
            Ok(command) => return command,
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

#[test]
fn nothing_is_shown_before_each_process_that_is_reached_has_reported_and_one_that_joins_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (a, late) = (serve(&socket(&folder, "a.sock"), ServerOptions::default()), socket(&folder, "late.sock"));
    let b = serve(&socket(&folder, "b.sock"), ServerOptions::default());
    a.snapshots.send_replace(handled(100));
    b.snapshots.send_replace(handled(1_000));
    block_on(async {
        let addresses = [a.address.clone(), b.address.clone(), late.clone()];
        let attachment = Attachment::open(&addresses, &AttachOptions::default()).await.unwrap();
        // The first snapshot with a run has the counts of both.
        let first = wait_for(&attachment, |_| true).await;
        let run = first.run.as_ref().unwrap();
        assert_eq!((run.totals.handled, run.joins), (1_100, 0));
        let late = serve(&late, ServerOptions::default());
        late.snapshots.send_replace(handled(50_000));
        let joined = wait_for(&attachment, |run| run.totals.handled > 1_100).await;
        let run = joined.run.as_ref().unwrap();
        assert_eq!((run.totals.handled, run.joins), (51_100, 1));
    });
}

#[test]
fn settings_are_divided_among_the_runs_that_have_not_ended() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = ["a.sock", "b.sock", "c.sock"].map(|name| serve(&socket(&folder, name), with_control()));
    for session in &sessions {
        session.snapshots.send_replace(handled(1));
    }
    let [a, b, c] = &sessions;
    let mut ended = RunView { id: "run".into(), state: RunState::Done, concurrency: 2, ..RunView::default() };
    ended.totals.handled = 10;
    c.snapshots.send_replace(Arc::new(Snapshot { run: Some(ended), ..Snapshot::default() }));
    block_on(async {
        let addresses = sessions.each_ref().map(|session| session.address.clone());
        let options = AttachOptions { control: true, ..AttachOptions::default() };
        let attachment = Attachment::open(&addresses, &options).await.unwrap();
        let shown = wait_for(&attachment, |run| run.totals.handled == 12).await;
        assert_eq!(shown.run.as_ref().unwrap().concurrency, 4, "those that have ended have no workers");
        attachment.control.send(Command::SetConcurrency(Concurrency::new(7).unwrap()));
        attachment.control.send(Command::SetRate(Some(RateLimit::Records(1_001_u64.try_into().unwrap()))));
        attachment.control.send(Command::Pause);
        for (session, workers, rate) in [(a, 4, 501), (b, 3, 500)] {
            assert_eq!(received(session).await, Command::SetConcurrency(Concurrency::new(workers).unwrap()));
            let limit = RateLimit::Records(u64::try_into(rate).unwrap());
            assert_eq!(received(session).await, Command::SetRate(Some(limit)));
            assert_eq!(received(session).await, Command::Pause);
        }
        assert_eq!(received(c).await, Command::Pause, "a run that has ended gets no share of the settings");
    });
}

async fn inspected(records: &mut InspectControl, number: u64, partition: i32) -> InspectionStep {
    let id = RecordId { partition: TopicPartition::new("orders", partition), offset: Offset::ZERO };
    records.send(InspectCommand::Read { number, id });
    let is_answer = |answer: &Option<Arc<Inspection>>| {
        answer.as_ref().is_some_and(|answer| answer.number == number && answer.step != InspectionStep::Reading)
    };
    let answer = records.answers.wait_for(is_answer).await.unwrap();
    answer.as_ref().unwrap().step.clone()
}

#[test]
fn a_record_is_read_through_the_first_process_that_can() {
    let folder = tempfile::tempdir().unwrap();
    let a = serve(&socket(&folder, "a.sock"), with_control());
    let b = serve(&socket(&folder, "b.sock"), with_control());
    for session in [&a, &b] {
        session.snapshots.send_replace(handled(1));
    }
    block_on(async {
        let addresses = [a.address.clone(), b.address.clone()];
        let options = AttachOptions { control: true, ..AttachOptions::default() };
        let attachment = Attachment::open(&addresses, &options).await.unwrap();
        wait_for(&attachment, |run| run.totals.handled == 2).await;
        let mut records = attachment.records.clone();
        let of = |step: InspectionStep| match step {
            InspectionStep::Read(record) => String::from_utf8(record.value.as_ref().unwrap().bytes.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(of(inspected(&mut records, 1, 0).await), a.address.to_string());
        let failed = inspected(&mut records, 2, 1).await;
        assert_eq!(failed, InspectionStep::Failed(format!("{} cannot read it", b.address)), "the last reason");
        drop(a.serving);
        attachment.view.clone().wait_for(|view| view.processes[0].connection == AttachConnection::Ended).await.unwrap();
        assert_eq!(of(inspected(&mut records, 3, 0).await), b.address.to_string());
    });
}

#[test]
fn a_read_only_console_cannot_have_records_read() {
    let folder = tempfile::tempdir().unwrap();
    let session = serve(&socket(&folder, "a.sock"), with_control());
    session.snapshots.send_replace(handled(1));
    block_on(async {
        let addresses = std::slice::from_ref(&session.address);
        let attachment = Attachment::open(addresses, &AttachOptions::default()).await.unwrap();
        wait_for(&attachment, |run| run.totals.handled == 1).await;
        let step = inspected(&mut attachment.records.clone(), 1, 0).await;
        assert!(matches!(step, InspectionStep::Failed(_)), "{step:?}");
    });
}

#[test]
fn the_runs_of_all_processes_are_one_list() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = ["a.sock", "b.sock"].map(|name| serve(&socket(&folder, name), with_control()));
    for session in &sessions {
        session.snapshots.send_replace(handled(1));
    }
    block_on(async {
        let addresses = [0, 1].map(|number| sessions[number].address.clone());
        let options = AttachOptions { control: true, ..AttachOptions::default() };
        let attachment = Attachment::open(&addresses, &options).await.unwrap();
        wait_for(&attachment, |run| run.totals.handled == 2).await;
        let lister = attachment.journals.clone();
        let listing = tokio::task::spawn_blocking(move || lister.list()).await.unwrap();
        assert_eq!(listing.directory, "/state/runs");
        let runs: Vec<_> = listing.runs.unwrap().into_iter().map(|run| (run.id, run.listed_by.unwrap())).collect();
        let expected = [("shared", "a"), ("a", "a"), ("b", "b")].map(|(id, by)| (id.to_owned(), by.to_owned()));
        assert_eq!(runs, expected);

        let alone = Attachment::open(&addresses[..1], &AttachOptions::default()).await.unwrap();
        let listing = tokio::task::spawn_blocking(move || alone.journals.list()).await.unwrap();
        assert!(listing.runs.unwrap_err().contains("attached read-only"));
    });
}

/// A watch that a test publishes.
struct Watching {
    snapshots: watch::Sender<Arc<WatchSnapshot>>,
    events: WatchLog,
    silences: tokio::sync::mpsc::UnboundedReceiver<SilenceCommand>,
    serving: Serving,
    address: Address,
}

fn serve_watch(address: &Address, cluster: &str) -> Watching {
    let look = WatchSnapshot { cluster: cluster.to_owned(), ..WatchSnapshot::default() };
    let (snapshots, receiver) = watch::channel(Arc::new(look));
    let (control, silences) = SilenceControl::channel();
    let events = WatchLog::default();
    let source = GroupSource {
        snapshots: receiver,
        events: events.clone(),
        alerts: None,
        control: None,
        silences: Some(control),
    };
    let server = Server::bind(address, with_control()).unwrap();
    let address = server.address().clone();
    let serving = server.serve(Source { groups: Some(source), ..Source::default() }).unwrap();
    Watching { snapshots, events, silences, serving, address }
}

fn appeared(group: &str) -> WatchEvent {
    WatchEvent { at: chrono::Utc::now(), group: group.to_owned(), kind: WatchEventKind::Appeared }
}

#[test]
fn groups_are_those_of_one_cluster_and_silences_reach_every_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut a = serve_watch(&socket(&folder, "a.sock"), "one");
    let mut b = serve_watch(&socket(&folder, "b.sock"), "one");
    let other = serve_watch(&socket(&folder, "other.sock"), "two");
    a.events.extend([appeared("by-a")]);
    other.events.extend([appeared("elsewhere")]);
    block_on(async {
        let addresses = [&a, &b, &other].map(|watching| watching.address.clone());
        let options = AttachOptions { control: true, ..AttachOptions::default() };
        let attachment = Attachment::open(&addresses, &options).await.unwrap();
        let log = attachment.group_events.clone().unwrap();
        let warning = loop {
            let events = attachment.feed.events.since(0);
            if let Some(warning) = events.first().filter(|_| !log.since(0).0.is_empty()) {
                break warning.text();
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(warning, "other: it watches another cluster; only the groups of one are shown");
        let command = SilenceCommand::Silence { rule: "lag".to_owned(), length: Duration::from_secs(60) };
        attachment.silences.as_ref().unwrap().send(command.clone());
        assert_eq!((a.silences.recv().await, b.silences.recv().await), (Some(command.clone()), Some(command)));
        // The groups of a process that has ended are shown as another one sees them.
        let path = path(&a.address).to_owned();
        drop(a.serving);
        let look = WatchSnapshot { cluster: "one".to_owned(), at: chrono::Utc::now(), ..WatchSnapshot::default() };
        b.events.extend([appeared("by-b")]);
        b.snapshots.send_replace(Arc::new(look.clone()));
        while log.since(0).0.len() < 2 {
            tokio::task::yield_now().await;
        }
        let names: Vec<_> = log.since(0).0.iter().map(|event| event.group.clone()).collect();
        assert_eq!(names, ["by-a", "by-b"]);
        let groups = attachment.feed.groups.clone().unwrap();
        assert_eq!((groups.borrow().at, path.exists()), (look.at, false));
    });
}

#[test]
fn a_watch_that_is_reached_later_is_shown_and_so_is_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let (run_address, watch_address) = (socket(&folder, "run.sock"), socket(&folder, "watch.sock"));
    let addresses = [run_address.clone(), watch_address.clone()];
    block_on(async {
        let session = serve(&run_address, ServerOptions::default());
        session.snapshots.send_replace(handled(1));
        let attachment = Attachment::open(&addresses, &AttachOptions::default()).await.unwrap();
        assert!(attachment.has_session && attachment.silences.is_some());
        wait_for(&attachment, |run| run.totals.handled == 1).await;
        let mut groups = attachment.feed.groups.clone().unwrap();
        assert!(!groups.has_changed().unwrap(), "there is no look before the watch is reached");
        let watching = serve_watch(&watch_address, "one");
        watching.events.extend([appeared("g")]);
        groups.wait_for(|look| look.cluster == "one").await.unwrap();
        let log = attachment.group_events.clone().unwrap();
        while log.since(0).0.is_empty() {
            tokio::task::yield_now().await;
        }
    });
    block_on(async {
        let _watching = serve_watch(&watch_address, "one");
        let attachment = Attachment::open(&addresses, &AttachOptions::default()).await.unwrap();
        assert!(attachment.has_session, "the process that is not reached may have a run");
        let session = serve(&run_address, ServerOptions::default());
        session.snapshots.send_replace(handled(2));
        wait_for(&attachment, |run| run.totals.handled == 2).await;
    });
}

#[test]
fn events_of_a_process_whose_clock_is_ahead_are_shown_at_once_and_none_is_lost_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = ["a.sock", "b.sock"].map(|name| serve(&socket(&folder, name), ServerOptions::default()));
    let ahead = |kind| Event { seq: 0, at: chrono::Utc::now() + chrono::TimeDelta::hours(1), process: None, kind };
    sessions[0].events.extend([ahead(EventKind::Paused)]);
    for session in &sessions {
        session.snapshots.send_replace(handled(1));
    }
    block_on(async {
        let addresses = sessions.each_ref().map(|session| session.address.clone());
        for addresses in [&addresses[..1], &addresses[..]] {
            let attachment = Attachment::open(addresses, &AttachOptions::default()).await.unwrap();
            while attachment.feed.events.since(0).is_empty() {
                tokio::task::yield_now().await;
            }
        }
        let attachment = Attachment::open(&addresses, &AttachOptions::default()).await.unwrap();
        wait_for(&attachment, |run| run.totals.handled == 2).await;
        let [a, b] = sessions;
        b.events.extend([ahead(EventKind::Resumed)]);
        drop((a.serving, b.serving));
        let mut snapshots = attachment.feed.snapshots.clone();
        while snapshots.changed().await.is_ok() {}
        let events = attachment.feed.events.since(0);
        assert!(events.iter().any(|event| event.kind == EventKind::Resumed), "{events:?}");
    });
}
