//! A cluster of several brokers as plain processes, for tests that kill one of them.

use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::time::Duration;

use super::broker::{Broker, SETTLE_TIMEOUT};
use super::local::LocalServer;
use super::wait;

/// A private cluster. Dereferences to a [`Broker`] with the addresses of all brokers. Internal topics, and topics that
/// tests create, have a replica on each broker. It is removed when this value is dropped.
pub struct Cluster {
    /// The brokers 1, 2 and so on. The first one is the controller as well.
    servers: Vec<LocalServer>,
    broker: Broker,
}

impl Cluster {
    /// Starts a cluster that no other test uses.
    ///
    /// # Panics
    /// If it cannot be started: it needs a JDK and Maven.
    pub fn start(brokers: u32) -> Self {
        let replicas = brokers.to_string();
        let names = [
            "default.replication.factor",
            "offsets.topic.replication.factor",
            "transaction.state.log.replication.factor",
            "share.coordinator.state.topic.replication.factor",
        ];
        let settings = names.map(|name| (name, replicas.as_str()));
        let started = |server: Result<LocalServer, String>| server.unwrap_or_else(|message| panic!("{message}"));
        let first = started(LocalServer::start(&settings));
        let others: Vec<_> =
            (2..=brokers).map(|number| started(LocalServer::start_beside(&first, number, &settings))).collect();
        let servers: Vec<_> = [first].into_iter().chain(others).collect();
        let bootstrap = servers.iter().map(LocalServer::bootstrap).collect::<Vec<_>>().join(",");
        let broker = Broker::at(bootstrap);
        broker.wait_until_up().unwrap_or_else(|message| panic!("{message}"));
        broker.wait_for_brokers(servers.len());
        // Makes the first broker create the topic of offsets now, with a replica on each broker.
        broker.committed("kreplay-test-warm-up", "none", 0);
        Self { servers, broker }
    }

    /// The ids of the brokers' processes.
    pub fn process_ids(&self) -> Vec<u32> {
        self.servers.iter().filter_map(LocalServer::process_id).collect()
    }

    /// Kills a broker by its number, as in a crash.
    ///
    /// # Panics
    /// If there is no such broker. The first one cannot be killed: nothing would elect other leaders then.
    pub fn crash(&self, number: u32) {
        assert!(number > 1, "broker 1 is the only controller");
        let server = usize::try_from(number - 1).ok().and_then(|index| self.servers.get(index));
        let server = server.unwrap_or_else(|| panic!("the cluster has no broker {number}"));
        server.stop(true);
        let address: SocketAddr = server.bootstrap().parse().expect("a broker's address is an IP address");
        wait::until("end of the broker", SETTLE_TIMEOUT, || {
            TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err().then_some(())
        });
    }
}

impl Deref for Cluster {
    type Target = Broker;

    fn deref(&self) -> &Broker {
        &self.broker
    }
}
