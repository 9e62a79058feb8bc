//! Reads the settings from librdkafka's properties.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use kreplay_model::domain::{Secret, SecretFormat};
use thiserror::Error;

use super::{
    DEFAULT_DEADLINE, DEFAULT_MAX_RESPONSE_BYTES, DEFAULT_REQUESTS_PER_SECOND, SaslConfig, SaslMechanism,
    SecurityConfig, TlsConfig, WireConfig,
};
use crate::address::BrokerAddress;

/// librdkafka's default of `socket.timeout.ms`.
const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// librdkafka's default of `socket.connection.setup.timeout.ms`.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest value of both in librdkafka.
const MAX_TIMEOUT_MS: u64 = 300_000;
const DEFAULT_CLIENT_ID: &str = "kreplay";
/// The length field of the client id has 16 bits, one of them for the sign.
const MAX_CLIENT_ID_BYTES: usize = 32_767;

/// Why a client cannot be configured.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// A mechanism that this client does not have.
    #[error("this client does not support the SASL mechanism {0}; it supports PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512")]
    UnsupportedMechanism(String),
    /// A property that changes security and that this client does not have.
    #[error("this client does not support {property}: {reason}")]
    UnsupportedProperty {
        /// The property's name.
        property: String,
        /// Why, or what to use.
        reason: &'static str,
    },
    /// A property has a value that it cannot have. The value is not repeated, because it may be a secret.
    #[error("{property} is not valid: {reason}")]
    Invalid {
        /// The property's name.
        property: &'static str,
        /// What is expected.
        reason: &'static str,
    },
    /// A certificate or a key cannot be used.
    #[error("{0}")]
    Tls(String),
}

impl ConfigError {
    /// Whether librdkafka may be able to connect with these properties.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::UnsupportedMechanism(_) | Self::UnsupportedProperty { .. })
    }
}

/// The properties of TLS that this client supports.
const TLS_PROPERTIES: [&str; 4] =
    ["ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.endpoint.identification.algorithm"];
/// The properties of SASL that this client supports.
const SASL_PROPERTIES: [&str; 4] = ["sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password"];

impl WireConfig {
    /// The settings for a cluster, from librdkafka's properties. Properties about other things than connections are
    /// ignored; those about security that this client does not support are refused.
    ///
    /// # Errors
    /// A property is not valid, or this client does not support it.
    pub fn from_properties(properties: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let properties = Properties(properties);
        let protocol = properties.get("security.protocol").unwrap_or("plaintext").to_ascii_lowercase();
        let (has_tls, has_sasl) = match protocol.as_str() {
            "plaintext" => (false, false),
            "ssl" => (true, false),
            "sasl_plaintext" => (false, true),
            "sasl_ssl" => (true, true),
            _ => return Err(invalid("security.protocol", "plaintext, ssl, sasl_plaintext or sasl_ssl is expected")),
        };
        let tls = if has_tls { Some(properties.tls()?) } else { None };
        let sasl = if has_sasl { Some(properties.sasl()?) } else { None };
        let client_id = properties.get("client.id").unwrap_or(DEFAULT_CLIENT_ID).to_owned();
        if client_id.len() > MAX_CLIENT_ID_BYTES {
            return Err(invalid("client.id", "at most 32767 bytes are allowed"));
        }
        Ok(Self {
            bootstrap: properties.bootstrap()?,
            client_id,
            security: SecurityConfig { tls, sasl },
            request_timeout: properties.timeout("socket.timeout.ms", DEFAULT_REQUEST_TIMEOUT)?,
            connect_timeout: properties.timeout("socket.connection.setup.timeout.ms", DEFAULT_CONNECT_TIMEOUT)?,
            deadline: DEFAULT_DEADLINE,
            requests_per_second: DEFAULT_REQUESTS_PER_SECOND,
            max_response_bytes: DEFAULT_MAX_RESPONSE_BYTES,
        })
    }
}

