//! Tests the cache against a server with scripted answers: how often it is asked, and how each answer is interpreted.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use kreplay_model::domain::{Secret, SecretFormat};
use serde_json::json;

use super::{super::fixtures, *};

/// A server that answers each request by its path with a status and a body, and counts the requests. The thread ends
/// with the test process.
fn serve(answer: impl Fn(&str, &str) -> (u16, String) + Send + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            let Some(first) = lines.next() else { continue };
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            counted.fetch_add(1, SeqCst);
            let (status, body) = answer(first.split(' ').nth(1).unwrap(), &head.join("\n"));
            let length = body.len();
            // The client may have disconnected.
            drop(write!(stream, "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"));
        }
    });
    (address, count)
}

fn settings(addresses: &[&str]) -> DecodeSettings {
    DecodeSettings {
        registry: addresses.iter().map(|one| Secret::plain(SecretFormat::Address, (*one).to_owned())).collect(),
        timeout: Duration::from_secs(20),
        ..DecodeSettings::default()
    }
}

/// The decoded value.
fn read(decoded: Result<Document<'_>, Undecodable>) -> Result<serde_json::Value, Undecodable> {
    decoded.map(|document| serde_json::from_str(document.root().raw()).unwrap())
}

fn value(id: u32) -> Vec<u8> {
    [&[0], &id.to_be_bytes()[..], &[14]].concat()
}

fn long() -> (u16, String) {
    (200, json!({"schema": "\"long\""}).to_string())
}

#[test]
fn concurrent_threads_fetch_a_schema_once() {
    let (address, count) = serve(|_, _| long());
    let registry = Registry::new(&settings(&[&address])).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    assert_eq!(read(registry.decode(Format::Avro, None, &value(7))), Ok(json!(7)));
                }
            });
        }
    });
    assert_eq!(count.load(SeqCst), 1);
    let error = registry.decode(Format::Protobuf, None, &value(7)).unwrap_err().to_string();
    assert!(error.contains("schema 7: it has the format avro, not protobuf"), "{error}");
}

#[test]
fn unknown_id_is_requested_only_once_per_ttl() {
    let (address, count) = serve(|_, _| (404, json!({"error_code": 40403, "message": "none\u{1b}[2J"}).to_string()));
    let registry = Registry::new(&settings(&[&address])).unwrap();
    for _ in 0..1000 {
        let Err(Undecodable::Bad(error)) = registry.decode(Format::Registry, None, &value(7)) else { panic!() };
        assert!(error.contains("has no schema 7") && !error.contains('\u{1b}'), "{error}");
    }
    assert_eq!(count.load(SeqCst), 1);
}

#[test]
fn cache_is_bounded() {
    let (address, count) = serve(|_, _| long());
    let registry = Registry::new(&DecodeSettings { schemas: 2, ..settings(&[&address]) }).unwrap();
    for id in 0..10 {
        assert_eq!(read(registry.decode(Format::Registry, None, &value(id))), Ok(json!(7)));
    }
    assert_eq!((registry.known.read().len(), count.load(SeqCst)), (2, 10));
    assert!(registry.pending.lock().ids.is_empty());
}

#[test]
fn outages_are_transient_and_a_second_address_is_used() {
    for (status, body, part) in [
        (500, json!({"error_code": 50001, "message": "store"}).to_string(), "returned 500: store"),
        (401, String::new(), "rejected the request (401)"),
        (404, "nothing".into(), "no schema registry at this address"),
        (200, "<html>".into(), "not from a schema registry"),
    ] {
        let (bad, asked) = serve(move |_, _| (status, body.clone()));
        let registry = Registry::new(&settings(&[&bad])).unwrap();
        let Err(Undecodable::Unreachable(error)) = registry.decode(Format::Registry, None, &value(1)) else { panic!() };
        assert!(error.contains(part), "{error}");
        assert!(matches!(registry.decode(Format::Registry, None, &value(2)), Err(Undecodable::Unreachable(_))));
        assert_eq!(asked.load(SeqCst), 1, "a registry that is down gets no requests for a moment");
        let (good, _) = serve(|_, _| long());
        let registry = Registry::new(&settings(&[&bad, &good])).unwrap();
        assert_eq!(read(registry.decode(Format::Registry, None, &value(1))), Ok(json!(7)));
        assert_eq!(read(registry.decode(Format::Registry, None, &value(2))), Ok(json!(7)));
        assert_eq!(asked.load(SeqCst), 2, "the address that answered is asked first");
    }
}

