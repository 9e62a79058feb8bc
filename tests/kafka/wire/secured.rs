//! The client for describe requests against a broker with TLS, client certificates and SASL.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use kreplay_wire::types::GroupFilter;
use kreplay_wire::{WireClient, WireConfig, WireError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::run;
use crate::support::broker::SETTLE_TIMEOUT;
use crate::support::server::Server;
use crate::support::wait;

const CONFIGS: &str = "kafka.admin.ConfigCommand";
const USER: &str = "ada";
const PASSWORD: &str = "hunter2-secret";
const ADMIN_PASSWORD: &str = "admin-secret";

/// An authority and the files with its certificates.
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

    /// Issues a certificate for a name; returns it and its key.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// A text as a value in a properties file.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

/// A broker whose only listener for clients has TLS, requires client certificates, and has three SASL mechanisms.
fn secured_broker(authority: &Authority) -> Server {
    let (certificate, key) = authority.issue("127.0.0.1");
    let plain = format!(
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"admin\" \
         password=\"{ADMIN_PASSWORD}\" user_admin=\"{ADMIN_PASSWORD}\" user_{USER}=\"{PASSWORD}\";"
    );
    let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
    let (certificate, key, root) = (escaped(&certificate), escaped(&key), escaped(&authority.issuer.pem()));
    let settings = [
        // The listener keeps its name, which the testkit has chosen.
        ("listener.security.protocol.map", "PLAINTEXT:SASL_SSL,CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT"),
        ("sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"),
        ("sasl.mechanism.inter.broker.protocol", "PLAIN"),
        ("listener.name.plaintext.plain.sasl.jaas.config", &plain),
        ("listener.name.plaintext.scram-sha-256.sasl.jaas.config", scram),
        ("listener.name.plaintext.scram-sha-512.sasl.jaas.config", scram),
        ("listener.name.plaintext.ssl.client.auth", "required"),
        ("ssl.keystore.type", "PEM"),
        ("ssl.keystore.certificate.chain", &certificate),
        ("ssl.keystore.key", &key),
        ("ssl.truststore.type", "PEM"),
        ("ssl.truststore.certificates", &root),
        ("allow.everyone.if.no.acl.found", "true"),
    ];
    let server = Server::start_with(&settings).unwrap_or_else(|error| panic!("{error}"));
    let (certificate, key) = authority.issue("admin");
    let admin = match server {
        // The tools run in the container and use its internal listener.
        Server::Container(_) => "security.protocol=PLAINTEXT".to_owned(),
        Server::Local(_) => format!(
            "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.jaas.config={}\nssl.keystore.type=PEM\n\
             ssl.keystore.certificate.chain={}\nssl.keystore.key={}\nssl.truststore.type=PEM\n\
             ssl.truststore.certificates={root}",
            plain,
            escaped(&certificate),
            escaped(&key)
        ),
    };
    let bootstrap = ["--bootstrap-server", server.tool_bootstrap(), "--command-config", "/dev/stdin"];
    // The broker refuses two credentials of a user in one request.
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let credentials = format!("{mechanism}=[iterations=8192,password={PASSWORD}]");
        let alter = ["--alter", "--entity-type", "users", "--entity-name", USER, "--add-config", &credentials];
        server.tool(CONFIGS, &[&bootstrap[..], &alter].concat(), admin.as_bytes()).expect_success();
    }
    server
}

type Properties = BTreeMap<String, String>;

fn connect(properties: &Properties) -> Result<(), WireError> {
    let mut config = WireConfig::from_properties(properties).unwrap();
    config.deadline = SETTLE_TIMEOUT;
    let client = WireClient::new(config).unwrap();
    run(client.list_groups(&GroupFilter::default())).map(|listing| assert!(listing.failures.is_empty(), "{listing:?}"))
}

fn with(properties: &Properties, changes: &[(&str, &str)]) -> Properties {
    let mut properties = properties.clone();
    properties.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    properties
}

#[test]
fn clients_connect_with_tls_certificates_and_every_mechanism() {
    let authority = Authority::new();
    let server = secured_broker(&authority);
    let (certificate, key) = authority.issue("client");
    let path = |path: PathBuf| path.to_str().unwrap().to_owned();
    let right = Properties::from([
        ("bootstrap.servers".to_owned(), server.bootstrap().to_owned()),
        ("security.protocol".to_owned(), "sasl_ssl".to_owned()),
        ("sasl.mechanism".to_owned(), "PLAIN".to_owned()),
        ("sasl.username".to_owned(), USER.to_owned()),
        ("sasl.password".to_owned(), PASSWORD.to_owned()),
        ("ssl.ca.location".to_owned(), path(authority.file("ca.pem", &authority.issuer.pem()))),
        ("ssl.certificate.location".to_owned(), path(authority.file("client.pem", &certificate))),
        ("ssl.key.location".to_owned(), path(authority.file("client.key", &key))),
    ]);
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let right = with(&right, &[("sasl.mechanism", mechanism)]);
        // Credentials reach the broker's listener a moment after they are stored.
        wait::until(&format!("authentication with {mechanism}"), SETTLE_TIMEOUT, || match connect(&right) {
            Ok(()) => Some(()),
            Err(error) => panic_unless_authentication(&error),
        });
        let wrong = connect(&with(&right, &[("sasl.password", "not-the-password")])).unwrap_err();
        assert!(matches!(wrong, WireError::Authentication { .. }), "{wrong}");
        assert!(!format!("{wrong} {wrong:?}").contains("not-the-password"));
    }
    let reason = |properties: Properties| match connect(&properties).unwrap_err() {
        WireError::Tls { reason, .. } => reason,
        other => panic!("{other}"),
    };
    let mut anonymous = right.clone();
    anonymous.retain(|name, _| !["ssl.certificate.location", "ssl.key.location"].contains(&name.as_str()));
    let refused = reason(anonymous);
    // Java's TLS sends the alert `bad_certificate` for a missing one.
    assert!(refused.contains("received fatal alert: BadCertificate"), "{refused}");
    let stranger = Authority::new();
    let foreign = path(stranger.file("ca.pem", &stranger.issuer.pem()));
    let refused = reason(with(&right, &[("ssl.ca.location", &foreign)]));
    // The authorities have the same name, so that the signature tells them apart.
    assert!(refused.contains("invalid peer certificate: BadSignature"), "{refused}");
    // The certificate is for 127.0.0.1.
    let by_name = server.bootstrap().replace("127.0.0.1", "localhost");
    let by_name = with(&right, &[("bootstrap.servers", &by_name)]);
    let refused = reason(by_name.clone());
    assert!(refused.contains("not valid for name"), "{refused}");
    assert_eq!(connect(&with(&by_name, &[("ssl.endpoint.identification.algorithm", "none")])), Ok(()));
}

fn panic_unless_authentication(error: &WireError) -> Option<()> {
    assert!(matches!(error, WireError::Authentication { .. }), "{error}");
    None
}
