//! The addresses of brokers.

use std::fmt;
use std::sync::Arc;

/// The port that librdkafka uses for an address without one.
const DEFAULT_PORT: u16 = 9092;

/// A host and a port. Cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerAddress {
    /// The host's name or address, without brackets.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
}

impl BrokerAddress {
    /// Reads `host`, `host:port`, `[address]:port`, or one of these after `scheme://`. Returns `None` for anything
    /// else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
            }
            None => match text.split_once(':') {
                // Several colons without brackets are an IPv6 address without a port.
                Some((_, port)) if port.contains(':') => (text, None),
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = port.map_or(Some(DEFAULT_PORT), |port| port.parse().ok())?;
        (!host.is_empty()).then(|| Self { host: host.into(), port })
    }
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_all_forms_of_librdkafka() {
        for (text, shown) in [
            ("kafka:9093", "kafka:9093"),
            (" kafka ", "kafka:9092"),
            ("SASL_SSL://kafka:1", "kafka:1"),
            ("[::1]:9094", "[::1]:9094"),
            ("[::1]", "[::1]:9092"),
            ("::1", "[::1]:9092"),
        ] {
            assert_eq!(BrokerAddress::parse(text).unwrap().to_string(), shown);
        }
        for text in ["", ":9092", "kafka:x", "kafka:70000", "[::1", "[::1]9092", "PLAINTEXT://"] {
            assert_eq!(BrokerAddress::parse(text), None, "{text}");
        }
    }
}
