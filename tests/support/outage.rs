//! A broker of a test's own that it may stop and start.

use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::time::Duration;

use super::broker::{Broker, SETTLED};
use super::server::Server;
use super::wait;

/// A private broker; all that [`Broker`] can do works on it too. It is gone when this value is dropped.
pub struct Outage {
    broker: Broker,
}

impl Outage {
    /// Starts a broker that no other test uses.
    ///
    /// # Panics
    /// Where none can be started, with one sentence that says what to install. A broker named by
    /// `KREPLAY_TEST_BOOTSTRAP` is never used here, as it is not ours to stop.
    pub fn start_broker() -> Self {
        Self::start_broker_with(&[])
    }

    /// The same, with settings that win over those of all test brokers, such as `("offset.metadata.max.bytes", "256")`.
    ///
    /// # Panics
    /// As [`start_broker`](Self::start_broker).
    pub fn start_broker_with(settings: &[(&str, &str)]) -> Self {
        Self { broker: Broker::start_with(settings).unwrap_or_else(|sentence| panic!("{sentence}")) }
    }

    /// Stops the broker in good order; its log and its address are kept.
    pub fn stop(&self) {
        self.end(false);
    }

    /// Ends the broker at once, as a crash would; its log and its address are kept.
    pub fn crash(&self) {
        self.end(true);
    }

    /// Starts it again and waits until it answers.
    pub fn start(&self) {
        self.server().restart();
        self.broker.wait_until_up().unwrap_or_else(|sentence| panic!("{sentence}"));
    }

    fn end(&self, crash: bool) {
        self.server().stop(crash);
        let address: SocketAddr = self.bootstrap().parse().expect("a private broker's address is an IP address");
        wait::until("end of the broker", SETTLED, || {
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
