//! The SASL mechanisms: what a client sends, and what it expects.

mod scram;

use kreplay_model::domain::Secret;

use scram::ScramExchange;
pub(crate) use scram::ScramHash;

use crate::config::{SaslConfig, SaslMechanism};

/// What a mechanism does after a message of the broker.
pub(crate) enum Step {
    /// Send this message.
    Send(Vec<u8>),
    /// The broker has proved that it knows the password, or the mechanism has no such proof.
    Done,
}

/// One authentication. The first message is sent without one from the broker.
pub(crate) enum Exchange {
    Plain { message: Option<Vec<u8>> },
    Scram(Box<ScramExchange>),
}

impl Exchange {
    /// Starts an authentication. `nonce` is a random text that has not been used before.
    pub(crate) fn new(config: &SaslConfig, nonce: &str) -> Self {
        let scram =
            |hash| Self::Scram(Box::new(ScramExchange::new(hash, &config.username, config.password.clone(), nonce)));
        match config.mechanism {
            SaslMechanism::Plain => Self::Plain { message: Some(plain_message(&config.username, &config.password)) },
            SaslMechanism::ScramSha256 => scram(ScramHash::Sha256),
            SaslMechanism::ScramSha512 => scram(ScramHash::Sha512),
        }
    }

    /// The next step after a message of the broker, which is empty at first. With SCRAM this computes for milliseconds.
    pub(crate) fn step(&mut self, received: &[u8]) -> Result<Step, String> {
        match self {
            Self::Plain { message } => Ok(message.take().map_or(Step::Done, Step::Send)),
            Self::Scram(exchange) => exchange.step(received),
        }
    }
}

/// The message of PLAIN (RFC 4616): no authorization id, the name, the password.
fn plain_message(username: &str, password: &Secret) -> Vec<u8> {
    ["", username, password.value()].join("\0").into_bytes()
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::SecretFormat;

    use super::*;

    #[test]
    fn plain_sends_name_and_password_once() {
        let config = SaslConfig {
            mechanism: SaslMechanism::Plain,
            username: "ada".into(),
            password: Secret::plain(SecretFormat::Secret, "hunter2".into()),
        };
        let mut exchange = Exchange::new(&config, "n");
        assert!(matches!(exchange.step(b"").unwrap(), Step::Send(message) if message == b"\0ada\0hunter2"));
        assert!(matches!(exchange.step(b"").unwrap(), Step::Done));
    }
}
