//! Encryption and authentication.

use std::fmt;
use std::path::PathBuf;

use kreplay_model::domain::Secret;

/// Encryption and authentication of connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityConfig {
    /// TLS; `None` for connections without encryption.
    pub tls: Option<TlsConfig>,
    /// SASL; `None` for connections without it.
    pub sasl: Option<SaslConfig>,
}

/// TLS of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// A PEM file with the trusted authorities; `None` for those of the system.
    pub authorities: Option<PathBuf>,
    /// PEM files with the client's certificate chain and its unencrypted private key, for mutual TLS.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// Whether the broker's certificate must be for the host that the client connects to.
    pub verify_host_name: bool,
}

/// User and mechanism of SASL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslConfig {
    /// The mechanism.
    pub mechanism: SaslMechanism,
    /// The user's name.
    pub username: String,
    /// The user's password.
    pub password: Secret,
}

/// A SASL mechanism that this client supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaslMechanism {
    /// Name and password as they are (RFC 4616). Safe only over TLS.
    Plain,
    /// A proof of the password (RFC 5802) with SHA-256 (RFC 7677).
    ScramSha256,
    /// A proof of the password (RFC 5802) with SHA-512.
    ScramSha512,
}

impl SaslMechanism {
    /// Kafka's name for the mechanism.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }

    /// The mechanism with a name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Plain, Self::ScramSha256, Self::ScramSha512];
        all.into_iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for SaslMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
