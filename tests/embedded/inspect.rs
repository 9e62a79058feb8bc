//! Single records of the embedded broker.

use kreplay::{
    decode::DecodeSettings,
    domain::{Offset, TopicPartition},
    inspect::RecordInspector,
    kafka::{KafkaConfig, RecordLookupError, embedded::EmbeddedBroker},
};
use kreplay_model::inspect::{InspectCommand, InspectControl, InspectionStep, Placement, RecordId};
use kreplay_testkit::{timeouts::OPERATION_TIMEOUT, wait};

use crate::support::{partitions, producer, send_numbers};

fn inspector(broker: &EmbeddedBroker) -> RecordInspector {
    let properties = broker.client_properties().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let kafka = KafkaConfig { bootstrap_servers: broker.bootstrap_servers().into(), properties: properties.collect() };
    RecordInspector::new(kafka, DecodeSettings::default().into(), OPERATION_TIMEOUT)
}

fn id(offset: i64) -> RecordId {
    RecordId { partition: TopicPartition::new("numbers", 0), offset: Offset::new(offset).unwrap() }
}

fn broker_with_numbers() -> EmbeddedBroker {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("numbers", partitions(6)).unwrap();
    let producer = producer(&broker);
    send_numbers(&producer, "numbers", 0..60);
    assert_eq!(producer.finish(OPERATION_TIMEOUT).unwrap().records(), 60);
    broker
}

#[test]
fn a_record_is_read_and_one_beyond_the_end_is_reported() {
    let broker = broker_with_numbers();
    let inspector = inspector(&broker);
    let found = inspector.read(&id(7), &|| false).unwrap();
    assert_eq!((found.id, found.placement), (id(7), Placement::Exact));
    assert!(found.value.is_some());
    let error = inspector.read(&id(10), &|| false).unwrap_err();
    assert!(matches!(error, RecordLookupError::BeyondEnd { .. }), "{error}");
}

#[test]
fn views_are_answered_in_the_order_of_their_commands() {
    let broker = broker_with_numbers();
    let inspector = inspector(&broker);
    let (control, server) = InspectControl::channel();
    let thread = std::thread::spawn(move || inspector.serve(server));
    for (number, offset) in [(1, 3), (2, 4)] {
        control.send(InspectCommand::Read { number, id: id(offset) });
        let answer = wait::until("an answer", OPERATION_TIMEOUT, || {
            let answer = control.answers.borrow().clone().filter(|answer| answer.number == number);
            answer.filter(|answer| answer.step != InspectionStep::Reading)
        });
        let InspectionStep::Read(record) = &answer.step else { panic!("{answer:?}") };
        assert_eq!(record.id, id(offset));
    }
    drop(control);
    thread.join().unwrap();
}
