//! Members of share and streams groups that consist of one heartbeat, sent as bytes: neither librdkafka nor the client
//! under test can join such groups. The broker keeps the member until its session times out, after 45 seconds.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::broker::{Broker, REQUEST_TIMEOUT, SETTLE_TIMEOUT};
use crate::support::wait;

const SHARE_GROUP_HEARTBEAT: (i16, i16) = (76, 1);
const STREAMS_GROUP_HEARTBEAT: (i16, i16) = (88, 0);

/// Joins a share group and subscribes to a topic. Returns the member's id.
pub fn join_share_group(broker: &Broker, group: &str, topic: &str) -> String {
    let member = member_id();
    let body = Body::default().text(group).text(&member).int(0).null().length(1).text(topic).end();
    send(broker, SHARE_GROUP_HEARTBEAT, &body);
    member
}

/// Joins a streams group with a topology of one subtopology `0`, which reads one topic and keeps no state. Returns the
/// member's id.
pub fn join_streams_group(broker: &Broker, group: &str, topic: &str) -> String {
    let member = member_id();
    // The group, the member, its epoch, that of the endpoints; no instance, no rack; the rebalance timeout.
    let body = Body::default().text(group).text(&member).int(0).int(0).null().null().int(60_000);
    // The topology's epoch, and its subtopology with six lists: source topics, expressions, changelogs, sinks and
    // sources of repartitioning, copartition groups.
    let body = body.present().int(5).length(1).text("0").length(1).text(topic);
    let body = body.length(0).length(0).length(0).length(0).length(0).end().end();
    // No tasks of three kinds; the process.
    let body = body.length(0).length(0).length(0).text("process-1");
    // An endpoint, a tag, no offsets of two kinds, no shutdown.
    let body = body.present().text("app.example").short(8080).end().length(1).text("zone").text("a").end();
    send(broker, STREAMS_GROUP_HEARTBEAT, &body.null().null().flag(false).end());
    member
}

/// A member's id is a UUID in base64, as clients of Kafka 4 make it.
fn member_id() -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>())
}

/// The body of a request in the flexible encoding, for texts shorter than 127 bytes.
#[derive(Default)]
struct Body(Vec<u8>);

impl Body {
    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn length(self, length: u8) -> Self {
        self.bytes(&[length + 1])
    }

    fn null(self) -> Self {
        self.bytes(&[0])
    }

    fn text(self, text: &str) -> Self {
        assert!(text.len() < 127);
        self.length(u8::try_from(text.len()).unwrap()).bytes(text.as_bytes())
    }

    fn int(self, value: i32) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    fn short(self, value: u16) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    fn flag(self, value: bool) -> Self {
        self.bytes(&[u8::from(value)])
    }

    /// A struct that could be null follows.
    fn present(self) -> Self {
        self.bytes(&[1])
    }

    /// The end of a struct: no tagged fields.
    fn end(self) -> Self {
        self.bytes(&[0])
    }
}

/// Sends a request until the coordinator accepts it: one that is busy answers with an error first.
fn send(broker: &Broker, api: (i16, i16), body: &Body) {
    wait::until("accepted heartbeat", SETTLE_TIMEOUT, || (error_code(broker, api, body) == 0).then_some(()));
}

/// Sends a request, and returns the error code of the answer.
fn error_code(broker: &Broker, (api, version): (i16, i16), body: &Body) -> i16 {
    let mut request = Vec::new();
    request.extend_from_slice(&api.to_be_bytes());
    request.extend_from_slice(&version.to_be_bytes());
    // The correlation id, a client id of four bytes, no tagged fields.
    request.extend_from_slice(&[0, 0, 0, 1, 0, 4]);
    request.extend_from_slice(b"test\0");
    request.extend_from_slice(&body.0);
    let mut socket = TcpStream::connect(broker.bootstrap()).unwrap();
    socket.set_read_timeout(Some(REQUEST_TIMEOUT)).unwrap();
    socket.write_all(&u32::try_from(request.len()).unwrap().to_be_bytes()).unwrap();
    socket.write_all(&request).unwrap();
    let mut length = [0; 4];
    socket.read_exact(&mut length).unwrap();
    let mut response = vec![0; u32::from_be_bytes(length) as usize];
    socket.read_exact(&mut response).unwrap();
    // The correlation id, no tagged fields, the throttle time, the error code.
    i16::from_be_bytes([response[9], response[10]])
}
