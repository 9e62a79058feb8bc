//! The TLS settings of connections, from PEM files.

use std::sync::Arc;

use kreplay_tls::{AnyHost, certificates, private_key, system_authorities};
use rustls::{ClientConfig, RootCertStore};

use crate::config::{ConfigError, TlsConfig};

/// Loads certificates and keys.
///
/// # Errors
/// A file cannot be read or does not contain what it should, or there are no authorities.
pub(crate) fn client_config(config: &TlsConfig) -> Result<Arc<ClientConfig>, ConfigError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let authorities = Arc::new(authorities(config)?);
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::Tls(format!("TLS cannot be set up: {error}")))?;
    let builder = if config.verify_host_name {
        builder.with_root_certificates(authorities)
    } else {
        let verifier = AnyHost::new(authorities, provider)
            .map_err(|error| ConfigError::Tls(format!("the authorities cannot be used: {error}")))?;
        builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
    };
    let client = match &config.client_certificate {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let private_key = private_key(key).map_err(ConfigError::Tls)?;
            builder
                .with_client_auth_cert(certificates(chain).map_err(ConfigError::Tls)?, private_key)
                .map_err(|error| ConfigError::Tls(format!("the client certificate cannot be used: {error}")))?
        }
    };
    Ok(Arc::new(client))
}

fn authorities(config: &TlsConfig) -> Result<RootCertStore, ConfigError> {
    let found = match &config.authorities {
        Some(path) => certificates(path).map_err(ConfigError::Tls)?,
        None => system_authorities(),
    };
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(found);
    if store.is_empty() {
        let place =
            config.authorities.as_ref().map_or_else(|| "the system".to_owned(), |path| path.display().to_string());
        return Err(ConfigError::Tls(format!("{place} has no usable certificate authority; set ssl.ca.location")));
    }
    Ok(store)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_without_certificates_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        let config = TlsConfig { authorities: Some(path.clone()), client_certificate: None, verify_host_name: true };
        assert!(client_config(&config).unwrap_err().to_string().contains("cannot be read"));
        fs::write(&path, "nothing").unwrap();
        assert!(client_config(&config).unwrap_err().to_string().contains("no PEM certificate"));
    }

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("both.pem");
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(&path, made.cert.pem()).unwrap();
        let config = TlsConfig {
            authorities: Some(path.clone()),
            client_certificate: Some((path.clone(), path.clone())),
            verify_host_name: true,
        };
        assert!(client_config(&config).unwrap_err().to_string().contains("private key"));
        let key = dir.path().join("key.pem");
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        assert!(client_config(&TlsConfig { client_certificate: Some((path, key)), ..config }).is_ok());
    }
}
