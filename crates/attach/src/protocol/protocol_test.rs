use std::{sync::Arc, time::Duration};

use kreplay_model::{
    control::{Command, Decision},
    domain::{Concurrency, Offset, TopicPartition},
    inspect::{
        Content, Decoded, HeaderView, InspectCommand, InspectedRecord, Inspection, InspectionStep, Placement, RecordId,
    },
    journal::JournalListing,
    recording::{Entry, EntryHead, EntryKind},
    watch::{SilenceCommand, WatchCommand},
};
use proptest::prelude::*;

use super::{message::Message, transfer::encode, *};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn read_all<M: Message>(mut bytes: &[u8]) -> Result<Vec<M>, ProtocolError> {
    block_on(async {
        let mut messages = Vec::new();
        while let Some(message) = read(&mut bytes, MAX_FRAME_BYTES).await? {
            messages.push(message);
        }
        Ok(messages)
    })
}

fn entry() -> impl Strategy<Value = Entry> {
    let head = (0..EntryKind::COUNT, any::<i64>(), any::<bool>(), any::<bool>());
    (head, any::<Vec<u8>>()).prop_map(|((kind, at_ms, is_whole, has_mark), payload)| {
        let head = EntryHead { kind: EntryKind::ALL[kind], at_ms, is_whole, has_mark };
        Entry { head, payload }
    })
}

fn from_server() -> impl Strategy<Value = FromServer> {
    let welcome = (any::<String>(), any::<u64>(), any::<Option<String>>(), any::<[bool; 7]>());
    let welcome = welcome.prop_map(
        |(program, instance, run, [session, groups, control, records, silences, alerts, journals])| {
            FromServer::Welcome(Welcome {
                program,
                instance,
                run,
                session,
                groups,
                control,
                records,
                silences,
                alerts,
                journals,
            })
        },
    );
    prop_oneof![
        welcome,
        any::<String>().prop_map(FromServer::Refused),
        prop::collection::vec(entry(), 0..4).prop_map(FromServer::Frame),
        Just(FromServer::Probe),
        any::<String>().prop_map(FromServer::CommandRefused),
        (any::<u64>(), any::<String>()).prop_map(|(number, why)| {
            FromServer::Inspected(Box::new(Inspection { number, step: InspectionStep::Failed(why) }))
        }),
        (any::<u64>(), any::<String>()).prop_map(|(number, why)| {
            let listing = JournalListing { directory: String::new(), runs: Err(why) };
            FromServer::Journals(Box::new(ListedJournals { number, listing }))
        }),
        Just(FromServer::End),
    ]
}

fn command() -> impl Strategy<Value = RemoteCommand> {
    let topics = prop::collection::vec(any::<String>(), 0..4).prop_map(Arc::<[String]>::from);
    prop_oneof![
        Just(RemoteCommand::Session(Command::Pause)),
        topics.clone().prop_map(|topics| RemoteCommand::Session(Command::Replay(topics))),
        (1..=1000_u64).prop_map(|workers| {
            RemoteCommand::Session(Command::SetConcurrency(Concurrency::new(workers).unwrap()))
        }),
        any::<Option<u64>>().prop_map(|key| RemoteCommand::Session(Command::Decide(Decision::Release, key))),
        (1..=u64::MAX).prop_map(|rate| {
            let rate = std::num::NonZeroU64::new(rate).map(kreplay_model::domain::RateLimit::Bytes);
            RemoteCommand::Session(Command::SetRate(rate))
        }),
        topics.prop_map(|groups| RemoteCommand::Watch(WatchCommand::LookAt(groups))),
        any::<bool>().prop_map(|pause| RemoteCommand::Watch(WatchCommand::Pause(pause))),
        (any::<String>(), any::<Duration>())
            .prop_map(|(rule, length)| RemoteCommand::Silence(SilenceCommand::Silence { rule, length })),
        (any::<u64>(), any::<String>(), 0..i64::MAX).prop_map(|(number, topic, offset)| {
            let id =
                RecordId { partition: TopicPartition::new(topic.as_str(), 3), offset: Offset::new(offset).unwrap() };
            RemoteCommand::Inspect(InspectCommand::Read { number, id })
        }),
        Just(RemoteCommand::Inspect(InspectCommand::Stop)),
        any::<u64>().prop_map(RemoteCommand::ListJournals),
    ]
}

fn from_client() -> impl Strategy<Value = FromClient> {
    let hello = (any::<String>(), any::<Option<String>>(), any::<bool>());
    prop_oneof![
        hello.prop_map(|(program, token, control)| FromClient::Hello(Hello { program, token, control })),
        Just(FromClient::Alive),
        command().prop_map(FromClient::Command),
    ]
}

