//! Sessions that start without a selection: topics are listed, selected and replayed.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use kreplay::{
    demo::Datasets,
    domain::{Concurrency, EventCount, Ordering},
    feed::{RunState, Snapshot, TopicView},
    kafka::embedded::EmbeddedBroker,
    plan::Selection,
    replay::{Command, JournalOptions, RequestReader, RequestedRun, Session, SessionOptions},
    settings::Settings,
};
use kreplay_model::control::{FieldProblem, NumberedRequest, RunField, RunRequest};

use crate::support::{options, seeded, wait_for};

fn broker() -> EmbeddedBroker {
    seeded(&Datasets { events: EventCount::new(1_000).unwrap(), ..Datasets::default() })
}

fn unselected(broker: &EmbeddedBroker, handler: &str) -> SessionOptions {
    SessionOptions { selection: None, one_run: false, ..options(broker, 4, Ordering::Key, handler) }
}

fn listed(session: &Session) -> Vec<TopicView> {
    wait_for(session, "the topics are listed and measured", |snapshot| {
        let measured = |topics: &[TopicView]| topics.iter().any(|topic| topic.records.is_some());
        snapshot.catalog.as_deref().is_some_and(measured)
    });
    session.feed.snapshots.borrow().catalog.as_deref().unwrap().to_vec()
}

fn names(topics: &[TopicView]) -> std::sync::Arc<[String]> {
    topics.iter().map(|topic| topic.name.clone()).collect()
}

fn ended(count: usize) -> impl Fn(&Snapshot) -> bool {
    move |snapshot| snapshot.finished.len() == count
}

#[test]
fn topics_are_listed_and_only_the_selected_ones_replayed() {
    let broker = broker();
    let session = Session::spawn(unselected(&broker, "null")).unwrap();
    let topics = listed(&session);
    assert_eq!(topics.len(), 10);
    assert!(topics.iter().all(|topic| topic.partitions == 6 && topic.records == Some(100)), "{topics:?}");
    assert!(topics.is_sorted_by_key(|topic| topic.name.clone()));
    {
        let snapshot = session.feed.snapshots.borrow();
        assert!(snapshot.run.is_none() && snapshot.finished.is_empty(), "a run started without a command");
        assert_eq!((snapshot.next.concurrency, snapshot.next.handler.as_str()), (4, "null"));
        assert_eq!((snapshot.next.ordering, &snapshot.next.group), (Ordering::Key, &None));
    }

    session.control.send(Command::SetConcurrency(Concurrency::new(3).unwrap()));
    wait_for(&session, "the next run has 3 workers", |snapshot| snapshot.next.concurrency == 3);
    let chosen = names(&topics[2..4]);
    session.control.send(Command::Replay(chosen.clone()));
    wait_for(&session, "the run is over", ended(1));
    let run = session.feed.snapshots.borrow().run.clone().unwrap();
    assert_eq!((run.state, run.totals.handled, run.concurrency), (RunState::Done, 200, 3));
    assert_eq!(run.plan.topics, *chosen);
    assert!(run.partitions.iter().all(|partition| chosen.contains(&partition.id.topic.to_string())));

    session.control.send(Command::Start);
    wait_for(&session, "the second run is over", ended(2));
    assert_eq!(session.feed.snapshots.borrow().finished[1].handled, 200);
    session.control.send(Command::Replay(names(&topics[9..])));
    wait_for(&session, "the third run is over", ended(3));
    assert_eq!(session.feed.snapshots.borrow().finished[2].handled, 100);
    session.control.send(Command::Shutdown);
    assert_eq!(session.join().problem, None);
}

#[test]
fn replaying_other_topics_stops_the_active_run_first() {
    let broker = broker();
    let session = Session::spawn(unselected(&broker, "simulate:10ms")).unwrap();
    let topics = listed(&session);
    session.control.send(Command::Replay(names(&topics)));
    wait_for(&session, "records are handled", |snapshot| {
        snapshot.run.as_ref().is_some_and(|run| run.totals.handled > 10)
    });
    let id = session.feed.snapshots.borrow().run.as_ref().unwrap().id.clone();
    session.control.send(Command::ListTopics);
    session.control.send(Command::Replay(names(&topics[..1])));
    wait_for(&session, "the first run is over", ended(1));
    let first = session.feed.snapshots.borrow().finished[0].clone();
    assert_eq!((first.id, first.state), (id.clone(), RunState::Cancelled));
    wait_for(&session, "the second run is over", ended(2));
    let run = session.feed.snapshots.borrow().run.clone().unwrap();
    assert_ne!(run.id, id);
    assert_eq!((run.plan.topics.len(), run.totals.handled, run.state), (1, 100, RunState::Done));
    session.control.send(Command::Shutdown);
    assert_eq!(session.join().problem, None);
}

#[test]
fn an_invalid_selection_is_a_problem_and_does_not_end_the_session() {
    let broker = broker();
    let session = Session::spawn(unselected(&broker, "null")).unwrap();
    let topics = listed(&session);
    for (wrong, reason) in [("no-such-topic", "no topic `no-such-topic`"), ("a b", "is not a valid topic name")] {
        session.control.send(Command::Replay([wrong.to_owned()].into()));
        wait_for(&session, reason, |snapshot| snapshot.problem.as_ref().is_some_and(|text| text.contains(reason)));
    }
    session.control.send(Command::Replay(names(&topics[..1])));
    wait_for(&session, "the right one is replayed", ended(1));
    assert_eq!(session.feed.snapshots.borrow().problem, None);
    session.control.send(Command::Shutdown);
    assert_eq!(session.join().problem, None);
}

