//! Requests to a server on loopback.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use kreplay_model::{
    domain::{Secret, SecretFormat},
    feed::{RunView, Snapshot},
};
use tokio::sync::watch;

use super::{MetricsError, MetricsServer, MetricsSettings, ServedMetrics, Sources, server::MAX_CONNECTIONS};

fn settings() -> MetricsSettings {
    MetricsSettings { address: Some("127.0.0.1:0".parse().unwrap()), ..MetricsSettings::default() }
}

fn served(settings: &MetricsSettings, sources: Sources) -> (SocketAddr, ServedMetrics) {
    let server = MetricsServer::bind(settings).unwrap().unwrap();
    (server.local_address().unwrap(), server.serve(sources).unwrap())
}

/// Sends a request that ends the connection, and reads the whole answer.
fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(address: SocketAddr, path: &str, headers: &str) -> String {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n"))
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

fn handled(records: u64) -> Arc<Snapshot> {
    let mut run = RunView::default();
    run.totals.handled = records;
    Arc::new(Snapshot { run: Some(run), ..Snapshot::default() })
}

#[test]
fn each_scrape_has_the_latest_snapshot_in_the_format_that_is_asked_for() {
    let (sender, session) = watch::channel(handled(7));
    let (address, _served) = served(&settings(), Sources { session: Some(session), ..Sources::default() });
    let answer = get(address, "/metrics", "");
    assert_eq!(status(&answer), "200", "{answer}");
    assert!(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{answer}");
    assert!(answer.contains("\nkreplay_run_records_total 7\n") && !answer.contains("# EOF"), "{answer}");
    sender.send_replace(handled(8));
    let answer = get(address, "/metrics?x=y", "Accept: application/openmetrics-text\r\n");
    assert!(
        answer.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\nkreplay_run_records_total 8\n") && answer.ends_with("# EOF\n"), "{answer}");
}

#[test]
fn other_requests_are_refused() {
    let (address, _served) = served(&settings(), Sources::default());
    assert!(get(address, "/healthz", "").ends_with("\r\n\r\nok\n"));
    assert_eq!(status(&get(address, "/", "")), "404");
    let post = "POST /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(status(&ask(address, post)), "405");
    let with_body = "GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(status(&ask(address, with_body)), "413");
    assert_eq!(status(&get(address, "/metrics", &"X-More: 1\r\n".repeat(40))), "431");
    assert_eq!(status(&ask(address, "nonsense\r\n\r\n")), "400");
}

#[test]
fn a_token_protects_every_path() {
    let token = Some(Secret::plain(SecretFormat::Secret, "s3cret".to_owned()));
    let (address, _served) = served(&MetricsSettings { token, ..settings() }, Sources::default());
    for path in ["/metrics", "/healthz", "/other"] {
        assert_eq!(status(&get(address, path, "")), "401");
        assert_eq!(status(&get(address, path, "Authorization: Bearer wrong\r\n")), "401");
    }
    assert_eq!(status(&get(address, "/metrics", "Authorization: Bearer s3cret\r\n")), "200");
}

#[test]
fn idle_clients_do_not_keep_others_waiting_for_ever() {
    let (address, _served) = served(&settings(), Sources::default());
    let idle: Vec<TcpStream> = (0..MAX_CONNECTIONS - 1).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert_eq!(status(&get(address, "/healthz", "")), "200");
    let one_more = TcpStream::connect(address).unwrap();
    // Answered when the timeout for headers has ended the idle connections.
    assert_eq!(status(&get(address, "/healthz", "")), "200");
    drop((idle, one_more));
}

#[test]
fn the_server_ends_when_it_is_dropped() {
    let (address, server) = served(&settings(), Sources::default());
    let open = TcpStream::connect(address).unwrap();
    drop(server);
    assert!(TcpStream::connect(address).is_err());
    drop(open);
}

#[test]
fn an_address_in_use_is_an_error() {
    let (address, _served) = served(&settings(), Sources::default());
    let same = MetricsSettings { address: Some(address.to_string().parse().unwrap()), ..settings() };
    let error = MetricsServer::bind(&same).err().unwrap();
    assert!(matches!(error, MetricsError::Bind { .. }), "{error}");
    assert!(MetricsServer::bind(&MetricsSettings::default()).unwrap().is_none());
}

#[test]
fn metrics_are_served_with_tls() {
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str, text: String| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let certificate = path("c.pem", identity.cert.pem());
    let tls = MetricsSettings {
        tls_certificate: Some(certificate.clone()),
        tls_key: Some(path("k.pem", identity.signing_key.serialize_pem())),
        ..settings()
    };
    let (address, _served) = served(&tls, Sources::default());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(identity.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let mut connection = rustls::ClientConnection::new(Arc::new(client), name).unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let mut secured = rustls::Stream::new(&mut connection, &mut stream);
    secured.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // The end of the answer is known by its length; the server may close without saying so.
    let _ = secured.read_to_end(&mut answer);
    assert!(String::from_utf8_lossy(&answer).ends_with("ok\n"), "{answer:?}");

    let wrong = MetricsSettings { tls_key: Some(certificate), ..tls };
    let error = MetricsServer::bind(&wrong).err().unwrap();
    assert!(matches!(error, MetricsError::Settings(_)), "{error}");
}
