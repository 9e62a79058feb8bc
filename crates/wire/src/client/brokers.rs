//! The brokers of the cluster and the links to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::backoff::Backoff;
use super::deadline::Deadline;
use super::link::BrokerLink;
use crate::address::BrokerAddress;
use crate::api::Api;
use crate::config::{ConfigError, WireConfig};
use crate::connection::{Endpoint, TlsClient};
use crate::error::WireError;
use crate::message::Request;
use crate::tls;
use crate::traffic::{TrafficByApi, TrafficCounters};
use crate::types::BrokerId;

pub(super) struct Brokers {
    config: WireConfig,
    tls: Option<TlsClient>,
    traffic: Arc<TrafficCounters>,
    known: Mutex<KnownBrokers>,
}

#[derive(Default)]
struct KnownBrokers {
    addresses: BTreeMap<BrokerId, BrokerAddress>,
    /// By address, so that a bootstrap server and the broker behind it share a connection if their addresses are equal.
    links: BTreeMap<BrokerAddress, Arc<BrokerLink>>,
}

impl Brokers {
    pub(super) fn new(config: WireConfig) -> Result<Self, ConfigError> {
        let tls = config.security.tls.as_ref().map(tls::client_config).transpose()?;
        Ok(Self { config, tls, traffic: Arc::default(), known: Mutex::default() })
    }

    pub(super) fn traffic(&self) -> TrafficByApi {
        self.traffic.snapshot()
    }

    /// Replaces the brokers by those of a metadata response, and drops links to addresses that nothing needs any more.
    pub(super) fn replace(&self, addresses: BTreeMap<BrokerId, BrokerAddress>) {
        let mut known = self.known.lock();
        known.links.retain(|address, _| {
            self.config.bootstrap.contains(address) || addresses.values().any(|current| current == address)
        });
        known.addresses = addresses;
    }

    /// Adds a broker, or changes its address.
    pub(super) fn learn(&self, id: BrokerId, address: BrokerAddress) {
        self.known.lock().addresses.insert(id, address);
    }

    /// Sends a request to one broker.
    pub(super) async fn ask<R: Request>(
        &self,
        broker: BrokerId,
        request: &R,
        deadline: Deadline,
    ) -> Result<R::Response, WireError> {
        let address = self.known.lock().addresses.get(&broker).cloned();
        let Some(address) = address else {
            // Metadata has dropped the broker since it was found. Looking it up again can help.
            let address = BrokerAddress { host: format!("broker {broker}").into(), port: 0 };
            return Err(WireError::Connect { broker: address, reason: "its address is not known".to_owned() });
        };
        deadline.bound(self.link(&address).request(request)).await
    }

    /// Sends a request to any broker: to each in turn until one answers, again and again until the deadline.
    pub(super) async fn ask_any<R: Request>(&self, request: &R, deadline: Deadline) -> Result<R::Response, WireError> {
        let mut backoff = Backoff::new();
        loop {
            let mut last = None;
            for address in self.candidates() {
                match deadline.bound(self.link(&address).request(request)).await {
                    Err(error) if error.is_retriable() => last = Some(error),
                    result => return result,
                }
            }
            if !deadline.pause(backoff.next()).await {
                return Err(deadline.timeout(last));
            }
        }
    }

    /// Whether the first broker that can be reached supports each of these requests.
    pub(super) async fn require(&self, apis: &[Api], deadline: Deadline) -> Result<(), WireError> {
        let mut last = None;
        for address in self.candidates() {
            match deadline.bound(self.link(&address).require(apis)).await {
                Err(error) if error.is_retriable() => last = Some(error),
                result => return result,
            }
        }
        Err(deadline.timeout(last))
    }

    /// The known brokers, then the bootstrap servers that are none of them.
    fn candidates(&self) -> Vec<BrokerAddress> {
        let mut all: Vec<_> = self.known.lock().addresses.values().cloned().collect();
        for address in &self.config.bootstrap {
            if !all.contains(address) {
                all.push(address.clone());
            }
        }
        all
    }

    fn link(&self, address: &BrokerAddress) -> Arc<BrokerLink> {
        let mut known = self.known.lock();
        let make = || Arc::new(BrokerLink::new(self.endpoint(address), self.config.requests_per_second));
        Arc::clone(known.links.entry(address.clone()).or_insert_with(make))
    }

    fn endpoint(&self, address: &BrokerAddress) -> Endpoint {
        Endpoint {
            address: address.clone(),
            client_id: self.config.client_id.as_str().into(),
            tls: self.tls.clone(),
            sasl: self.config.security.sasl.clone().map(Arc::new),
            request_timeout: self.config.request_timeout,
            connect_timeout: self.config.connect_timeout,
            max_response_bytes: self.config.max_response_bytes,
            traffic: Arc::clone(&self.traffic),
        }
    }
}
