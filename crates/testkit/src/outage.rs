//! A broker for a single test, which may stop and start it.

use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::time::Duration;

use super::broker::{Broker, SETTLE_TIMEOUT};
use super::server::Server;
use super::wait;

/// A private broker. Dereferences to [`Broker`]. It is removed when this value is dropped.
pub struct Outage {
    broker: Broker,
}

impl Outage {
    /// Starts a broker that no other test uses.
    ///
    /// # Panics
    /// If none can be started. The message says what to install. A broker named in `KREPLAY_TEST_BOOTSTRAP` is never
    /// used here, because tests must not stop it.
    pub fn start_broker() -> Self {
        Self::start_broker_with(&[])
    }

    /// The same with settings that override those of all test brokers, such as `("offset.metadata.max.bytes", "256")`.
    ///
    /// # Panics
    /// Like [`start_broker`](Self::start_broker).
    pub fn start_broker_with(settings: &[(&str, &str)]) -> Self {
        Self { broker: Broker::start_with(settings).unwrap_or_else(|message| panic!("{message}")) }
    }

    /// Shuts the broker down. Its log and its address are kept.
    pub fn stop(&self) {
        self.end(false);
    }

    /// Kills the broker, as in a crash. Its log and its address are kept.
    pub fn crash(&self) {
        self.end(true);
    }

    /// Starts it again and waits until it answers.
    pub fn start(&self) {
        self.server().restart();
        self.broker.wait_until_up().unwrap_or_else(|message| panic!("{message}"));
    }

    fn end(&self, crash: bool) {
        self.server().stop(crash);
        let address: SocketAddr = self.bootstrap().parse().expect("a private broker's address is an IP address");
        wait::until("end of the broker", SETTLE_TIMEOUT, || {
            TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err().then_some(())
        });
    }

    fn server(&self) -> &Server {
        self.broker.server().expect("a private broker was started here")
    }
}

impl Deref for Outage {
    type Target = Broker;

    fn deref(&self) -> &Broker {
        &self.broker
    }
}
