//! TLS of the server.

use std::{path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio_rustls::TlsAcceptor;

/// Reads a certificate chain and its key.
///
/// # Errors
/// A file cannot be read or is not PEM, or the key does not belong to the certificate; in one sentence.
pub(super) fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, String> {
    let unreadable =
        |path: &Path, error: rustls::pki_types::pem::Error| format!("cannot read {}: {error}", path.display());
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(certificate, error))?;
    if chain.is_empty() {
        return Err(format!("{} has no certificate", certificate.display()));
    }
    let private_key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private_key))
        .map_err(|error| format!("cannot use {}: {error}", certificate.display()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
