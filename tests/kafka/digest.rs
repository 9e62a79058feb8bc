//! The digest of a run does not depend on how its records were handled.

use kreplay::domain::Ordering;
use kreplay::kafka::GroupProtocol;

use crate::fixtures::recorder::Recorder;
use crate::support::broker::{self, unique_name};
use crate::support::produce::NewRecord;
use crate::support::sessions::{in_group, options, ordered, run_with};

const RECORDS: usize = 10_000;

#[test]
fn all_orderings_concurrencies_and_groups_give_the_same_digest() {
    let broker = broker::shared();
    let topic = broker.topic("digest", 12);
    let records: Vec<_> =
        (0..RECORDS).map(|n| NewRecord::keyed(format!("key-{}", n * 31 % 100), n.to_string())).collect();
    broker.produce(&topic, &records);
    let plain = |concurrency| options(broker, &topic, concurrency);
    let mut consumer = in_group(plain(6), &unique_name("digest"));
    consumer.protocol = GroupProtocol::Consumer;
    let ways = [
        ("sequential", plain(1)),
        ("parallel", plain(8)),
        ("by partition", ordered(plain(5), Ordering::Partition)),
        ("classic group", in_group(plain(6), &unique_name("digest"))),
        ("classic group by partition", in_group(ordered(plain(12), Ordering::Partition), &unique_name("digest"))),
        ("group with more workers than partitions", in_group(plain(30), &unique_name("digest"))),
        ("consumer group", consumer),
    ];
    let mut digests = Vec::new();
    for (name, options) in ways {
        let recorder = Recorder::default();
        let group = options.settings.group.clone();
        let ended = run_with(options, recorder.source()).expect_done(RECORDS as u64);
        recorder.expect_each_once_in_order(RECORDS);
        // A partition that moves between members of this process may be read again, but no record is handled again.
        assert_eq!(ended.view.totals.repeated, 0, "{name}\n{}", ended.log());
        if let Some(group) = group {
            for partition in &ended.view.partitions {
                let committed = broker.committed(&group, &topic, partition.id.partition.0);
                assert_eq!(committed, Some(partition.end.get()), "{name}: {}\n{}", partition.id, ended.log());
            }
        }
        digests.push((name, ended.view.digest));
    }
    assert!(digests.iter().all(|(_, digest)| *digest == digests[0].1), "{digests:#?}");
}
