//! What a session does with commands while a run is being planned or started.

use std::{
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use kreplay_kafka::{GroupProtocol, KafkaConfig};
use kreplay_model::{
    control::{NumberedRequest, RunRequest},
    feed::{Event, EventLog, Snapshot},
};
use tokio::sync::watch;

use super::SessionLoop;
use crate::{
    plan::{Scope, Selection},
    replay::{Command, Control, RequestReader, RequestedRun, SessionOptions},
    settings::Settings,
};

const LONG: Duration = Duration::from_secs(600);

/// A session that plans before each run, with a cluster that does not answer, and where its commands go.
fn session() -> (SessionLoop, Control) {
    let selection = Selection::topics(["orders"]).unwrap();
    let mut settings = Settings::default();
    settings.planning.before_run = true;
    let requested = RequestedRun { selection: selection.clone(), settings: settings.clone(), journal: None };
    let options = SessionOptions {
        // Nothing listens on port 1 of the loopback interface.
        kafka: KafkaConfig::new("127.0.0.1:1"),
        embedded: false,
        selection: Some(selection),
        scope: Scope::default(),
        settings,
        protocol: GroupProtocol::default(),
        group_per_run: false,
        timeout: Duration::from_millis(100),
        start: false,
        one_run: false,
        journal: None,
        requests: Some(RequestReader::new(move |_| Ok(requested.clone()))),
    };
    let (control, commands) = Control::channel();
    let (publish, _) = watch::channel(Arc::<Snapshot>::default());
    (SessionLoop::new(options, commands, EventLog::default(), publish), control)
}

fn request(number: u64) -> NumberedRequest {
    NumberedRequest { number, request: RunRequest::default() }
}

#[test]
fn a_run_that_waits_for_its_plan_is_started_before_a_request_is_planned() {
    let (mut session, _control) = session();
    session.start();
    assert!(session.plan_task.starts_run);
    session.plan_request(&request(1));
    session.plan_request(&request(2));
    assert!(session.plan_task.starts_run && session.plan_task.is_busy() && session.problem.is_none());
    let until = Instant::now() + LONG;
    // Without a plan the run is started nevertheless, which fails for the same reason.
    while session.problem.is_none() {
        assert!(Instant::now() < until, "the run is not started");
        sleep(Duration::from_millis(1));
        session.poll_plan();
    }
    assert!(!session.plan_task.starts_run && session.plan_task.is_busy(), "the request is planned now");
    session.plan_task.stop();
    session.plan_next_request();
    assert!(!session.plan_task.is_busy(), "the first request is of no use");
}

#[test]
fn a_request_that_waits_is_not_planned_if_planning_is_stopped() {
    let (mut session, _control) = session();
    session.start();
    session.plan_request(&request(1));
    session.handle_command(Command::StopPlanning);
    session.plan_next_request();
    assert!(!session.plan_task.starts_run && !session.plan_task.is_busy());
}

#[test]
fn a_restart_that_was_asked_for_while_the_run_was_being_started_is_ignored() {
    let (mut session, control) = session();
    for command in [Command::Restart, Command::Start, Command::Pause, Command::Stop, Command::Restart] {
        control.send(command);
    }
    session.take_early_commands();
    assert_eq!(session.early, [Command::Pause, Command::Stop, Command::Restart], "the last one is for another run");
    let events: Vec<String> = session.events.since(0).iter().map(Event::text).collect();
    assert_eq!(events, ["restart ignored: the run was still being started when it was asked for"]);
}
