//! Certificates and keys of TLS clients, from PEM files and from the system.

#[cfg(feature = "registry")]
pub mod http;

use std::{fs, path::Path};

use rustls::pki_types::{CertificateDer, pem::PemObject as _};

/// The certificates of a PEM file.
///
/// # Errors
/// One sentence with the path: the file cannot be read, or contains no certificate.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| format!("{} is not PEM: {error}", path.display()))?;
    if found.is_empty() { Err(format!("{} contains no PEM certificate", path.display())) } else { Ok(found) }
}

/// The contents of a PEM file.
///
/// # Errors
/// One sentence with the path: the file cannot be read.
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
}
