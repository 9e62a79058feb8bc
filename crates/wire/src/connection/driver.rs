//! The task that owns a connection: it writes requests, reads responses, and gives each to its request.
//!
//! A broker answers the requests of a connection in their order. At most [`MAX_IN_FLIGHT`] are sent before their
//! responses have arrived.

use std::collections::VecDeque;
use std::sync::Arc;

use kreplay_model::domain::duration::in_units;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::Endpoint;
use super::stream::BoxedStream;
use crate::api::Api;
use crate::codec::CORRELATION_ID_BYTES;
use crate::error::WireError;

/// The number of requests that are sent before the response of the first has arrived.
const MAX_IN_FLIGHT: usize = 2;
/// The smallest room in the buffer for a read, in bytes.
const READ_BYTES: usize = 16 * 1024;
const LENGTH_BYTES: usize = 4;

/// An encoded request, and where its response goes.
pub(super) struct Submission {
    pub(super) api: Api,
    pub(super) frame: Vec<u8>,
    pub(super) responder: oneshot::Sender<Result<Vec<u8>, WireError>>,
}

struct InFlight {
    api: Api,
    correlation_id: i32,
    deadline: Instant,
    responder: oneshot::Sender<Result<Vec<u8>, WireError>>,
}

pub(super) struct Driver {
    endpoint: Arc<Endpoint>,
    reader: ReadHalf<BoxedStream>,
    writer: WriteHalf<BoxedStream>,
    submissions: mpsc::Receiver<Submission>,
    in_flight: VecDeque<InFlight>,
    next_correlation_id: i32,
    outgoing: Vec<u8>,
    /// How many bytes of `outgoing` are written.
    written: usize,
    is_flushed: bool,
    incoming: Vec<u8>,
}

impl Driver {
    pub(super) fn new(endpoint: Arc<Endpoint>, stream: BoxedStream, submissions: mpsc::Receiver<Submission>) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self {
            endpoint,
            reader,
            writer,
            submissions,
            in_flight: VecDeque::new(),
            next_correlation_id: 1,
            outgoing: Vec::new(),
            written: 0,
            is_flushed: true,
            incoming: Vec::new(),
        }
    }

    /// Runs until the connection is dropped or fails. Then all its requests fail.
    pub(super) async fn run(mut self) {
        let reason = self.drive().await;
        self.submissions.close();
        for waiting in self.in_flight.drain(..) {
            drop(waiting.responder.send(Err(self.endpoint.closed(reason.clone()))));
        }
        while let Ok(submission) = self.submissions.try_recv() {
            drop(submission.responder.send(Err(self.endpoint.closed(reason.clone()))));
        }
    }

    /// Returns why the connection ended. Every branch can be dropped without loss: what is read is in `incoming`, and
    /// what is written is counted in `written`.
    async fn drive(&mut self) -> String {
        loop {
            let unwritten = self.outgoing.get(self.written..).unwrap_or_default();
            let is_written = unwritten.is_empty();
            let can_take = is_written && self.is_flushed && self.in_flight.len() < MAX_IN_FLIGHT;
            let deadline = self.in_flight.front().map(|first| first.deadline);
            if self.incoming.capacity() - self.incoming.len() < READ_BYTES {
                self.incoming.reserve(READ_BYTES);
            }
            let result = tokio::select! {
                submission = self.submissions.recv(), if can_take => match submission {
                    Some(submission) => {
                        self.begin(submission);
                        Ok(())
                    }
                    None => Err("it is no longer used".to_owned()),
                },
                result = write_or_flush(&mut self.writer, unwritten), if !is_written || !self.is_flushed => match result {
                    Ok(None) => {
                        self.is_flushed = true;
                        Ok(())
                    }
                    Ok(Some(0)) => Err("the broker closed the connection".to_owned()),
                    Ok(Some(count)) => {
                        self.written = self.written.saturating_add(count);
                        self.is_flushed = false;
                        Ok(())
                    }
                    Err(error) => Err(error.to_string()),
                },
                result = self.reader.read_buf(&mut self.incoming) => match result {
                    Ok(0) => Err("the broker closed the connection".to_owned()),
                    Ok(_) => self.deliver(),
                    Err(error) => Err(error.to_string()),
                },
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    Err(format!("no response within {}", in_units(self.endpoint.request_timeout)))
                }
            };
            if let Err(reason) = result {
                return reason;
            }
        }
    }

    /// Makes a request the next to be written, unless its caller has given up.
    fn begin(&mut self, submission: Submission) {
        if submission.responder.is_closed() {
            return;
        }
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id = correlation_id.checked_add(1).unwrap_or(1);
        self.outgoing = submission.frame;
        self.written = 0;
        if let Some(field) = self.outgoing.get_mut(CORRELATION_ID_BYTES) {
            field.copy_from_slice(&correlation_id.to_be_bytes());
        }
        self.endpoint.traffic.sent(&self.endpoint.address, submission.api, self.outgoing.len());
        self.in_flight.push_back(InFlight {
            api: submission.api,
            correlation_id,
            deadline: Instant::now() + self.endpoint.request_timeout,
            responder: submission.responder,
        });
    }

    /// Gives complete responses to their requests.
    fn deliver(&mut self) -> Result<(), String> {
        while let Some((length, rest)) = self.incoming.split_first_chunk::<LENGTH_BYTES>() {
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            if length > self.endpoint.max_response_bytes {
                let limit = self.endpoint.max_response_bytes;
                return Err(format!("a response has {length} bytes, more than the limit of {limit}"));
            }
            let Some(body) = rest.get(..length) else { return Ok(()) };
            let correlation_id = body.first_chunk().map(|bytes| i32::from_be_bytes(*bytes));
            let waiting = self.in_flight.pop_front().ok_or("the broker sent a response without a request")?;
            if correlation_id != Some(waiting.correlation_id) {
                drop(waiting.responder.send(Err(self.endpoint.closed("a response belongs to another request"))));
                return Err("a response belongs to another request".to_owned());
            }
            self.endpoint.traffic.received(&self.endpoint.address, waiting.api, length.saturating_add(LENGTH_BYTES));
            drop(waiting.responder.send(Ok(body.to_vec())));
            self.incoming.drain(..length.saturating_add(LENGTH_BYTES));
        }
        // A large response must not keep its buffer for the life of the connection.
        if self.incoming.is_empty() && self.incoming.capacity() > 4 * READ_BYTES {
            self.incoming = Vec::new();
        }
        Ok(())
    }
}

/// Writes some of the bytes and returns their number. If there are none, flushes and returns `None`. Both can be
/// dropped and repeated.
async fn write_or_flush(writer: &mut WriteHalf<BoxedStream>, bytes: &[u8]) -> std::io::Result<Option<usize>> {
    if bytes.is_empty() { writer.flush().await.map(|()| None) } else { writer.write(bytes).await.map(Some) }
}
