//! One dashboard of three processes of a group, one of which is killed.

use std::{collections::BTreeSet, path::Path};

use kreplay::control::Command;
use kreplay::feed::{Owner, RunState, RunView};
use kreplay_attach::{Address, AttachOptions, Attachment};
use kreplay_model::timeline::{Figure, TimeRange, Timeline};
use tokio::task::JoinHandle;

use crate::fixtures::slow_broker::{SESSION_TIMEOUT_MS, session_timeout};
use crate::support::{
    broker::{self, Broker, unique_name},
    process::{Program, Running},
    produce::NewRecord,
    timeouts::{OPERATION_TIMEOUT, RUN_TIMEOUT, scaled},
    wait,
};

const PARTITIONS: i32 = 100;
const RECORDS: usize = 15_000;
const PROCESSES: [&str; 3] = ["a", "b", "c"];

/// Starts a process. Its rate keeps the run from ending before the test removes the limit.
fn start(broker: &Broker, topic: &str, group: &str, socket: &Path, more: &[&str]) -> Running {
    let run = Program::kreplay().args(["run", "--bootstrap-server", broker.bootstrap(), "--topics", topic]);
    let run = run.args(["--group", group, "--concurrency", "4", "--handler", "simulate:8ms", "--headless"]);
    let run = run.args(["--rate", "30/s", "--report", "json", "--serve-control", "--serve"]).args([socket]);
    run.args(more).timeout(RUN_TIMEOUT).spawn()
}

/// The processes that own partitions.
fn owners(run: &RunView) -> BTreeSet<&str> {
    run.partitions.iter().filter_map(|partition| process_of(&partition.owner)).collect()
}

fn process_of(owner: &Owner) -> Option<&str> {
    let Owner::Member(name) = owner else { return None };
    Some(name.split_once('/').map_or(name.as_str(), |(process, _)| process))
}

fn processes_of_workers(run: &RunView) -> BTreeSet<&str> {
    run.workers.iter().filter_map(|worker| Some(worker.origin.as_ref()?.process.as_str())).collect()
}

/// The number of processes that have handled records.
fn processes_at_work(run: &RunView) -> usize {
    let workers = run.workers.iter().filter(|worker| worker.handled > 0);
    workers.filter_map(|worker| Some(&worker.origin.as_ref()?.process)).collect::<BTreeSet<_>>().len()
}

/// Follows the dashboard as a console does, until the run is done.
fn follow(attachment: &Attachment) -> JoinHandle<Timeline> {
    let (mut snapshots, events) = (attachment.feed.snapshots.clone(), attachment.feed.events.clone());
    tokio::spawn(async move {
        // On a busy machine, snapshots can be far apart.
        let (mut timeline, mut next) = (Timeline::new(RUN_TIMEOUT), 0);
        loop {
            for event in events.since(next) {
                next = event.seq + 1;
                timeline.add_event(&event);
            }
            let snapshot = snapshots.borrow_and_update().clone();
            timeline.add_snapshot(&snapshot);
            let is_done = snapshot.run.as_ref().is_some_and(|run| run.state == RunState::Done);
            if is_done || snapshots.changed().await.is_err() {
                return timeline;
            }
        }
    })
}

/// The lanes of the killed process end, those of the others go on, and no column counts anything twice.
fn assert_lanes_end(timeline: &Timeline, all: &RunView, done: &RunView) {
    let range = timeline.runs().last().unwrap().range;
    let last_s = TimeRange::new(range.to().plus_s(-2.0).unwrap(), range.to());
    let is_measured = |id: u32, range| {
        timeline.workers().get(&id).is_some_and(|row| row.columns(range, 1).iter().any(Option::is_some))
    };
    for worker in &all.workers {
        let process = worker.origin.as_ref().unwrap().process.as_str();
        assert!(is_measured(worker.id, range), "worker {} of {process} was never measured", worker.id);
        assert!(process != "a" || !is_measured(worker.id, last_s), "a lane of the killed process goes on");
    }
    assert!(done.workers.iter().any(|worker| is_measured(worker.id, last_s)), "no lane goes on");
    let counted = timeline.series(Figure::HandledPerS).count_in(range);
    assert!(counted <= done.totals.handled as f64 + 1.0, "{counted} of {}", done.totals.handled);
}

