//! Certificates and keys of TLS clients, from PEM files and from the system.

#[cfg(feature = "registry")]
pub mod http;

pub use kreplay_tls::{AnyHost, certificates, system_authorities};