#[test]
fn after_a_refused_resume_the_chosen_topics_are_replayed_from_their_beginning() {
    let broker = broker();
    let journal = Some(JournalOptions { resume: Some("gone".into()), ..JournalOptions::default() });
    let resuming = SessionOptions { one_run: false, journal, ..options(&broker, 4, Ordering::Key, "null") };
    let session = Session::spawn(resuming).unwrap();
    wait_for(&session, "the resume is refused", |snapshot| snapshot.problem.is_some());
    session.control.send(Command::Replay(["vc.dataset1.events".to_owned()].into()));
    wait_for(&session, "the chosen topic is replayed", ended(1));
    let run = session.feed.snapshots.borrow().run.clone().unwrap();
    assert_eq!((run.state, run.totals.handled), (RunState::Done, 100));
    assert_eq!(run.plan.topics, ["vc.dataset1.events"]);
    session.control.send(Command::Shutdown);
    assert_eq!(session.join().problem, None);
}

#[test]
fn an_unreachable_cluster_is_a_problem_and_can_be_retried() {
    let broker = broker();
    let mut nowhere = unselected(&broker, "null");
    // Nothing listens on port 1 of the loopback interface.
    nowhere.kafka.bootstrap_servers = "127.0.0.1:1".into();
    nowhere.timeout = std::time::Duration::from_millis(300);
    let session = Session::spawn(nowhere).unwrap();
    wait_for(&session, "a problem", |snapshot| snapshot.problem.is_some() && snapshot.catalog.is_none());
    let first = session.feed.snapshots.borrow().at;
    session.control.send(Command::Start);
    // Starting clears the problem first, so a problem in a later snapshot is a new one.
    wait_for(&session, "a problem again", |snapshot| snapshot.problem.is_some() && snapshot.at > first);
    session.control.send(Command::Shutdown);
    assert!(!session.join().problem.unwrap().class.is_usage());
}

/// Reads requests over the options of a session: the topics, the workers, and the handler.
fn reader(base: &SessionOptions) -> RequestReader {
    let settings = base.settings.clone();
    RequestReader::new(move |request| {
        let field = |field: RunField| FieldProblem { field: Some(field), text: "not understood".into() };
        let workers = request.value(RunField::Workers).parse().map_err(|_| vec![field(RunField::Workers)])?;
        let topics = request.value(RunField::Topics).split(',');
        Ok(RequestedRun {
            selection: Selection::topics(topics).map_err(|_| vec![field(RunField::Topics)])?,
            settings: Settings { concurrency: Concurrency::new(workers).unwrap(), ..settings.clone() },
            journal: None,
        })
    })
}

fn numbered(number: u64, topics: &str, workers: &str) -> std::sync::Arc<NumberedRequest> {
    let request = RunRequest::default().with(RunField::Topics, topics).with(RunField::Workers, workers);
    std::sync::Arc::new(NumberedRequest { number, request })
}

#[test]
fn a_request_is_planned_and_started_and_one_with_problems_changes_nothing() {
    let broker = broker();
    let base = unselected(&broker, "null");
    let session = Session::spawn(SessionOptions { requests: Some(reader(&base)), ..base }).unwrap();
    let topics = listed(&session);

    session.control.send(Command::PlanRequest(numbered(1, &topics[0].name, "2")));
    wait_for(&session, "the plan is made", |snapshot| snapshot.planning.forecast_of == 1);
    let snapshot = session.feed.snapshots.borrow().clone();
    assert_eq!(snapshot.planning.forecast.as_ref().unwrap().conditions.concurrency, 2);
    assert!(snapshot.run.is_none() && snapshot.next.concurrency == 4, "a plan changes no settings");

    for command in [Command::PlanRequest, Command::Launch] {
        session.control.send(command(numbered(2, &topics[0].name, "many")));
        wait_for(&session, "the problem", |snapshot| snapshot.planning.read == 2);
        let planning = session.feed.snapshots.borrow().planning.clone();
        assert_eq!(planning.refused[0].field, Some(RunField::Workers));
        assert_eq!((planning.forecast_of, planning.launched), (1, 0));
    }

    session.control.send(Command::Launch(numbered(3, &topics[1].name, "3")));
    wait_for(&session, "the run is over", ended(1));
    let snapshot = session.feed.snapshots.borrow().clone();
    assert_eq!((snapshot.planning.launched, snapshot.planning.refused.len()), (3, 0));
    let run = snapshot.run.clone().unwrap();
    assert_eq!((run.concurrency, run.plan.topics.as_slice()), (3, &[topics[1].name.clone()][..]));
    // The next run is the same.
    session.control.send(Command::Start);
    wait_for(&session, "the second run is over", ended(2));
    assert_eq!(session.feed.snapshots.borrow().finished[1].concurrency, 3);
    session.control.send(Command::Shutdown);
    assert_eq!(session.join().problem, None);
}

#[test]
fn without_a_reader_requests_are_refused() {
    let broker = broker();
    let session = Session::spawn(unselected(&broker, "null")).unwrap();
    session.control.send(Command::Launch(numbered(1, "vc.dataset1.events", "1")));
    wait_for(&session, "the refusal", |snapshot| snapshot.planning.refused.len() == 1);
    assert!(session.feed.snapshots.borrow().run.is_none());
    session.control.send(Command::Shutdown);
    assert_eq!(session.join().problem, None);
}
