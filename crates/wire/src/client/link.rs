//! A broker: one connection, opened when it is needed, and a budget of requests.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use super::backoff::Backoff;
use crate::api::Api;
use crate::budget::RequestBudget;
use crate::connection::{Connection, Endpoint};
use crate::error::WireError;
use crate::message::{Request, Response as _};

/// A broker by its address.
pub(super) struct BrokerLink {
    endpoint: Arc<Endpoint>,
    /// The start of the budget's time.
    created: Instant,
    budget: Mutex<RequestBudget>,
    /// Held while connecting, so that requests wait for the same connection.
    state: tokio::sync::Mutex<LinkState>,
}

#[derive(Default)]
struct LinkState {
    connection: Option<Arc<Connection>>,
    failure: Option<Failure>,
}

/// The last attempt to connect has failed.
struct Failure {
    error: WireError,
    backoff: Backoff,
    /// Until then, requests fail at once.
    until: Instant,
}

impl BrokerLink {
    pub(super) fn new(endpoint: Endpoint, requests_per_second: u32) -> Self {
        Self {
            endpoint: Arc::new(endpoint),
            created: Instant::now(),
            budget: Mutex::new(RequestBudget::new(requests_per_second)),
            state: tokio::sync::Mutex::default(),
        }
    }

    /// Sends a request within the budget and waits for its response. The caller bounds the time.
    pub(super) async fn request<R: Request>(&self, request: &R) -> Result<R::Response, WireError> {
        let connection = self.connection().await?;
        let at = self.budget.lock().reserve(self.created.elapsed());
        sleep_until(self.created + at).await;
        let response = connection.request(request).await?;
        // The broker does not read from a throttled connection (KIP-219), so that requests would only wait there.
        if let Ok(ms @ 1..) = u64::try_from(response.throttle_time_ms()) {
            self.budget.lock().pause_until(self.created.elapsed() + Duration::from_millis(ms));
        }
        Ok(response)
    }

    /// Whether the broker supports each of these requests. The caller bounds the time.
    pub(super) async fn require(&self, apis: &[Api]) -> Result<(), WireError> {
        self.connection().await?.require(apis)
    }

    async fn connection(&self) -> Result<Arc<Connection>, WireError> {
        let mut state = self.state.lock().await;
        if let Some(connection) = state.connection.as_ref().filter(|connection| connection.is_usable()) {
            return Ok(Arc::clone(connection));
        }
        state.connection = None;
        if let Some(failure) = state.failure.as_ref().filter(|failure| Instant::now() < failure.until) {
            return Err(failure.error.clone());
        }
        match Connection::open(Arc::clone(&self.endpoint)).await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                *state = LinkState { connection: Some(Arc::clone(&connection)), failure: None };
                Ok(connection)
            }
            Err(error) => {
                let mut backoff = state.failure.take().map_or_else(Backoff::new, |failure| failure.backoff);
                let until = Instant::now() + backoff.next();
                state.failure = Some(Failure { error: error.clone(), backoff, until });
                Err(error)
            }
        }
    }
}
