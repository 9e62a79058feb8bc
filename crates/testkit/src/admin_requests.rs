//! Administrative requests that rdkafka has no call for, in Kafka's own protocol. Kafka's command line tools make them
//! as well, but each tool starts a JVM, which takes seconds.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::broker::{Broker, REQUEST_TIMEOUT};

/// What an access rule is about.
#[derive(Clone, Copy, Debug)]
pub enum Resource<'a> {
    Topic(&'a str),
    Group(&'a str),
}

/// What an access rule allows or denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Read,
    Write,
    Describe,
}

/// Whether an access rule allows or denies.
#[derive(Clone, Copy, Debug)]
pub enum Permission {
    Allow,
    Deny,
}

// Numbers of Kafka's protocol.
const INCREMENTAL_ALTER_CONFIGS: i16 = 44;
const CREATE_ACLS: i16 = 30;
const OFFSET_COMMIT: i16 = 8;
const OFFSET_DELETE: i16 = 47;
const TOPIC: i8 = 2;
const GROUP: i8 = 3;
/// Of a group's settings; access rules have another number for groups.
const GROUP_SETTINGS: i8 = 32;
const LITERAL_NAME: i8 = 3;
const SET: i8 = 0;

impl Broker {
    /// Adds an access rule for the user that clients without credentials have.
    pub fn add_access_rule(&self, resource: Resource<'_>, operation: Operation, permission: Permission) {
        let (kind, name) = match resource {
            Resource::Topic(name) => (TOPIC, name),
            Resource::Group(name) => (GROUP, name),
        };
        let operation = match operation {
            Operation::Read => 3,
            Operation::Write => 4,
            Operation::Describe => 8,
        };
        let permission = match permission {
            Permission::Deny => 2,
            Permission::Allow => 3,
        };
        let rule = Request::new(CREATE_ACLS, 1).count(1).int8(kind).text(name).int8(LITERAL_NAME);
        let rule = rule.text("User:ANONYMOUS").text("*").int8(operation).int8(permission);
        let mut answer = rule.send(self);
        answer.skip(4);
        assert_eq!(answer.count(), 1);
        assert_eq!(answer.int16(), 0, "the rule about {resource:?} is refused");
    }

    /// Changes one setting of a topic.
    pub fn set_topic_setting(&self, topic: &str, setting: &str, value: &str) {
        self.change_setting(TOPIC, topic, setting, value);
    }

    /// Changes one setting of a group.
    pub fn set_group_setting(&self, group: &str, setting: &str, value: &str) {
        self.change_setting(GROUP_SETTINGS, group, setting, value);
    }

    fn change_setting(&self, kind: i8, name: &str, setting: &str, value: &str) {
        let change = Request::new(INCREMENTAL_ALTER_CONFIGS, 0).count(1).int8(kind).text(name);
        let change = change.count(1).text(setting).int8(SET).text(value).int8(0);
        let mut answer = change.send(self);
        answer.skip(4);
        assert_eq!(answer.count(), 1);
        assert_eq!(answer.int16(), 0, "{setting}={value} of {name} is refused");
    }

    /// Commits the same offset in the first `partitions` partitions of a topic, for a group without members. This takes
    /// a few milliseconds, the start of a client for each of many groups far more.
    pub fn commit_everywhere(&self, group: &str, topic: &str, partitions: i32, offset: i64) {
        // No generation, no member, the broker's retention.
        let commit = Request::new(OFFSET_COMMIT, 2).text(group).int32(-1).text("").int64(-1);
        let commit = commit.count(1).text(topic).count(partitions);
        let commit = (0..partitions).fold(commit, |commit, partition| commit.int32(partition).int64(offset).text(""));
        let mut answer = commit.send(self);
        assert_eq!(answer.count(), 1);
        answer.text();
        assert_eq!(answer.count(), partitions);
        for _ in 0..partitions {
            let partition = answer.int32();
            assert_eq!(answer.int16(), 0, "{topic}-{partition} of group {group}");
        }
    }

    /// Deletes the committed offset of a partition. The group must not have members.
    pub fn delete_committed(&self, group: &str, topic: &str, partition: i32) {
        let deletion = Request::new(OFFSET_DELETE, 0).text(group).count(1).text(topic).count(1).int32(partition);
        let mut answer = deletion.send(self);
        assert_eq!(answer.int16(), 0, "group {group}");
        answer.skip(4);
        assert_eq!(answer.count(), 1);
        answer.text();
        assert_eq!((answer.count(), answer.int32(), answer.int16()), (1, partition, 0), "{topic} of group {group}");
    }
}

/// A request in a version whose fields have fixed sizes.
struct Request(Vec<u8>);

impl Request {
    fn new(api: i16, version: i16) -> Self {
        Self([api.to_be_bytes(), version.to_be_bytes()].concat()).int32(0).text("kreplay-test")
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn int8(self, number: i8) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    fn int32(self, number: i32) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    fn int64(self, number: i64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    /// The number of elements that follow.
    fn count(self, elements: i32) -> Self {
        self.int32(elements)
    }

    fn text(self, text: &str) -> Self {
        let length = i16::try_from(text.len()).expect("a short text");
        self.bytes(&length.to_be_bytes()).bytes(text.as_bytes())
    }

    fn send(self, broker: &Broker) -> Answer {
        let mut stream = TcpStream::connect(broker.bootstrap()).expect("the broker answers");
        stream.set_read_timeout(Some(REQUEST_TIMEOUT)).expect("a timeout");
        let length = u32::try_from(self.0.len()).expect("a short request");
        stream.write_all(&[&length.to_be_bytes()[..], &self.0].concat()).expect("the broker takes the request");
        let mut length = [0; 4];
        stream.read_exact(&mut length).expect("the broker answers the request");
        let mut bytes = vec![0; usize::try_from(u32::from_be_bytes(length)).expect("a short answer")];
        stream.read_exact(&mut bytes).expect("a whole answer");
        let mut answer = Answer { bytes, at: 0 };
        // The number of the request.
        answer.skip(4);
        answer
    }
}

/// The answer to a request, read from its start.
struct Answer {
    bytes: Vec<u8>,
    at: usize,
}

impl Answer {
    fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let field = self.bytes[self.at..self.at + N].try_into().expect("as many bytes");
        self.at += N;
        field
    }

    fn int16(&mut self) -> i16 {
        i16::from_be_bytes(self.take())
    }

    fn int32(&mut self) -> i32 {
        i32::from_be_bytes(self.take())
    }

    fn count(&mut self) -> i32 {
        self.int32()
    }

    fn text(&mut self) {
        let length = usize::try_from(self.int16()).expect("a text");
        self.skip(length);
    }
}
