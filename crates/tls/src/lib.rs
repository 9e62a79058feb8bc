//! Certificates and keys for TLS, from PEM files and from the system, and a verifier that accepts any host name. Errors
//! with a file are one sentence with its path.

mod any_host;

use std::{fs, path::Path};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

pub use any_host::AnyHost;

/// The certificates of a PEM file.
///
/// # Errors
/// The file cannot be read, or contains no certificate.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| format!("{} is not PEM: {error}", path.display()))?;
    if found.is_empty() { Err(format!("{} contains no PEM certificate", path.display())) } else { Ok(found) }
}

/// The private key of a PEM file.
///
/// # Errors
/// The file cannot be read, or contains no key without encryption.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(&read(path)?)
        .map_err(|_| format!("{} contains no unencrypted PEM private key", path.display()))
}

/// The contents of a PEM file.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

/// The certificate authorities that the system trusts; empty if it has none.
#[must_use]
pub fn system_authorities() -> Vec<CertificateDer<'static>> {
    rustls_native_certs::load_native_certs().certs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_a_certificate_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        assert!(certificates(&path).unwrap_err().contains("cannot be read"));
        for (text, reason) in [
            ("", "contains no PEM certificate"),
            ("no PEM at all", "contains no PEM certificate"),
            ("-----BEGIN CERTIFICATE-----\n\u{21}\n-----END CERTIFICATE-----\n", "is not PEM"),
        ] {
            fs::write(&path, text).unwrap();
            let error = certificates(&path).unwrap_err();
            assert!(error.contains(reason) && error.contains("ca.pem"), "{error}");
        }
    }

    #[test]
    fn a_certificate_and_its_key_are_read_from_their_files() {
        let dir = tempfile::tempdir().unwrap();
        let (chain, key) = (dir.path().join("chain.pem"), dir.path().join("key.pem"));
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(&chain, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        assert_eq!(certificates(&chain).unwrap(), [made.cert.der().clone()]);
        assert!(private_key(&key).is_ok());
        assert!(private_key(&chain).unwrap_err().contains("contains no unencrypted PEM private key"));
    }
}