fn invalid(property: &'static str, reason: &'static str) -> ConfigError {
    ConfigError::Invalid { property, reason }
}

struct Properties<'a>(&'a BTreeMap<String, String>);

impl<'a> Properties<'a> {
    /// A property that is set and not empty.
    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn bootstrap(&self) -> Result<Vec<BrokerAddress>, ConfigError> {
        let servers = self.get("bootstrap.servers").or_else(|| self.get("metadata.broker.list")).unwrap_or_default();
        let addresses: Option<Vec<_>> =
            servers.split(',').filter(|server| !server.trim().is_empty()).map(BrokerAddress::parse).collect();
        addresses
            .filter(|addresses| !addresses.is_empty())
            .ok_or_else(|| invalid("bootstrap.servers", "expected HOST:PORT, or several separated by commas"))
    }

    fn timeout(&self, name: &'static str, default: Duration) -> Result<Duration, ConfigError> {
        let Some(text) = self.get(name) else { return Ok(default) };
        let ms = text.parse().ok().filter(|ms| (1..=MAX_TIMEOUT_MS).contains(ms));
        ms.map(Duration::from_millis).ok_or_else(|| invalid(name, "1 to 300000 milliseconds are expected"))
    }

    /// Refuses properties with a prefix that this client does not support, so that a connection is never less secure
    /// than configured.
    fn refuse_others(&self, prefix: &str, supported: &[&str]) -> Result<(), ConfigError> {
        let mut others = self.0.keys().filter(|name| name.starts_with(prefix) && !supported.contains(&name.as_str()));
        match others.next() {
            Some(name) if name == "ssl.key.password" => Err(ConfigError::UnsupportedProperty {
                property: name.clone(),
                reason: "the private key must be in a file without a password",
            }),
            Some(name) => Err(ConfigError::UnsupportedProperty {
                property: name.clone(),
                reason: "only librdkafka has this setting",
            }),
            None => Ok(()),
        }
    }

    fn tls(&self) -> Result<TlsConfig, ConfigError> {
        self.refuse_others("ssl.", &TLS_PROPERTIES)?;
        if self.get("enable.ssl.certificate.verification").is_some_and(|value| !value.eq_ignore_ascii_case("true")) {
            return Err(ConfigError::UnsupportedProperty {
                property: "enable.ssl.certificate.verification".to_owned(),
                reason: "certificates are always verified",
            });
        }
        let path = |name| self.get(name).map(PathBuf::from);
        let client_certificate = match (path("ssl.certificate.location"), path("ssl.key.location")) {
            (Some(chain), Some(key)) => Some((chain, key)),
            (None, None) => None,
            (Some(_), None) => return Err(invalid("ssl.key.location", "the certificate needs its private key")),
            (None, Some(_)) => {
                return Err(invalid("ssl.certificate.location", "the private key needs its certificate"));
            }
        };
        let verify_host_name = match self.get("ssl.endpoint.identification.algorithm") {
            None => true,
            Some(value) if value.eq_ignore_ascii_case("https") => true,
            Some(value) if value.eq_ignore_ascii_case("none") => false,
            Some(_) => return Err(invalid("ssl.endpoint.identification.algorithm", "https or none is expected")),
        };
        // With `probe`, librdkafka looks for the authorities of the system.
        let authorities = self.get("ssl.ca.location").filter(|path| *path != "probe").map(PathBuf::from);
        Ok(TlsConfig { authorities, client_certificate, verify_host_name })
    }

