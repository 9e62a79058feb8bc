//! A run is held back while another group lags, and that group notices nothing of being looked at.

use std::time::Duration;

use kreplay::feed::{EventKind, RunState};
use kreplay::replay::Session;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use crate::sessions::{finish, options, run, wait_for, wait_for_event};
use crate::support::broker::{self, Broker, unique_name};
use crate::support::produce::NewRecord;
use crate::support::wait;

const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";

fn records(count: usize) -> Vec<NewRecord> {
    (0..count).map(|n| NewRecord::keyed(format!("key-{}", n % 10), n.to_string())).collect()
}

/// As the group itself would commit, without a member.
pub fn commit(broker: &Broker, group: &str, topic: &str, offset: i64) {
    let consumer: BaseConsumer = broker.client().set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Offset(offset)).unwrap();
    // A broker's first group has its coordinator made, and until then requests fail.
    wait::until("the commit", Duration::from_secs(90), || consumer.commit(&list, CommitMode::Sync).ok());
}

fn description(broker: &Broker, group: &str) -> String {
    let said = broker.kafka_tool(GROUPS, &["--describe", "--group", group, "--offsets", "--state"], b"");
    format!("{}{}", said.stdout, said.stderr)
}

fn held_back(snapshot: &kreplay::feed::Snapshot) -> Option<(Option<u64>, Option<f64>)> {
    let guard = snapshot.run.as_ref()?.limits.guard.clone()?;
    Some((guard.lag, guard.records_per_s))
}

#[test]
fn a_run_waits_for_a_group_that_lags_and_goes_on_when_it_has_caught_up() {
    let broker = broker::shared();
    let (behind, replayed, group) = (broker.topic("behind", 1), broker.topic("replayed", 3), unique_name("protected"));
    broker.produce(&behind, &records(1000));
    broker.produce(&replayed, &records(2000));
    commit(broker, &group, &behind, 10);
    let before = description(broker, &group);

    let mut options = options(broker, &replayed, 4);
    options.settings.protect_group = Some(group.clone());
    options.settings.max_lag = Some(500);
    let session = Session::spawn(options).unwrap();
    wait_for(&session, "the lag is seen", |shot| held_back(shot) == Some((Some(990), Some(0.0))));
    assert_eq!(description(broker, &group), before, "looking changes nothing");
    let handled = session.feed.snapshots.borrow().run.as_ref().unwrap().totals.handled;
    assert_eq!(handled, 0, "nothing is handed out while the group lags");

    // Below the line, but not yet by enough.
    commit(broker, &group, &behind, 550);
    wait_for(&session, "it is still held back", |shot| held_back(shot) == Some((Some(450), Some(0.0))));
    commit(broker, &group, &behind, 900);
    let ended = finish(session).expect_done(2000);
    let log = ended.log();
    assert!(log.contains(&format!("group {group}: lag 100: free to go on")), "{log}");
    assert_eq!(broker.committed(&group, &behind, 0), Some(900));
}

#[test]
fn a_run_slows_down_when_a_group_falls_behind_on_the_way() {
    let broker = broker::shared();
    let (behind, replayed, group) = (broker.topic("behind", 1), broker.topic("replayed", 3), unique_name("protected"));
    broker.produce(&behind, &records(10));
    broker.produce(&replayed, &records(30_000));
    commit(broker, &group, &behind, 10);
    let mut options = options(broker, &replayed, 4);
    options.settings.handler = "simulate:2ms".parse().unwrap();
    options.settings.protect_group = Some(group.clone());
    options.settings.max_lag = Some(500);
    let session = Session::spawn(options).unwrap();
    wait_for(&session, "it has begun", |shot| shot.run.as_ref().is_some_and(|run| run.totals.handled > 1000));
    broker.produce(&behind, &records(1000));
    wait_for_event(
        &session,
        "it is slowed down",
        |event| matches!(&event.kind, EventKind::Notice { text } if text.contains("lag 1000 is above 500: slowed down to")),
    );
    wait_for(&session, "it is stopped", |shot| held_back(shot) == Some((Some(1000), Some(0.0))));
    commit(broker, &group, &behind, 1010);
    wait_for_event(
        &session,
        "it comes back",
        |event| matches!(&event.kind, EventKind::Notice { text } if text.contains("lag 0: up to")),
    );
    session.control.send(kreplay::replay::Command::Cancel);
    assert_eq!(finish(session).view.state, RunState::Cancelled);
}

#[test]
fn a_group_that_has_committed_nothing_is_a_slip_in_its_name() {
    let broker = broker::shared();
    let replayed = broker.topic("replayed", 1);
    broker.produce(&replayed, &records(10));
    let mut options = options(broker, &replayed, 1);
    options.settings.protect_group = Some(unique_name("nobody"));
    options.settings.max_lag = Some(500);
    let ended = run(options);
    assert_eq!((ended.view.state, ended.view.totals.handled), (RunState::Failed, 0));
    assert!(ended.view.error.unwrap().contains("has no committed offsets on this cluster"), "{:?}", ended.events);
}

#[test]
fn a_topic_that_the_group_has_left_is_named_and_can_be_left_out() {
    let broker = broker::shared();
    let (left, live, replayed) = (broker.topic("left", 1), broker.topic("live", 1), broker.topic("replayed", 1));
    let group = unique_name("protected");
    broker.produce(&left, &records(1000));
    broker.produce(&live, &records(10));
    broker.produce(&replayed, &records(10));
    commit(broker, &group, &left, 0);
    commit(broker, &group, &live, 10);
    let protected = || {
        let mut options = options(broker, &replayed, 1);
        options.settings.protect_group = Some(group.clone());
        options.settings.max_lag = Some(500);
        options
    };
    let session = Session::spawn(protected()).unwrap();
    wait_for(&session, "the partition is named", |shot| {
        let guard = shot.run.as_ref().and_then(|run| run.limits.guard.clone());
        guard.is_some_and(|guard| guard.partition == Some(format!("{left}-0")) && guard.partition_lag == Some(1000))
    });
    let hint = format!("group {group}: {left}-0 has 1000 of its lag; if the group reads topic {left} no more");
    wait_for_event(
        &session,
        "the way out is named",
        |event| matches!(&event.kind, EventKind::Notice { text } if text.starts_with(&hint) && text.contains("--protect-topics")),
    );
    session.control.send(kreplay::replay::Command::Cancel);
    assert_eq!(finish(session).view.totals.handled, 0);

    let mut options = protected();
    options.settings.protect_topics = vec![live.parse().unwrap()];
    run(options).expect_done(10);

    let mut options = protected();
    options.settings.protect_topics = vec!["nothing.*".parse().unwrap()];
    let error = run(options).view.error.unwrap();
    assert!(error.contains(&left) && error.contains("--protect-topics"), "{error}");
}