proptest! {
    #[test]
    fn messages_of_servers_survive_the_connection(messages in prop::collection::vec(from_server(), 0..6)) {
        let bytes: Vec<u8> = messages.iter().flat_map(|message| encode(message).unwrap()).collect();
        prop_assert_eq!(read_all::<FromServer>(&bytes).unwrap(), messages);
    }

    #[test]
    fn messages_of_clients_survive_the_connection(messages in prop::collection::vec(from_client(), 0..6)) {
        let bytes: Vec<u8> = messages.iter().flat_map(|message| encode(message).unwrap()).collect();
        prop_assert_eq!(read_all::<FromClient>(&bytes).unwrap(), messages);
    }

    #[test]
    fn a_message_that_is_cut_is_an_error(message in from_server(), cut: prop::sample::Index) {
        let bytes = encode(&message).unwrap();
        let cut = 1 + cut.index(bytes.len() - 1);
        prop_assert!(matches!(read_all::<FromServer>(&bytes[..cut]), Err(ProtocolError::Cut)));
    }

    #[test]
    fn garbage_is_refused_without_a_panic(bytes: Vec<u8>) {
        // Random bytes may begin with a valid message; what is asserted is that reading ends.
        drop(read_all::<FromServer>(&bytes));
        drop(read_all::<FromClient>(&bytes));
        let preamble = block_on(read_preamble(&mut bytes.as_slice()));
        prop_assert!(matches!(preamble, Err(ProtocolError::NotKreplay | ProtocolError::Cut)));
    }
}

#[test]
fn a_record_survives_the_connection_byte_for_byte() {
    let partition = TopicPartition::new("orders", 0);
    let id = RecordId { partition, offset: Offset::new(7).unwrap() };
    let record = InspectedRecord {
        placement: Placement::Next { asked: id.offset, compacts: None },
        id,
        timestamp_ms: Some(-1),
        key: Some(Content::new(&[0, 0xff, b'k'], 9, Decoded::Plain)),
        headers: vec![HeaderView { name: vec![0xfe], value: None, len: 0 }],
        more_headers: 3,
        value: Some(Content::new(b"{}", 9, Decoded::Json("{}".into()))),
    };
    let step = InspectionStep::Read(Arc::new(record));
    let message = FromServer::Inspected(Box::new(Inspection { number: 1, step }));
    assert_eq!(read_all::<FromServer>(&encode(&message).unwrap()).unwrap(), [message]);
}

#[test]
fn a_process_of_an_earlier_version_offers_less() {
    let body = br#"{"program":"0.1.0","instance":1,"run":null,"session":true,"groups":false,"control":true}"#;
    let welcome = FromServer::parse(1, body);
    assert!(
        matches!(
            welcome,
            Some(FromServer::Welcome(Welcome { records: false, silences: false, alerts: false, journals: false, .. }))
        ),
        "{welcome:?}"
    );
}

#[test]
fn a_message_cannot_ask_for_more_memory_than_it_has_bytes() {
    let mut bytes = u32::try_from(MAX_FRAME_BYTES).unwrap().to_le_bytes().to_vec();
    bytes.extend([3; 100]);
    assert!(matches!(read_all::<FromServer>(&bytes), Err(ProtocolError::Cut)));
    let announced = u32::MAX.to_le_bytes();
    assert!(matches!(read_all::<FromServer>(&announced), Err(ProtocolError::TooLong { .. })));
    let hello = block_on(read::<FromClient>(&mut &bytes[..], MAX_HELLO_BYTES));
    assert!(matches!(hello, Err(ProtocolError::TooLong { max: MAX_HELLO_BYTES, .. })));
    // An entry that announces a payload longer than the message.
    let mut body = vec![3, 0x10, 0];
    kreplay_model::domain::varint::push(&mut body, u64::MAX);
    let mut message = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
    message.extend(body);
    assert!(matches!(read_all::<FromServer>(&message), Err(ProtocolError::Damaged)));
    assert!(matches!(read_all::<FromServer>(&[0, 0, 0, 0]), Err(ProtocolError::Damaged)));
}

#[test]
fn another_version_is_named() {
    block_on(async {
        let mut bytes = Vec::new();
        write_preamble(&mut bytes).await.unwrap();
        assert!(read_preamble(&mut bytes.as_slice()).await.is_ok());
        bytes[MAGIC.len()..].copy_from_slice(&(VERSION + 6).to_le_bytes());
        let error = read_preamble(&mut bytes.as_slice()).await.unwrap_err();
        assert!(matches!(error, ProtocolError::Version { theirs } if theirs == VERSION + 6));
        assert!(error.to_string().contains("protocol version 7, but this kreplay uses version 1"), "{error}");
        let http = read_preamble(&mut &b"HTTP/1.1 400 Bad Request"[..]).await;
        assert!(matches!(http, Err(ProtocolError::NotKreplay)));
    });
}

#[test]
fn the_token_is_not_in_debug_output() {
    let hello = Hello { program: "1".into(), token: Some("s3cret".into()), control: false };
    assert!(!format!("{hello:?}").contains("s3cret"));
}
