//! TLS to PostgreSQL with rustls. `sslmode` means the same as in libpq.

use std::sync::Arc;

use kreplay_engine::tls::{AnyHost, certificates, system_authorities};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{CertificateCheck, ServerAddress};

/// The TLS connector for an address.
///
/// # Errors
/// The trusted certificates cannot be read.
pub fn connector(address: &ServerAddress) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match address.certificate_check {
        CertificateCheck::Off => Arc::new(AcceptAnyCertificate(Arc::clone(&provider))),
        CertificateCheck::Authority => {
            let verifier = AnyHost::new(authorities(address)?, Arc::clone(&provider));
            Arc::new(verifier.map_err(|error| error.to_string())?)
        }
        CertificateCheck::Host => {
            let builder = WebPkiServerVerifier::builder_with_provider(authorities(address)?, Arc::clone(&provider));
            builder.build().map_err(|error| error.to_string())?
        }
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn authorities(address: &ServerAddress) -> Result<Arc<RootCertStore>, String> {
    let mut roots = RootCertStore::empty();
    match &address.authorities {
        Some(path) => {
            for certificate in certificates(path).map_err(|reason| format!("sslrootcert: {reason}"))? {
                roots.add(certificate).map_err(|error| format!("sslrootcert={}: {error}", path.display()))?;
            }
        }
        None => {
            roots.add_parsable_certificates(system_authorities());
        }
    }
    if roots.is_empty() {
        return Err("this machine has no trusted certificates; name a file with sslrootcert=FILE".into());
    }
    Ok(Arc::new(roots))
}

/// Accepts any certificate, like libpq with `prefer` and `require`. Still checks that the server has the private key.
#[derive(Debug)]
struct AcceptAnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
