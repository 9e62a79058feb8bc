//! Sessions of the engine on a real broker, each with a deadline.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kreplay::domain::{Concurrency, Lag, Ordering};
use kreplay::feed::{Event, RunState, RunView, Snapshot};
use kreplay::handler::HandlerSource;
use kreplay::kafka::{GroupProtocol, KafkaConfig};
use kreplay::plan::{Scope, Selection};
use kreplay::replay::{Problem, Session, SessionOptions, Settings};

use crate::support::broker::Broker;
use crate::support::wait;

/// However slow the machine, no run here takes longer.
pub const DEADLINE: Duration = Duration::from_secs(180);

/// A run over one topic that starts at once, without a group, with the classic protocol where it gets one.
pub fn options(broker: &Broker, topic: &str, concurrency: u64) -> SessionOptions {
    options_at(broker.bootstrap(), topic, concurrency)
}

/// The same for a broker that only its address is known of.
pub fn options_at(bootstrap: &str, topic: &str, concurrency: u64) -> SessionOptions {
    SessionOptions {
        kafka: KafkaConfig { bootstrap_servers: bootstrap.to_owned(), properties: BTreeMap::new() },
        embedded: false,
        selection: Some(Selection::topics([topic]).unwrap()),
        scope: Scope::default(),
        settings: Settings { concurrency: Concurrency::new(concurrency).unwrap(), ..Settings::default() },
        protocol: GroupProtocol::Classic,
        group_per_run: false,
        timeout: Duration::from_secs(10),
        start: true,
        one_run: true,
        journal: None,
    }
}

/// The same with a group.
pub fn in_group(mut options: SessionOptions, group: &str) -> SessionOptions {
    options.settings.group = Some(group.to_owned());
    options
}

/// The same with another ordering.
pub fn ordered(mut options: SessionOptions, ordering: Ordering) -> SessionOptions {
    options.settings.ordering = ordering;
    options
}

/// A session that is over.
pub struct Ended {
    pub view: RunView,
    pub events: Vec<Event>,
}

impl Ended {
    /// The events as they would be shown, one a line.
    pub fn log(&self) -> String {
        text(&self.events)
    }

    /// The partition with this number, where the run has one topic.
    pub fn partition(&self, number: i32) -> &kreplay::feed::PartitionView {
        self.view.partitions.iter().find(|one| one.id.partition.0 == number).expect("the partition is in the plan")
    }

    /// Itself, where everything was handled.
    pub fn expect_done(self, handled: u64) -> Self {
        let (state, totals) = (self.view.state, self.view.totals);
        assert_eq!(
            (state, totals.handled, totals.lag),
            (RunState::Done, handled, Lag::Known(0)),
            "{}",
            account(&self.view, &self.events)
        );
        self
    }
}

/// Runs to the end with the handler that the settings name.
pub fn run(options: SessionOptions) -> Ended {
    finish(Session::spawn(options).unwrap())
}

/// Runs to the end with a handler of the test's own.
pub fn run_with(options: SessionOptions, handler: Arc<dyn HandlerSource>) -> Ended {
    finish(Session::spawn_with(options, Some(handler)).unwrap())
}

/// What keeps a run from being started.
pub fn problem(options: SessionOptions) -> Problem {
    let session = Session::spawn(options).unwrap();
    wait_for_end(&session, DEADLINE);
    session.join().problem.expect("the run cannot be started")
}

/// Waits for the session's end.
///
/// # Panics
/// Where it does not come in time, or no run was started; the message has the events and what is left.
pub fn finish(session: Session) -> Ended {
    finish_within(session, DEADLINE)
}

/// The same, for a run that may take longer.
pub fn finish_within(session: Session, deadline: Duration) -> Ended {
    wait_for_end(&session, deadline);
    let events = session.feed.events.clone();
    let end = session.join();
    assert_eq!(end.problem, None);
    Ended { view: end.run.expect("there was a run"), events: events.since(0) }
}

fn wait_for_end(session: &Session, deadline: Duration) {
    let over = wait::try_until(deadline, || session.feed.snapshots.has_changed().is_err().then_some(()));
    assert!(over.is_some(), "the session did not end within {deadline:?}\n{}", state(session));
}

/// Waits until a snapshot fulfils a condition.
///
/// # Panics
/// Where that is not so in time; the message has the events and what is left.
pub fn wait_for(session: &Session, what: &str, mut condition: impl FnMut(&Snapshot) -> bool) {
    let met = wait::try_until(DEADLINE, || condition(&session.feed.snapshots.borrow()).then_some(()));
    assert!(met.is_some(), "not within {DEADLINE:?}: {what}\n{}", state(session));
}

/// Waits until an event of the session satisfies a condition.
pub fn wait_for_event(session: &Session, what: &str, mut found: impl FnMut(&Event) -> bool) {
    let met = wait::try_until(DEADLINE, || session.feed.events.since(0).iter().any(&mut found).then_some(()));
    assert!(met.is_some(), "not within {DEADLINE:?}: {what}\n{}", state(session));
}

fn state(session: &Session) -> String {
    let events = session.feed.events.since(0);
    session.feed.snapshots.borrow().run.as_ref().map_or_else(|| text(&events), |run| account(run, &events))
}

/// What a failing test says of a run.
pub fn account(view: &RunView, events: &[Event]) -> String {
    let left: Vec<_> = view
        .partitions
        .iter()
        .filter(|partition| partition.lag != Lag::Known(0))
        .map(|one| format!("{} {}: position {}, end {}, owner {}", one.id, one.state, one.position, one.end, one.owner))
        .collect();
    let workers: Vec<_> = view.workers.iter().map(|worker| format!("{:?}", worker.state)).collect();
    format!(
        "{} (error {:?}), totals {:?}\nbuffered {} bytes, workers {workers:?}\nleft: {left:#?}\nevents:\n{}",
        view.state,
        view.error,
        view.totals,
        view.buffered_bytes,
        text(events)
    )
}

fn text(events: &[Event]) -> String {
    let line = |event: &Event| format!("{} {}", event.at.format("%H:%M:%S%.3f"), event.kind);
    events.iter().map(line).collect::<Vec<_>>().join("\n")
}
