//! TLS settings for requests: trusted authorities and the client certificate.

use kreplay_engine::tls::{certificates, http, system_authorities};
use ureq::tls::{RootCerts, TlsConfig};

use super::HttpSettings;

/// The settings of a client. `http.ca` replaces the system's authorities.
///
/// # Errors
/// One sentence: a file cannot be read, or the settings contradict each other.
pub(super) fn tls_config(settings: &HttpSettings) -> Result<TlsConfig, String> {
    let roots = match &settings.ca {
        Some(path) => {
            let found = certificates(path).map_err(|reason| format!("http.ca {reason}"))?;
            RootCerts::from(http::certificates(&found))
        }
        None => system_roots(),
    };
    let identity = match (&settings.client_certificate, &settings.client_key) {
        (Some(chain), Some(key)) => Some(
            http::client_certificate(chain, key)
                .map_err(|reason| format!("http.client_certificate and http.client_key: {reason}"))?,
        ),
        (None, None) => None,
        _ => return Err("http.client_certificate and http.client_key must be set together".into()),
    };
    Ok(TlsConfig::builder().root_certs(roots).client_cert(identity).build())
}

/// The system's trusted roots, or Mozilla's list if the system has none.
fn system_roots() -> RootCerts {
    let found = system_authorities();
    if found.is_empty() { RootCerts::WebPki } else { RootCerts::from(http::certificates(&found)) }
}

/// Adds a hint about what to configure to a TLS error.
pub(super) fn with_tls_hint(error: String) -> String {
    if error.contains("UnknownIssuer") || error.contains("CaUsedAsEndEntity") {
        return error + "; set http.ca to the certificate of the authority that signed the server's certificate";
    }
    if error.contains("CertificateRequired") || error.contains("HandshakeFailure") {
        return error
            + "; the server may require a client certificate: set http.client_certificate and http.client_key";
    }
    error
}
