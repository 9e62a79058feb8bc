//! Certificates and keys in the form of the HTTP client.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use ureq::tls::{Certificate, ClientCert, PrivateKey};

/// Certificates in the form of the HTTP client.
#[must_use]
pub fn certificates(certificates: &[CertificateDer<'_>]) -> Vec<Certificate<'static>> {
    certificates.iter().map(|der| Certificate::from_der(der).to_owned()).collect()
}

/// A client certificate, with the chain up to its authority, and its private key.
///
/// # Errors
/// One sentence with the path: a file cannot be read, or does not contain what it should.
pub fn client_certificate(chain: &Path, key: &Path) -> Result<ClientCert, String> {
    let chain = certificates(&super::certificates(chain)?);
    let private_key = PrivateKey::from_pem(&kreplay_tls::read(key)?)
        .map_err(|_| format!("{} contains no PEM private key", key.display()))?;
    Ok(ClientCert::new_with_certs(&chain, private_key))
}
