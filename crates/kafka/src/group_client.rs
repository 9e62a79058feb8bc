//! A client for requests about one group, which is replaced when librdkafka would go on asking the wrong broker.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::error::RDKafkaErrorCode;

use super::client::{Client, ClientError, ClientHealth, KafkaConfig};

/// How long a client is kept at least if requests that only read get no answer: connecting may take longer than one
/// of them.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// A client for requests about one group.
pub struct GroupClient {
    client: Client,
    since: Instant,
    group: String,
}

impl GroupClient {
    /// Creates the client. Nothing is sent before the first request.
    ///
    /// # Errors
    /// librdkafka rejected the configuration.
    pub fn new(group: &str, config: &KafkaConfig) -> Result<Self, ClientError> {
        let client = Client::for_group(group, config, &Arc::<ClientHealth>::default())?;
        Ok(Self { client, since: Instant::now(), group: group.to_owned() })
    }

    /// The present client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Replaces the client after a request that went to the former coordinator of the group: librdkafka 2.12.1 goes on
    /// asking that one (see [`GroupViewer`](super::GroupViewer)). Requests that wait for a coordinator end with their
    /// client; otherwise they would become more with each request that gets no answer.
    pub fn renew_after(&mut self, code: RDKafkaErrorCode) {
        let is_due = match code {
            RDKafkaErrorCode::NotCoordinator => true,
            RDKafkaErrorCode::OperationTimedOut => self.since.elapsed() >= KEPT_FOR,
            _ => false,
        };
        if is_due {
            self.renew();
        }
    }

    /// Replaces the client.
    pub fn renew(&mut self) {
        // The configuration was accepted before. Should a new client be impossible now, the former one stays.
        if let Ok(renewed) = Self::new(&self.group, self.client.config()) {
            std::mem::replace(self, renewed).close();
        }
    }

    /// Closes the connection in the background.
    pub fn close(self) {
        self.client.close();
    }
}