    fn sasl(&self) -> Result<SaslConfig, ConfigError> {
        // librdkafka's default.
        let name = self.get("sasl.mechanism").or_else(|| self.get("sasl.mechanisms")).unwrap_or("GSSAPI");
        let mechanism = SaslMechanism::named(name).ok_or_else(|| ConfigError::UnsupportedMechanism(name.to_owned()))?;
        self.refuse_others("sasl.", &SASL_PROPERTIES)?;
        let username = self.get("sasl.username").ok_or_else(|| invalid("sasl.username", "a user is expected"))?;
        let password = self.0.get("sasl.password").ok_or_else(|| invalid("sasl.password", "a password is expected"))?;
        Ok(SaslConfig {
            mechanism,
            username: username.to_owned(),
            password: Secret::plain(SecretFormat::Secret, password.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<WireConfig, ConfigError> {
        let bootstrap = [("bootstrap.servers", "a:1,b")];
        let pairs = bootstrap.iter().chain(pairs);
        WireConfig::from_properties(&pairs.map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    #[test]
    fn properties_of_librdkafka_are_read() {
        let config = read(&[
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanisms", "scram-sha-512"),
            ("sasl.username", "ada"),
            ("sasl.password", "hunter2"),
            ("ssl.ca.location", "/ca.pem"),
            ("ssl.certificate.location", "/c.pem"),
            ("ssl.key.location", "/k.pem"),
            ("ssl.endpoint.identification.algorithm", "none"),
            ("socket.timeout.ms", "1500"),
            ("client.id", "me"),
            ("fetch.min.bytes", "1"),
        ])
        .unwrap();
        assert_eq!(config.bootstrap.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a:1", "b:9092"]);
        assert_eq!((config.client_id.as_str(), config.request_timeout), ("me", Duration::from_millis(1500)));
        let tls = config.security.tls.clone().unwrap();
        assert_eq!(tls.authorities, Some("/ca.pem".into()));
        assert_eq!(tls.client_certificate, Some(("/c.pem".into(), "/k.pem".into())));
        assert!(!tls.verify_host_name);
        let sasl = config.security.sasl.clone().unwrap();
        assert_eq!((sasl.mechanism, sasl.username.as_str()), (SaslMechanism::ScramSha512, "ada"));
        assert_eq!(sasl.password.value(), "hunter2");
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn connections_are_plain_by_default() {
        let config = read(&[("ssl.key.password", "ignored without TLS")]).unwrap();
        assert_eq!(config.security, SecurityConfig::default());
        assert_eq!(config.client_id, "kreplay");
    }

    #[test]
    fn what_only_librdkafka_supports_is_a_typed_error() {
        let sasl = [("security.protocol", "sasl_plaintext"), ("sasl.username", "u"), ("sasl.password", "hunter2")];
        let with = |more: &[(&str, &str)]| read(&[&sasl, more].concat()).unwrap_err();
        assert_eq!(with(&[]), ConfigError::UnsupportedMechanism("GSSAPI".into()));
        assert_eq!(with(&[("sasl.mechanism", "OAUTHBEARER")]), ConfigError::UnsupportedMechanism("OAUTHBEARER".into()));
        for (property, value) in [("ssl.key.password", "hunter2"), ("ssl.ca.pem", "x"), ("ssl.crl.location", "/x")] {
            let error = read(&[("security.protocol", "ssl"), (property, value)]).unwrap_err();
            assert!(error.is_unsupported() && error.to_string().contains(property), "{error}");
            assert!(!error.to_string().contains("hunter2"));
        }
        let unverified = [("security.protocol", "ssl"), ("enable.ssl.certificate.verification", "false")];
        assert!(read(&unverified).unwrap_err().is_unsupported());
    }

    #[test]
    fn invalid_properties_are_refused() {
        for (property, value) in [
            ("security.protocol", "tls"),
            ("bootstrap.servers", "a:b"),
            ("bootstrap.servers", " , "),
            ("socket.timeout.ms", "0"),
            ("socket.timeout.ms", "soon"),
        ] {
            let error = read(&[(property, value)]).unwrap_err();
            assert!(!error.is_unsupported() && error.to_string().starts_with(property), "{error}");
        }
        let half = [("security.protocol", "ssl"), ("ssl.certificate.location", "/c.pem")];
        assert!(matches!(read(&half), Err(ConfigError::Invalid { property: "ssl.key.location", .. })));
    }
}
