//! The cluster: which broker a request goes to, and what happens if it fails.
//!
//! - `brokers` knows the addresses and keeps a `link` to each broker: a connection and a budget of requests.
//! - `coordinators` and `leaders` find the broker of a group, transactional id or partition, ask all of them at once,
//!   and repeat what can succeed later until the `deadline`. They remember what they have `found`.
//! - The remaining modules turn the calls of [`WireClient`] into requests, and responses into [`crate::types`].

mod backoff;
mod brokers;
mod cluster;
mod configs;
mod consumer_groups;
mod coordinators;
mod deadline;
#[cfg(test)]
mod failure_test;
#[cfg(test)]
mod fake_broker;
mod found;
mod group_list;
mod leaders;
mod link;
mod offsets;
mod share_groups;
mod streams_groups;
mod transactions;

use std::sync::Arc;
use std::time::Duration;

use self::brokers::Brokers;
use self::coordinators::Coordinators;
use self::deadline::Deadline;
use self::leaders::Leaders;
use crate::config::{ConfigError, WireConfig};
use crate::traffic::TrafficByApi;

/// A client of one cluster. Clones share connections, caches and budgets.
///
/// Every call ends at its deadline at the latest. A call can be dropped at any time: its connections stay usable.
#[derive(Clone)]
pub struct WireClient {
    shared: Arc<Shared>,
    deadline: Duration,
}

struct Shared {
    brokers: Brokers,
    coordinators: Coordinators,
    leaders: Leaders,
}

impl WireClient {
    /// Creates a client. It connects with its first call, which must be in a tokio runtime.
    ///
    /// # Errors
    /// A certificate or a key cannot be used.
    pub fn new(config: WireConfig) -> Result<Self, ConfigError> {
        let deadline = config.deadline;
        let brokers = Brokers::new(config)?;
        let shared = Shared { brokers, coordinators: Coordinators::default(), leaders: Leaders::default() };
        Ok(Self { shared: Arc::new(shared), deadline })
    }

    /// The same client with another deadline for its calls.
    #[must_use]
    pub fn within(&self, deadline: Duration) -> Self {
        Self { shared: Arc::clone(&self.shared), deadline }
    }

    /// What has been sent and received since the client was created.
    #[must_use]
    pub fn traffic(&self) -> TrafficByApi {
        self.shared.brokers.traffic()
    }

    /// The end of a call that begins now.
    fn begin(&self) -> Deadline {
        Deadline::after(self.deadline)
    }
}

impl std::fmt::Debug for WireClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WireClient").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
