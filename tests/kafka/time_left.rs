//! The time left of a run that shares its group with another process.

use std::sync::Arc;

use kreplay::domain::Lag;
use kreplay::feed::{Owner, RunState, RunView};
use kreplay::replay::{Command, Session};

use crate::fixtures::slow_broker::in_lasting_group;
use crate::fixtures::two_sessions::{hurry, sharing};
use crate::support::broker::{self, unique_name};
use crate::support::produce::NewRecord;
use crate::support::sessions::{finish, options, wait_for};

/// With ten records per second, two seconds of work.
const FEW_RECORDS: usize = 20;
/// More than five minutes of work.
const MANY_RECORDS: usize = 4_000;

fn has_first_partition(run: &RunView) -> bool {
    run.partitions.iter().any(|one| one.id.partition.0 == 0 && one.owner != Owner::None)
}

fn is_done(session: &Session) -> bool {
    let snapshot = Arc::clone(&session.feed.snapshots.borrow());
    let run = snapshot.run.as_ref().unwrap();
    run.partitions.iter().filter(|one| one.owner != Owner::None).all(|one| one.lag == Lag::Known(0))
}

fn is_first_partition_done(run: &RunView) -> bool {
    run.partitions.iter().any(|one| one.id.partition.0 == 0 && matches!(one.lag, Lag::Known(0)))
}

/// It waits for the other one, so its time left is the other one's: unknown while that is paused.
#[test]
fn the_process_that_is_done_first_shows_how_long_the_other_one_needs() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("time-left", 2), unique_name("time-left"));
    for (partition, records) in [(0, FEW_RECORDS), (1, MANY_RECORDS)] {
        let record = |number: usize| NewRecord::unkeyed(number.to_string()).in_partition(partition);
        broker.produce(&topic, &(0..records).map(record).collect::<Vec<_>>());
    }
    let sessions = sharing(1, || in_lasting_group(broker, options(broker, &topic, 1), &group));
    for session in &sessions {
        wait_for(session, "the time left of the slower process", |snapshot| {
            snapshot.run.as_ref().is_some_and(|run| {
                run.eta_s.is_some_and(|left_s| left_s > 200.0 && left_s < 1_000.0)
                    && (is_first_partition_done(run) || !has_first_partition(run))
            })
        });
    }
    let slower = sessions.iter().position(|session| !is_done(session)).unwrap();
    sessions[slower].control.send(Command::Pause);
    wait_for(&sessions[1 - slower], "the pause of the slower process", |snapshot| {
        snapshot.run.as_ref().is_some_and(|run| run.eta_s.is_none())
    });
    sessions[slower].control.send(Command::Resume);
    hurry(&sessions);
    for ended in sessions.map(finish) {
        assert_eq!(ended.view.state, RunState::Done, "{}", ended.log());
    }
}