#[test]
fn credentials_are_sent_and_never_shown() {
    let secret = |text: &str| Some(Secret::plain(SecretFormat::Secret, text.into()));
    for (settings, header) in [
        (
            DecodeSettings { username: secret("ada"), password: secret("hunter2"), ..settings(&[]) },
            "Basic YWRhOmh1bnRlcjI=",
        ),
        (DecodeSettings { token: secret("hunter2"), ..settings(&[]) }, "Bearer hunter2"),
    ] {
        let (address, _) = serve(move |_, head| {
            let known =
                head.lines().any(|line| line.to_lowercase().starts_with("authorization:") && line.contains(header));
            if known { long() } else { (401, String::new()) }
        });
        let registry = vec![Secret::plain(SecretFormat::Address, address)];
        let registry = Registry::new(&DecodeSettings { registry, ..settings.clone() }).unwrap();
        assert_eq!(read(registry.decode(Format::Registry, None, &value(1))), Ok(json!(7)));
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}

#[test]
fn references_are_fetched_once_and_bounded() {
    let (address, count) = serve(|path, _| {
        let references = |version: u32| json!([{"name": "a", "subject": "s/1", "version": version}]);
        match path {
            "/schemas/ids/1?deleted=true" => {
                (200, json!({"schema": "\"long\"", "references": references(1)}).to_string())
            }
            // The schema references itself.
            "/subjects/s%2F1/versions/1?deleted=true" => {
                let schema = json!({"type": "fixed", "name": "F", "size": 1}).to_string();
                (200, json!({"schema": schema, "references": references(1)}).to_string())
            }
            "/schemas/ids/2?deleted=true" => {
                (200, json!({"schema": "\"long\"", "references": references(2)}).to_string())
            }
            // Each version references the next one, endlessly.
            path => {
                let version: u32 = path.rsplit('/').next().unwrap().trim_end_matches("?deleted=true").parse().unwrap();
                (200, json!({"schema": "\"long\"", "references": references(version + 1)}).to_string())
            }
        }
    });
    let registry = Registry::new(&settings(&[&address])).unwrap();
    assert_eq!(read(registry.decode(Format::Registry, None, &value(1))), Ok(json!(7)));
    assert_eq!(count.load(SeqCst), 2);
    let error = registry.decode(Format::Registry, None, &value(2)).unwrap_err().to_string();
    assert!(error.contains("more than 200 others"), "{error}");
}

#[test]
fn header_names_the_schema_by_guid_or_id() {
    let by_guid = format!("/schemas/guids/{}", fixtures::GUID);
    let file = "message A { optional int32 a = 1; } message B { message C { optional int32 c = 1; } }";
    let (address, count) = serve(move |path, _| match path {
        path if path == by_guid => (200, json!({"schema": file, "schemaType": "PROTOBUF"}).to_string()),
        "/schemas/ids/7?deleted=true" => long(),
        _ => (404, json!({"error_code": 40403, "message": "none"}).to_string()),
    });
    let registry = Registry::new(&settings(&[&address])).unwrap();
    let decode = |header: &[u8], bytes: &[u8]| {
        read(registry.decode(Format::Registry, Some(("__value_schema_id", header)), bytes))
    };
    // The payload has no prefix, even if it looks like it.
    for _ in 0..3 {
        assert_eq!(decode(&fixtures::header("protobuf"), &[8, 7]), Ok(json!({"c": 7})));
        assert_eq!(decode(&fixtures::header("protobuf_first"), &[8, 7]), Ok(json!({"a": 7})));
        assert_eq!(decode(&fixtures::header("id"), &[14]), Ok(json!(7)));
    }
    assert_eq!(count.load(SeqCst), 2);
    let error = decode(&fixtures::header("id"), &[0, 0, 0, 0, 7, 14]).unwrap_err().to_string();
    assert!(error.contains("left over"), "{error}");
}

#[test]
fn unknown_guid_is_a_permanent_error() {
    for body in [json!({"error_code": 40403, "message": "none"}).to_string(), "<html>".into()] {
        let (address, _) = serve(move |_, _| (404, body.clone()));
        let registry = Registry::new(&settings(&[&address])).unwrap();
        let header = fixtures::header("avro");
        let decoded = read(registry.decode(Format::Registry, Some(("__value_schema_id", &header)), &[14]));
        let Err(Undecodable::Bad(error)) = decoded else { panic!("{decoded:?}") };
        assert!(error.contains(fixtures::GUID) && error.contains("8.0"), "{error}");
    }
}

#[test]
fn soft_deleted_schemas_are_requested() {
    let (address, _) = serve(|path, _| {
        if !path.ends_with("?deleted=true") {
            return (404, json!({"error_code": 40402, "message": "version not found"}).to_string());
        }
        match path.split('?').next().unwrap() {
            "/schemas/ids/1" => {
                let references = json!([{"name": "M", "subject": "common", "version": 1}]);
                (200, json!({"schema": json!(["M", "null"]).to_string(), "references": references}).to_string())
            }
            _ => (200, json!({"schema": json!({"type": "fixed", "name": "M", "size": 1}).to_string()}).to_string()),
        }
    });
    let registry = Registry::new(&settings(&[&address])).unwrap();
    assert_eq!(read(registry.decode(Format::Registry, None, &[0, 0, 0, 0, 1, 0, 7])), Ok(json!("Bw==")));
}
