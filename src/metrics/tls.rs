//! TLS of the server.

use std::{path::Path, sync::Arc};

use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

/// Reads a certificate chain and its key.
///
/// # Errors
/// A file cannot be read or is not PEM, or the key does not belong to the certificate; in one sentence.
pub(super) fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, String> {
    let (chain, private_key) = (kreplay_tls::certificates(certificate)?, kreplay_tls::private_key(key)?);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private_key))
        .map_err(|error| format!("cannot use {}: {error}", certificate.display()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