async fn wait_for(attachment: &Attachment, what: &str, found: impl Fn(&RunView) -> bool) -> RunView {
    let mut snapshots = attachment.feed.snapshots.clone();
    let waiting = snapshots.wait_for(|snapshot| snapshot.run.as_ref().is_some_and(&found));
    let shown = tokio::time::timeout(scaled(RUN_TIMEOUT), waiting).await;
    let run = shown.map(|shown| shown.unwrap().run.clone().unwrap());
    run.unwrap_or_else(|_| panic!("no {what}: {:#?}", attachment.feed.snapshots.borrow().run))
}

#[test]
fn a_killed_process_is_counted_once_and_others_take_over() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("attached", PARTITIONS), unique_name("attached"));
    let records: Vec<_> =
        (0..RECORDS).map(|at| NewRecord::keyed(format!("key-{}", at % 500), format!("{at}"))).collect();
    broker.produce(&topic, &records);
    let folder = tempfile::tempdir().unwrap();
    let sockets = PROCESSES.map(|name| folder.path().join(format!("{name}.sock")));
    // Only the killed process may be removed from the group: more records would be repeated than those of its own.
    let session_timeout = session_timeout(SESSION_TIMEOUT_MS);
    let lasting = ["-X", session_timeout.as_str()];
    let killed = start(broker, &topic, &group, &sockets[0], &[]);
    let [b, c] = [&sockets[1], &sockets[2]].map(|socket| start(broker, &topic, &group, socket, &lasting));
    for socket in &sockets {
        wait::until("the socket", OPERATION_TIMEOUT, || socket.exists().then_some(()));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (total, of_killed) = runtime.block_on(async {
        let addresses = sockets.map(Address::Socket);
        let options = AttachOptions { control: true, ..AttachOptions::default() };
        let attachment = Attachment::open(&addresses, &options).await.unwrap();
        let following = follow(&attachment);
        let all = wait_for(&attachment, "work in three processes", |run| {
            owners(run).len() == 3 && run.totals.handled > 100 && processes_at_work(run) == 3
        });
        let first = all.await;
        // The timeline has a figure of each worker for each second.
        let all = wait_for(&attachment, "two seconds of each worker", |run| {
            processes_of_workers(run).len() == 3 && run.elapsed_s > first.elapsed_s + 2.5
        });
        let all = all.await;
        assert_eq!((all.partitions.len(), all.plan.records), (PARTITIONS as usize, RECORDS as u64));
        drop(killed.kill());
        let two = wait_for(&attachment, "work in two processes", |run| {
            processes_of_workers(run) == BTreeSet::from(["b", "c"]) && owners(run) == BTreeSet::from(["b", "c"])
        });
        let two = two.await;
        assert!(two.totals.handled >= all.totals.handled, "{} after {}", two.totals.handled, all.totals.handled);
        assert_eq!(two.state, RunState::Running, "the run ended before the takeover");
        attachment.control.send(Command::SetRate(None));
        let done = wait_for(&attachment, "end", |run| run.state == RunState::Done).await;
        assert_eq!(done.totals.lag.known(), Some(0));
        assert_lanes_end(&following.await.unwrap(), &all, &done);
        assert_eq!(done.partitions.iter().map(|partition| partition.handled).sum::<u64>(), done.totals.handled);
        let of_killed: u64 = {
            let reports = [b, c].map(|process| {
                let finished = process.finish().expect_success();
                let report: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
                report["totals"]["handled"].as_u64().unwrap()
            });
            done.totals.handled - reports.iter().sum::<u64>()
        };
        (done.totals.handled, of_killed)
    });
    // A record that the killed process had not committed is handled again. What it has handled since its last frame is
    // not known, so it is not counted.
    let records = RECORDS as u64;
    assert!(of_killed > 0 && of_killed < records, "{of_killed} of {total}");
    assert!(
        total > records * 9 / 10 && total <= records + of_killed,
        "{total} of {records}, {of_killed} by the killed"
    );
}
