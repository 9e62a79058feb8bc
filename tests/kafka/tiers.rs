//! All tiers read the same records.

use kreplay::domain::{Ordering, Tier};
use kreplay::handler::built_in;
use kreplay::plan::Selection;
use kreplay::replay::{Command, Session, SessionOptions};

use crate::fixtures::recorder::Recorder;
use crate::support::broker::{self, unique_name};
use crate::support::produce::{Ending, NewRecord};
use crate::support::sessions::{finish, in_group, options, ordered, run, run_with, wait_for};

const RECORDS: usize = 6000;

/// The same run with a tier.
fn with_tier(mut options: SessionOptions, tier: Tier) -> SessionOptions {
    options.settings.tier = tier;
    // With one client for each broker the run would read as with the tier `buffered`.
    options.settings.fetch_clients = Some(3);
    options
}

fn records(seed: usize) -> Vec<NewRecord> {
    (0..RECORDS).map(|n| NewRecord::keyed(format!("key-{}", (n * 31 + seed) % 100), n.to_string())).collect()
}

#[test]
fn every_tier_gives_the_same_digest_alone_and_in_a_group() {
    let broker = broker::shared();
    let topic = broker.topic("tiers", 6);
    broker.produce(&topic, &records(0));
    let mut digests = Vec::new();
    for tier in Tier::ALL {
        let plain = |concurrency| with_tier(options(broker, &topic, concurrency), tier);
        let ways = [
            ("by key", plain(8)),
            ("by partition", ordered(plain(4), Ordering::Partition)),
            ("group by key", in_group(plain(3), &unique_name("tiers"))),
            ("group by partition", in_group(ordered(plain(6), Ordering::Partition), &unique_name("tiers"))),
        ];
        for (name, options) in ways {
            let recorder = Recorder::default();
            let group = options.settings.group.clone();
            let ended = run_with(options, recorder.source()).expect_done(RECORDS as u64);
            recorder.expect_each_once_in_order(RECORDS);
            assert_eq!(ended.view.plan.tier.split(' ').next(), Some(tier.as_str()), "{name}");
            // A partition that moves between members of this process may be read again, but no record is handled again.
            assert_eq!(ended.view.totals.repeated, 0, "{name}\n{}", ended.log());
            if let Some(group) = group {
                for partition in &ended.view.partitions {
                    let committed = broker.committed(&group, &topic, partition.id.partition.0);
                    assert_eq!(committed, Some(partition.end.get()), "{tier} {name}: {}", partition.id);
                }
            }
            digests.push((tier, name, ended.view.digest));
        }
    }
    assert!(digests.iter().all(|(_, _, digest)| *digest == digests[0].2), "{digests:#?}");
}

#[test]
fn every_tier_gives_the_same_digest_with_back_pressure_and_pauses() {
    let broker = broker::shared();
    let topics = [("a", 6), ("b", 1), ("c", 2)].map(|(name, count)| broker.topic(&format!("tiers-{name}"), count));
    for (seed, topic) in topics.iter().enumerate() {
        broker.produce(topic, &records(seed));
    }
    let mut digests = Vec::new();
    for tier in Tier::ALL {
        let mut slow = with_tier(options(broker, "unused", 4), tier);
        slow.selection = Some(Selection::topics(topics.clone()).unwrap());
        slow.settings.handler = built_in("simulate:100us").unwrap();
        // Only a small part of the records fits into the buffer, so partitions are paused and resumed all the time.
        slow.settings.buffer_bytes = 256 << 10;
        slow.settings.fetch_batch = 100;
        let session = Session::spawn(slow).unwrap();
        for part in [3000, 9000] {
            wait_for(&session, "a part is handled", |snapshot| {
                snapshot.run.as_ref().is_some_and(|run| run.totals.handled > part)
            });
            session.control.send(Command::Pause);
            wait_for(&session, "all workers are idle", |snapshot| {
                let idle = |worker: &kreplay::feed::WorkerView| worker.state == kreplay::feed::WorkerState::Idle;
                snapshot.run.as_ref().is_some_and(|run| run.workers.iter().all(idle))
            });
            session.control.send(Command::Resume);
        }
        let ended = finish(session).expect_done(3 * RECORDS as u64);
        digests.push((tier, ended.view.digest));
    }
    assert!(digests.iter().all(|(_, digest)| *digest == digests[0].1), "{digests:#?}");
}

#[test]
fn every_tier_reaches_the_end_behind_a_transaction_marker() {
    let broker = broker::shared();
    let topic = broker.topic("tiers-marker", 2);
    let ten: Vec<_> = (0..10).map(|n| NewRecord::keyed(n.to_string(), "value").in_partition(n % 2)).collect();
    broker.transaction(&topic, Ending::Commit, &ten);
    broker.transaction(&topic, Ending::Abort, &ten);
    for tier in Tier::ALL {
        for group in [None, Some(unique_name("tiers-marker"))] {
            let options = with_tier(options(broker, &topic, 2), tier);
            let options = if let Some(group) = &group { in_group(options, group) } else { options };
            run(options).expect_done(10);
        }
    }
}

/// While handlers are the bottleneck, all partitions move from several clients to one. Nothing is lost or read twice.
#[test]
fn auto_changes_the_number_of_clients_during_the_run() {
    const RECORDS_OF_AUTO: usize = 120_000;
    let broker = broker::shared();
    let topic = broker.topic("tiers-auto", 6);
    let records: Vec<NewRecord> =
        (0..RECORDS_OF_AUTO).map(|n| NewRecord::keyed(format!("key-{}", n % 1000), n.to_string())).collect();
    broker.produce(&topic, &records);
    let mut options = with_tier(options(broker, &topic, 4), Tier::Auto);
    options.settings.buffer_bytes = 1 << 20;
    options.settings.rate = Some("500/s".parse().unwrap());
    let recorder = Recorder::default();
    let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
    let tier_is = |what: &str, tier: &str| {
        wait_for(&session, what, |snapshot| snapshot.run.as_ref().is_some_and(|run| run.plan.tier == tier));
    };
    tier_is("several clients at first", "auto (dedicated)");
    tier_is("one client while handlers are the bottleneck", "auto (buffered)");
    session.control.send(Command::SetRate(None));
    finish(session).expect_done(RECORDS_OF_AUTO as u64);
    recorder.expect_each_once_in_order(RECORDS_OF_AUTO);
}
