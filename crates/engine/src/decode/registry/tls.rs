//! TLS settings for the schema registry: trusted authorities and the client certificate.

use std::sync::Arc;

use ureq::tls::{RootCerts, TlsConfig};

use super::super::DecodeSettings;
use crate::tls::{certificates, http, system_authorities};

/// Trusts the system's certificate authorities and those of the settings.
pub(super) fn config(settings: &DecodeSettings) -> Result<TlsConfig, String> {
    let mut trusted = system_authorities();
    if let Some(path) = &settings.ca {
        trusted.extend(certificates(path)?);
    }
    if trusted.is_empty() {
        return Err("this system has no certificate authorities; set decode.ca to a PEM file".into());
    }
    let own = match (&settings.certificate, &settings.private_key) {
        (Some(certificate), Some(key)) => Some(http::client_certificate(certificate, key)?),
        _ => None,
    };
    Ok(TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::from(http::certificates(&trusted)))
        .client_cert(own)
        .build())
}
