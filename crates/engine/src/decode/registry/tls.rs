//! TLS settings for the schema registry: trusted authorities and the client certificate.

use std::{path::Path, sync::Arc};

use ureq::tls::{Certificate, ClientCert, PemItem, RootCerts, TlsConfig, parse_pem};

use super::super::DecodeSettings;

/// Trusts the system's certificate authorities and those of the settings.
pub(super) fn config(settings: &DecodeSettings) -> Result<TlsConfig, String> {
    let mut trusted: Vec<Certificate<'static>> = rustls_native_certs::load_native_certs()
        .certs
        .iter()
        .map(|certificate| Certificate::from_der(certificate.as_ref()).to_owned())
        .collect();
    if let Some(path) = &settings.ca {
        trusted.extend(certificates(path)?);
    }
    if trusted.is_empty() {
        return Err("this system has no certificate authorities; set decode.ca to a PEM file".into());
    }
    let own = match (&settings.certificate, &settings.private_key) {
        (Some(certificate), Some(key)) => {
            Some(ClientCert::new_with_certs(&certificates(certificate)?, private_key(key)?))
        }
        _ => None,
    };
    Ok(TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::from(trusted))
        .client_cert(own)
        .build())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let mut found = Vec::new();
    for item in parse_pem(&read(path)?) {
        if let PemItem::Certificate(certificate) =
            item.map_err(|error| format!("{} is not PEM: {error}", path.display()))?
        {
            found.push(certificate);
        }
    }
    if found.is_empty() { Err(format!("{} holds no certificate; PEM is needed", path.display())) } else { Ok(found) }
}

fn private_key(path: &Path) -> Result<ureq::tls::PrivateKey<'static>, String> {
    ureq::tls::PrivateKey::from_pem(&read(path)?)
        .map_err(|_| format!("{} holds no private key; PEM is needed", path.display()))
}
