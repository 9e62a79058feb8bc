//! Counts requests and bytes.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::address::BrokerAddress;
use crate::api::Api;

/// What has been sent to a broker, and received from it, with one kind of request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// The number of requests.
    pub requests: u64,
    /// The bytes of the requests, without TLS.
    pub bytes_sent: u64,
    /// The bytes of the responses, without TLS.
    pub bytes_received: u64,
}

/// The traffic by broker and kind of request.
pub type TrafficByApi = BTreeMap<(BrokerAddress, Api), Traffic>;

#[derive(Debug, Default)]
pub(crate) struct TrafficCounters(Mutex<TrafficByApi>);

impl TrafficCounters {
    pub(crate) fn sent(&self, broker: &BrokerAddress, api: Api, bytes: usize) {
        self.update(broker, api, |traffic| {
            traffic.requests += 1;
            traffic.bytes_sent = traffic.bytes_sent.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        });
    }

    pub(crate) fn received(&self, broker: &BrokerAddress, api: Api, bytes: usize) {
        self.update(broker, api, |traffic| {
            traffic.bytes_received = traffic.bytes_received.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        });
    }

    fn update(&self, broker: &BrokerAddress, api: Api, change: impl FnOnce(&mut Traffic)) {
        change(self.0.lock().entry((broker.clone(), api)).or_default());
    }

    pub(crate) fn snapshot(&self) -> TrafficByApi {
        self.0.lock().clone()
    }
}
