//! A broker for tests that answers as a script says, in order to produce failures that a real broker rarely has.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::api::Api;
use crate::codec::{Decoder, Encoder, Wire};
use crate::message::Request;
use crate::message::api_versions::{ApiVersion, ApiVersionsResponse};
use crate::message::find_coordinator::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};
use crate::message::metadata::{Broker, MetadataResponse};

/// A request as the broker has received it.
pub(super) struct Received {
    pub(super) api: Api,
    pub(super) version: i16,
    pub(super) body: Vec<u8>,
    /// The port of the broker.
    port: u16,
}

impl Received {
    pub(super) fn decode<R: Request>(&self) -> R {
        assert_eq!(R::API, self.api);
        R::decode(&mut Decoder::new(&self.body, self.version, self.api.is_flexible(self.version))).unwrap()
    }

    /// The response with this body.
    pub(super) fn answer(&self, body: &impl Wire) -> Reply {
        self.answer_in(self.version, body)
    }

    /// The response in another version than that of the request.
    pub(super) fn answer_in(&self, version: i16, body: &impl Wire) -> Reply {
        let flexible = self.api.is_flexible(version);
        let mut out = Encoder::new(version, flexible);
        if self.api != Api::ApiVersions {
            out.push_no_tagged_fields();
        }
        body.encode(&mut out);
        Reply::Body(out.finish().unwrap())
    }

    /// What a broker answers that is the only one, coordinates everything and supports all versions.
    pub(super) fn ordinary(&self) -> Reply {
        let port = i32::from(self.port);
        match self.api {
            Api::ApiVersions => self.answer(&all_versions()),
            Api::Metadata => self.answer(&MetadataResponse {
                brokers: vec![Broker { node_id: 1, host: "127.0.0.1".into(), port, rack: None }],
                ..Default::default()
            }),
            Api::FindCoordinator => {
                let keys = self.decode::<FindCoordinatorRequest>().coordinator_keys.into_iter();
                let coordinator =
                    |key| Coordinator { key, node_id: 1, host: "127.0.0.1".into(), port, ..Default::default() };
                let coordinators = keys.map(coordinator).collect();
                self.answer(&FindCoordinatorResponse { throttle_time_ms: 0, coordinators })
            }
            other => panic!("the script has no answer to {other}"),
        }
    }
}

/// All requests of this client in all its versions.
pub(super) fn all_versions() -> ApiVersionsResponse {
    let listed = |api: &Api| {
        let versions = api.versions();
        ApiVersion { api_key: api.key(), min_version: versions.min, max_version: versions.max }
    };
    ApiVersionsResponse { api_keys: Api::ALL.iter().map(listed).collect(), ..Default::default() }
}

/// What the broker does after a request.
pub(super) enum Reply {
    /// Sends this body with the request's correlation id.
    Body(Vec<u8>),
    /// Sends exactly these bytes.
    Bytes(Vec<u8>),
    /// Sends nothing and keeps the connection.
    Nothing,
    /// Closes the connection.
    Close,
}

/// A broker on a port of this machine. It stops with the runtime of the test.
pub(super) struct FakeBroker {
    pub(super) port: u16,
    log: Arc<Mutex<Log>>,
}

#[derive(Default)]
struct Log {
    requests: Vec<Api>,
    connections: usize,
}

impl FakeBroker {
    /// Starts a broker. `script` is called for each request, with the number of earlier ones of the same API.
    pub(super) async fn start(script: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::<Mutex<Log>>::default();
        let (script, shared) = (Arc::new(script), Arc::clone(&log));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                shared.lock().connections += 1;
                tokio::spawn(serve(socket, port, Arc::clone(&script), Arc::clone(&shared)));
            }
        });
        Self { port, log }
    }

    /// How many requests of an API have been received.
    pub(super) fn count(&self, api: Api) -> usize {
        self.log.lock().requests.iter().filter(|seen| **seen == api).count()
    }

    /// How many connections have been accepted.
    pub(super) fn connections(&self) -> usize {
        self.log.lock().connections
    }
}

async fn serve<S>(mut socket: TcpStream, port: u16, script: Arc<S>, log: Arc<Mutex<Log>>)
where
    S: Fn(&Received, usize) -> Reply,
{
    while let Ok(length) = socket.read_u32().await {
        let mut frame = vec![0; usize::try_from(length).unwrap()];
        if socket.read_exact(&mut frame).await.is_err() {
            return;
        }
        let (received, correlation_id) = parse(&frame, port);
        let earlier = {
            let mut log = log.lock();
            log.requests.push(received.api);
            log.requests.iter().filter(|seen| **seen == received.api).count() - 1
        };
        let bytes = match script(&received, earlier) {
            Reply::Body(body) => {
                let length = i32::try_from(body.len() + 4).unwrap();
                [&length.to_be_bytes()[..], &correlation_id.to_be_bytes(), &body].concat()
            }
            Reply::Bytes(bytes) => bytes,
            Reply::Nothing => continue,
            Reply::Close => return,
        };
        if socket.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

fn parse(frame: &[u8], port: u16) -> (Received, i32) {
    let mut header = Decoder::new(frame, 0, false);
    let key = i16::decode(&mut header).unwrap();
    let version = i16::decode(&mut header).unwrap();
    let correlation_id = i32::decode(&mut header).unwrap();
    let _client_id = String::decode(&mut header).unwrap();
    let api = *Api::ALL.iter().find(|api| api.key() == key).unwrap();
    let rest = header.take(header.left()).unwrap();
    let mut tagged = Decoder::new(rest, version, api.is_flexible(version));
    tagged.skip_tagged_fields().unwrap();
    let body = tagged.take(tagged.left()).unwrap().to_vec();
    (Received { api, version, body, port }, correlation_id)
}
