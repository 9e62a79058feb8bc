//! Changes of the number of workers, and so of the group's members, during a run.

use std::collections::BTreeSet;
use std::time::Duration;

use kreplay::domain::{Concurrency, Ordering};
use kreplay::feed::{EventKind, Owner, RunView};
use kreplay::kafka::GroupProtocol;
use kreplay::replay::{Command, Session};

use crate::fixtures::recorder::Recorder;
use crate::fixtures::slow_broker::{SESSION_TIMEOUT_MS, in_lasting_group, session_timeout};
use crate::support::broker::{self, unique_name};
use crate::support::process::{Program, Running};
use crate::support::produce::NewRecord;
use crate::support::sessions::{finish, options, ordered, run_with, wait_for};
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::wait;

const RECORDS: usize = 40_000;
const PARTITIONS: i32 = 12;

fn owners(run: &RunView) -> BTreeSet<String> {
    run.partitions.iter().filter(|one| one.owner != Owner::None).map(|one| one.owner.to_string()).collect()
}

/// Changes the number of workers several times and checks that nothing is lost or repeated.
fn expect_nothing_repeated_while_workers_change(ordering: Ordering, protocol: GroupProtocol) {
    let broker = broker::shared();
    let topic = broker.topic("growth", PARTITIONS);
    let records: Vec<_> =
        (0..RECORDS).map(|n| NewRecord::keyed(format!("key-{}", n * 31 % 1000), n.to_string())).collect();
    broker.produce(&topic, &records);
    let reference = run_with(options(broker, &topic, 1), Recorder::default().source()).expect_done(RECORDS as u64);

    let recorder = Recorder::slow(Duration::from_millis(1));
    let mut options = ordered(options(broker, &topic, 1), ordering);
    options.protocol = protocol;
    let mut options = in_lasting_group(broker, options, &unique_name("growth"));
    // The rate keeps the run from ending before the last change.
    options.settings.rate = Some("400/s".parse().unwrap());
    let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
    let mut is_slowed = false;
    for concurrency in [1_u32, 6, 12, 3, 12] {
        session.control.send(Command::SetConcurrency(Concurrency::new(concurrency.into()).unwrap()));
        wait_for(&session, &format!("{concurrency} members share the partitions"), |snapshot| {
            // If the changes take minutes, the second half of the records must last for the others.
            if !is_slowed && recorder.count() > RECORDS / 2 {
                is_slowed = true;
                session.control.send(Command::SetRate(Some("10/s".parse().unwrap())));
            }
            snapshot.run.as_ref().is_some_and(|run| {
                run.state.is_over()
                    || (!run.rebalancing && owners(run).len() == concurrency as usize && run.concurrency == concurrency)
            })
        });
    }
    assert!(recorder.count() < RECORDS, "the run ended before the last change");
    session.control.send(Command::SetRate(None));
    let ended = finish(session).expect_done(RECORDS as u64);
    recorder.expect_each_once_in_order(RECORDS);
    assert_eq!(ended.view.digest, reference.view.digest, "{}", ended.log());
    // With key order some records above the position are already handled when a partition moves within the process.
    // They are read again, recognized and skipped. With partition order there are no such records.
    if ordering == Ordering::Partition {
        assert_eq!(ended.view.totals.duplicates, 0, "{}", ended.log());
    }
    let finished: Vec<_> = ended
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::RebalanceFinished { duration_ms, moved, .. } => Some((*duration_ms, *moved)),
            _ => None,
        })
        .collect();
    let started = ended.events.iter().filter(|event| matches!(event.kind, EventKind::RebalanceStarted { .. })).count();
    println!("{protocol} {ordering}: (ms, moved) {finished:?}\n{}", ended.log());
    assert_eq!(started, finished.len(), "not every rebalance that started has finished\n{}", ended.log());
    assert!(finished.len() >= 5, "{finished:?}\n{}", ended.log());
    assert!(finished.iter().any(|(_, moved)| *moved > 0));
    assert_eq!(ended.view.rebalances.len(), finished.len());
}

#[test]
fn a_classic_group_grows_and_shrinks_without_repetitions() {
    expect_nothing_repeated_while_workers_change(Ordering::Key, GroupProtocol::Classic);
}

#[test]
fn a_classic_group_with_partition_order_grows_and_shrinks_without_repetitions() {
    expect_nothing_repeated_while_workers_change(Ordering::Partition, GroupProtocol::Classic);
}

#[test]
fn a_consumer_group_grows_and_shrinks_without_repetitions() {
    expect_nothing_repeated_while_workers_change(Ordering::Key, GroupProtocol::Consumer);
}

/// The range assignor gives partitions to the first members by id. Were the ids random, all partitions would often be
/// those of one process.
#[test]
fn each_process_of_a_group_gets_partitions_although_it_has_a_member_for_each_partition() {
    const PROCESSES: usize = 3;
    let broker = broker::shared();
    let (topic, group) = (broker.topic("each-process", PROCESSES as i32), unique_name("each-process"));
    let session_timeout = session_timeout(SESSION_TIMEOUT_MS);
    let start = || {
        let run = Program::kreplay().args(["run", "--bootstrap-server", broker.bootstrap(), "--topics", &topic]);
        let run = run.args(["--group", &group, "--concurrency", "3", "--handler", "simulate:0ns", "--no-journal"]);
        run.args(["--to", "never", "--headless", "-X", &session_timeout]).timeout(RUN_TIMEOUT).spawn()
    };
    let processes: Vec<Running> = std::iter::repeat_with(start).take(PROCESSES).collect();
    let partition = |number: usize| format!("{topic}-{number}");
    let owned = |process: &Running| -> BTreeSet<String> {
        let mut owned = BTreeSet::new();
        for line in process.stderr().lines() {
            for one in (0..PROCESSES).map(partition) {
                if !line.ends_with(&format!(": {one}")) {
                    continue;
                }
                if line.contains("assigned to ") {
                    owned.insert(one);
                } else if line.contains("revoked from ") || line.contains("lost by ") {
                    owned.remove(&one);
                }
            }
        }
        owned
    };
    wait::until("one partition for each process", RUN_TIMEOUT, || {
        processes.iter().all(|process| owned(process).len() == 1).then_some(())
    });
}
