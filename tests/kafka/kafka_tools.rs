//! Records written by Kafka's own tools.

use crate::fixtures::recorder::Recorder;
use crate::support::broker::{self, unique_name};
use crate::support::sessions::{in_group, options, run_with};

const CONSOLE_PRODUCER: &str = "org.apache.kafka.tools.ConsoleProducer";
const PERFORMANCE_PRODUCER: &str = "org.apache.kafka.tools.ProducerPerformance";

#[test]
fn records_of_kafkas_own_tools_are_replayed() {
    let broker = broker::shared();
    let topic = broker.topic("tools", 3);
    let performance = ["--topic", &topic, "--num-records", "5000", "--record-size", "100", "--throughput", "-1"];
    broker.kafka_tool(PERFORMANCE_PRODUCER, &performance, b"").expect_success();
    let keyed = [
        "--topic",
        &topic,
        "--reader-property",
        "parse.key=true",
        "--reader-property",
        "parse.headers=true",
        "--reader-property",
        "null.marker=NULL",
    ];
    let lines = "h1:v1,h2:v2\torder-1\tfirst\nh1:v3\torder-1\tsecond\nNULL\torder-2\tNULL\n";
    broker.kafka_tool(CONSOLE_PRODUCER, &keyed, lines.as_bytes()).expect_success();
    for group in [None, Some(unique_name("tools"))] {
        let recorder = Recorder::default();
        let options = options(broker, &topic, 4);
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        run_with(options, recorder.source()).expect_done(5003);
        recorder.expect_each_once_in_order(5003);
        let seen = recorder.seen();
        let (keyed, plain): (Vec<_>, Vec<_>) = seen.into_iter().partition(|one| one.key.is_some());
        assert!(plain.iter().all(|one| one.value.as_ref().is_some_and(|value| value.len() == 100)));
        let records_of =
            |key: &str| -> Vec<_> { keyed.iter().filter(|one| one.key.as_deref() == Some(key.as_bytes())).collect() };
        let values: Vec<_> = records_of("order-1").iter().map(|one| one.value.clone().unwrap()).collect();
        assert_eq!(values, [b"first".to_vec(), b"second".to_vec()]);
        let header = |name: &str, value: &str| (name.as_bytes().to_vec(), Some(value.as_bytes().to_vec()));
        assert_eq!(records_of("order-1")[0].headers, [header("h1", "v1"), header("h2", "v2")]);
        assert_eq!((records_of("order-2").len(), &records_of("order-2")[0].value), (1, &None));
    }
}
