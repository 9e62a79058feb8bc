//! Tests TLS connections with certificates of a test authority.

use std::{fs, path::PathBuf, sync::Arc};

use kreplay_model::domain::{Secret, SecretFormat, TopicPartition};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

use super::{
    HttpHandlers, HttpSettings,
    testing::{Endpoint, Wrap, status},
};
use crate::setup::HandlerSetup;
use crate::{Advice, LaneFailure, RunHandlers, testing::lane};

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, dir: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The authority's certificate.
    fn ca(&self) -> PathBuf {
        self.file("ca.pem", &self.issuer.pem())
    }

    /// Issues a certificate for a name; returns it and its key.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// A server with such a certificate, which may require a client certificate of the same authority.
    fn serve(&self, requires_client_certificate: bool) -> Endpoint {
        let (certificate, key) = self.issue("localhost");
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
        let builder = if requires_client_certificate {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(self.issuer.pem().as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let config = Arc::new(builder.with_single_cert(chain, key).unwrap());
        let wrap: Wrap = Arc::new(move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).map_err(std::io::Error::other)?;
            Ok(Box::new(StreamOwned::new(connection, stream)))
        });
        Endpoint::wrapped(|_| status(200), wrap)
    }
}

fn handle(endpoint: &Endpoint, host: &str, change: impl FnOnce(&mut HttpSettings)) -> Vec<LaneFailure> {
    let mut context = HandlerSetup::testing(&[TopicPartition::new("t", 0)]);
    change(&mut context.settings.http);
    let url = Secret::plain(SecretFormat::Address, format!("https://{host}:{}/x", endpoint.port()));
    HttpHandlers::open(Some(&url), &context).unwrap().make(0).handle(&[lane(0, 2)])
}

#[test]
fn a_custom_authority_is_trusted_only_if_configured() {
    let authority = Authority::new();
    let endpoint = authority.serve(false);
    assert_eq!(handle(&endpoint, "localhost", |http| http.ca = Some(authority.ca())), []);
    assert_eq!(endpoint.seen().len(), 2);
    for (host, ca) in [("localhost", None), ("127.0.0.1", Some(authority.ca()))] {
        let failures = handle(&endpoint, host, |http| http.ca = ca);
        assert_eq!(failures[0].advice, Advice::Unable);
        assert!(failures[0].error.contains("invalid peer certificate"), "{}", failures[0].error);
    }
    assert_eq!(endpoint.seen().len(), 2);
}

#[test]
fn the_client_certificate_is_presented_on_request() {
    let authority = Authority::new();
    let endpoint = authority.serve(true);
    let (certificate, key) = authority.issue("kreplay");
    let own = |http: &mut HttpSettings| {
        http.ca = Some(authority.ca());
        http.client_certificate = Some(authority.file("client.pem", &certificate));
        http.client_key = Some(authority.file("client.key", &key));
    };
    assert_eq!(handle(&endpoint, "localhost", own), []);
    let failures = handle(&endpoint, "localhost", |http| http.ca = Some(authority.ca()));
    // The server may close the connection before its reason arrives.
    assert!(
        matches!(failures.as_slice(), [one] if matches!(one.advice, Advice::Unable | Advice::Retry)),
        "{failures:?}"
    );
    assert_eq!(endpoint.seen().len(), 2);
}
