//! Tests with requests to a real server, correct and faulty.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use kreplay_model::domain::{Classified as _, Secret, SecretFormat, TopicPartition};
use serde_json::{Value, json};

use super::{
    Body, HttpHandlers, HttpSettings, Method,
    testing::{Endpoint, Reply, Request, status},
};
use crate::setup::HandlerSetup;
use crate::{Advice, HandlerError, LaneFailure, LaneRun, PreviewError, RunHandlers, testing::record};

/// A lane whose records have `v` and their offset as value.
fn lane(number: u32, offsets: std::ops::Range<i64>) -> LaneRun {
    let value = |offset: i64| format!("v{offset}");
    let records = offsets.map(|offset| record(0, offset, Some(b"k"), Some(value(offset).as_bytes()), &[])).collect();
    LaneRun { lane: number, records }
}

fn open(url: &str, change: impl FnOnce(&mut HttpSettings)) -> Result<HttpHandlers, HandlerError> {
    let mut context = HandlerSetup::testing(&[TopicPartition::new("t", 0)]);
    change(&mut context.settings.http);
    HttpHandlers::open(Some(&Secret::plain(SecretFormat::Address, url.to_owned())), &context)
}

fn source(endpoint: &Endpoint, change: impl FnOnce(&mut HttpSettings)) -> HttpHandlers {
    open(&endpoint.url("/x"), change).unwrap()
}

fn handle(source: &HttpHandlers, batch: &[LaneRun]) -> Vec<LaneFailure> {
    source.make(0).handle(batch)
}

fn effect(source: &HttpHandlers, what: &str) -> u64 {
    source.effects().iter().find(|effect| effect.what == what).map_or(0, |effect| effect.count)
}

fn ends(failures: &[LaneFailure]) -> Vec<(usize, usize, Advice)> {
    failures.iter().map(|it| (it.run, it.done, it.advice)).collect()
}

/// The offsets of a request's records.
fn offsets(request: &Request) -> Vec<i64> {
    let offset = |value: &Value| value["offset"].as_i64().unwrap();
    match serde_json::from_slice(&request.body).unwrap() {
        Value::Array(records) => records.iter().map(offset).collect(),
        one => vec![offset(&one)],
    }
}

/// A server that rejects requests containing one of these offsets.
fn refusing(bad: &'static [i64], with: u16) -> Endpoint {
    Endpoint::start(move |request| {
        status(if offsets(request).iter().any(|offset| bad.contains(offset)) { with } else { 204 })
    })
}

#[test]
fn each_record_is_one_request_and_a_lane_ends_at_its_failure() {
    let endpoint = refusing(&[1, 20], 422);
    let it = source(&endpoint, |http| {
        http.method = Method::Put;
        http.headers = vec![Secret::plain(SecretFormat::Header, "X-Api-Key: hunter2".into())];
    });
    let failures = handle(&it, &[lane(0, 0..3), lane(1, 10..12), lane(2, 20..22)]);
    assert_eq!(ends(&failures), [(0, 1, Advice::GiveUp), (2, 0, Advice::GiveUp)]);
    let seen = endpoint.seen();
    assert_eq!(seen.iter().flat_map(offsets).collect::<Vec<_>>(), [0, 1, 10, 11, 20]);
    let first = &seen[0];
    assert_eq!(first.line, "PUT /x HTTP/1.1");
    for (name, value) in [("idempotency-key", "t-0-0"), ("content-type", "application/json"), ("x-api-key", "hunter2")]
    {
        assert_eq!(first.header(name), Some(value), "{first:?}");
    }
    assert!(first.header("user-agent").unwrap().starts_with("kreplay/"));
    let value: Value = serde_json::from_slice(&first.body).unwrap();
    assert_eq!(
        value,
        json!({"topic": "t", "partition": 0, "offset": 0, "timestamp": 1000, "key": "k", "value": "v0", "headers": []})
    );
    assert_eq!((effect(&it, "requests"), effect(&it, "answers.2xx"), effect(&it, "answers.4xx")), (5, 3, 2));
    assert_eq!(effect(&it, "acknowledged"), 3);
}

#[test]
fn a_registry_that_does_not_answer_blames_no_record() {
    let endpoint = Endpoint::start(|_| status(200));
    for body in [Body::Record, Body::Array] {
        let (mut context, unreadable) = HandlerSetup::without_registry(&[TopicPartition::new("t", 0)]);
        context.settings.http.body = body;
        let url = Secret::plain(SecretFormat::Address, endpoint.url("/x"));
        let it = HttpHandlers::open(Some(&url), &context).unwrap();
        let previewed = it.preview().unwrap().preview(&unreadable, &mut Vec::new());
        assert!(matches!(previewed, Err(PreviewError::Unable(_))), "{previewed:?}");
        let failures = handle(&it, &[LaneRun { lane: 0, records: vec![unreadable] }]);
        assert_eq!(ends(&failures), [(0, 0, Advice::Unable)]);
    }
    assert_eq!(endpoint.seen().len(), 0);
}

#[test]
fn a_value_body_is_sent_unchanged() {
    let endpoint = Endpoint::start(|_| status(200));
    let it = source(&endpoint, |http| http.body = Body::Value);
    assert_eq!(handle(&it, &[lane(0, 7..8)]), []);
    let seen = endpoint.seen();
    assert_eq!((seen[0].text().as_str(), seen[0].header("kreplay-key")), ("v7", Some("k")));
    assert_eq!(seen[0].header("content-type"), Some("application/octet-stream"));
}

#[test]
fn a_rejected_batch_is_sent_again_record_by_record() {
    for with in [400, 500] {
        let endpoint = refusing(&[1], with);
        let it = source(&endpoint, |http| {
            http.body = Body::Array;
            http.batch = 4;
        });
        let failures = handle(&it, &[lane(0, 0..3), lane(1, 10..15)]);
        let advice = if with == 400 { Advice::GiveUp } else { Advice::Retry };
        assert_eq!(ends(&failures), [(0, 1, advice)]);
        let seen: Vec<_> = endpoint.seen().iter().map(offsets).collect();
        assert_eq!(seen, [vec![0, 1, 2, 10], vec![0], vec![1], vec![10], vec![11, 12, 13, 14]]);
        let keys: Vec<_> = endpoint.seen().iter().map(|it| it.header("idempotency-key").unwrap().to_owned()).collect();
        assert!(keys[0].starts_with("batch-") && keys[1] == "t-0-0", "{keys:?}");
    }
}

#[test]
fn an_answer_may_have_a_result_for_each_record() {
    let endpoint = Endpoint::start(|request| {
        let of = |offset: i64| match offset {
            1 => json!({"error": "no", "retry_after": 3}),
            _ => json!({"ok": true}),
        };
        let body: Vec<_> = offsets(request).into_iter().map(of).collect();
        Reply::Status(200, Vec::new(), serde_json::to_vec(&json!({ "results": body })).unwrap())
    });
    let it = source(&endpoint, |http| {
        http.body = Body::Array;
        http.per_record = true;
    });
    let failures = handle(&it, &[lane(0, 0..3), lane(1, 10..12)]);
    assert_eq!(ends(&failures), [(0, 1, Advice::After(Duration::from_secs(3)))]);
    // A request never contains two records of a lane.
    assert_eq!(endpoint.seen().iter().map(offsets).collect::<Vec<_>>(), [vec![0, 10], vec![1, 11]]);
}

#[test]
fn an_overloaded_endpoint_gets_no_requests_during_its_backoff() {
    let calls = AtomicUsize::new(0);
    let endpoint = Endpoint::start(move |_| match calls.fetch_add(1, SeqCst) {
        0 => Reply::Status(429, vec![("retry-after", "1".into())], Vec::new()),
        _ => status(200),
    });
    let it = source(&endpoint, |_| ());
    let begun = Instant::now();
    let failures = handle(&it, &[lane(0, 0..2), lane(1, 10..12)]);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(ends(&failures), [(0, 0, Advice::After(Duration::from_secs(1)))]);
    assert_eq!(endpoint.seen().len(), 3);

    let endpoint = Endpoint::start(|_| Reply::Status(503, vec![("retry-after", "600".into())], Vec::new()));
    let it = source(&endpoint, |_| ());
    let failures = handle(&it, &[lane(0, 0..2), lane(1, 10..12)]);
    assert_eq!(failures[0].advice, Advice::After(Duration::from_secs(600)));
    assert!(matches!(failures[1].advice, Advice::UnableFor(wait) if wait > Duration::from_secs(500)));
    assert!(failures[1].error.contains("asked to back off"), "{}", failures[1].error);
    assert_eq!(endpoint.seen().len(), 1);
}

#[test]
fn denied_access_and_redirects_stop_the_run() {
    for (reply, part) in [
        (status(401), "returned 401 Unauthorized"),
        (
            Reply::Status(307, vec![("location", "http://elsewhere/y".into())], Vec::new()),
            "a redirect to http://elsewhere/y",
        ),
    ] {
        let endpoint = Endpoint::start(move |_| reply.clone());
        let failures = handle(&source(&endpoint, |_| ()), &[lane(0, 0..2), lane(1, 10..12)]);
        assert_eq!(ends(&failures), [(0, 0, Advice::Stop), (1, 0, Advice::Stop)]);
        assert!(failures[0].error.contains(part), "{}", failures[0].error);
        assert_eq!(endpoint.seen().len(), 1);
    }
}

#[test]
fn missing_or_invalid_answers_fail_their_record_in_bounded_time() {
    for (reply, part) in [
        (Reply::Never, "no answer within 300ms"),
        (Reply::Close, "closed before the answer"),
        (Reply::Raw(b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec()), ""),
        (Reply::Raw(vec![b'x'; 1 << 20]), ""),
        (status(500), "returned 500 Internal Server Error"),
        (Reply::Torn(500, 1000, b"oh no".to_vec()), "returned 500 Internal Server Error: oh no"),
    ] {
        let (bad, case) = (reply.clone(), format!("{reply:.20?}"));
        let endpoint = Endpoint::start(move |request| if offsets(request) == [1] { bad.clone() } else { status(200) });
        let it = source(&endpoint, |http| http.timeout = Duration::from_millis(300));
        let failures = handle(&it, &[lane(0, 0..3), lane(1, 10..12)]);
        assert_eq!(ends(&failures), [(0, 1, Advice::Retry)], "{case}");
        let error = &failures[0].error;
        assert!(error.starts_with(&format!("POST {}", endpoint.url("/x"))) && error.contains(part), "{case}: {error}");
        assert!(error.len() < 600, "{error}");
    }
}

#[test]
fn a_successful_status_counts_even_if_the_body_is_broken() {
    // The timeout decides only how long the rest of a slow body is waited for.
    let (short, long) = (Duration::from_secs(1), Duration::from_secs(60));
    for (reply, timeout) in [
        (Reply::Torn(200, 1000, b"half".to_vec()), long),
        (Reply::Slow(200, 100_000), short),
        (Reply::Status(200, Vec::new(), vec![b'x'; 10 << 20]), long),
        (Reply::Slow(200, 1000), short),
    ] {
        let endpoint = Endpoint::start(move |_| reply.clone());
        let it = source(&endpoint, |http| http.timeout = timeout);
        assert_eq!(handle(&it, &[lane(0, 0..2)]), []);
        assert_eq!(endpoint.seen().len(), 2);
    }
}

#[test]
fn an_unreachable_endpoint_fails_a_batch_quickly() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let batch: Vec<_> = (0..200).map(|number| lane(number, 0..2)).collect();
    let it = open(&url, |_| ()).unwrap();
    let failures = handle(&it, &batch);
    assert_eq!(failures.len(), 200);
    assert!(failures.iter().all(|it| it.advice == Advice::Unable && it.error.contains("refused")), "{failures:?}");
    assert_eq!(effect(&it, "requests"), 3);
    let it = open("http://no-such-host.invalid/", |_| ()).unwrap();
    let failures = handle(&it, &[lane(0, 0..1)]);
    assert_eq!(ends(&failures), [(0, 0, Advice::Unable)], "{failures:?}");
}

/// A status such as 500 may be due to the record. Records that were not sent are not at fault.
#[test]
fn only_records_that_were_sent_are_blamed_for_a_failing_server() {
    for body in [Body::Record, Body::Array] {
        let endpoint = Endpoint::start(|_| status(500));
        let it = source(&endpoint, |http| http.body = body);
        let batch: Vec<_> = (0..20).map(|number| lane(number, 0..2)).collect();
        let failures = handle(&it, &batch);
        assert_eq!(failures.len(), 20);
        let blamed = failures.iter().filter(|it| it.advice == Advice::Retry).count();
        let others = failures.iter().filter(|it| it.advice == Advice::Unable).count();
        assert!((1..=3).contains(&blamed) && blamed + others == 20, "{failures:?}");
        assert_eq!(effect(&it, "requests"), 3);
    }
}

#[test]
fn no_request_with_several_records_exceeds_its_maximum() {
    for body in [Body::Array, Body::Ndjson] {
        let endpoint = Endpoint::start(|_| status(200));
        let it = source(&endpoint, |http| {
            http.body = body;
            http.max_body = 400;
        });
        let large = record(0, 3, None, Some(&[b'x'; 1000]), &[]);
        let mut records = lane(0, 0..12).records;
        records[3] = large;
        assert_eq!(handle(&it, &[LaneRun { lane: 0, records }]), []);
        let seen = endpoint.seen();
        let count = |request: &Request| request.text().matches("\"offset\"").count();
        assert!(seen.iter().all(|it| it.body.len() <= 400 || count(it) == 1), "{seen:?}");
        assert!(seen.iter().any(|it| count(it) > 1), "{seen:?}");
        assert_eq!(seen.iter().map(count).sum::<usize>(), 12);
    }
}

/// The settings do not say that the server answers for each record; its first answer does.
#[test]
fn after_an_answer_for_each_record_requests_have_one_record_of_each_lane() {
    let endpoint = Endpoint::start(|request| {
        let results: Vec<_> = offsets(request).iter().map(|_| json!({"ok": true})).collect();
        Reply::Status(207, Vec::new(), serde_json::to_vec(&results).unwrap())
    });
    let it = source(&endpoint, |http| {
        http.body = Body::Array;
        http.batch = 5;
    });
    assert_eq!(handle(&it, &[lane(0, 0..4), lane(1, 10..13)]), []);
    let seen = |from: usize| endpoint.seen().iter().skip(from).map(offsets).collect::<Vec<_>>();
    assert_eq!(seen(0), [vec![0, 1, 2, 3, 10], vec![11], vec![12]]);
    // Other workers know it, too.
    assert_eq!(it.make(1).handle(&[lane(0, 20..22), lane(1, 30..32)]), []);
    assert_eq!(seen(3), [vec![20, 30], vec![21, 31]]);
}

#[test]
fn a_worker_reuses_one_connection() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let endpoint = Endpoint::wrapped(
        |_| Reply::Status(200, Vec::new(), vec![b'x'; 5000]),
        Arc::new(move |stream| {
            count.fetch_add(1, SeqCst);
            Ok(Box::new(stream))
        }),
    );
    let it = source(&endpoint, |_| ());
    assert_eq!(handle(&it, &[lane(0, 0..50)]), []);
    assert_eq!(connections.load(SeqCst), 1);
}

#[test]
fn secrets_are_sent_to_the_endpoint_and_masked_everywhere_else() {
    // A server that echoes everything it received.
    let endpoint = Endpoint::start(|request| {
        Reply::Status(500, Vec::new(), format!("{} {:?}", request.line, request.headers).into_bytes())
    });
    let url = format!("http://ada:s3cret-word@127.0.0.1:{}/x?token=s3cret-token", endpoint.port());
    let it = open(&url, |http| {
        http.headers = vec![Secret::plain(SecretFormat::Header, "X-Api-Key: s3cret-key".into())];
    })
    .unwrap();
    let failures = handle(&it, &[lane(0, 0..1)]);
    let mut effects = Vec::new();
    it.preview().unwrap().preview(&lane(0, 0..1).records[0], &mut effects).unwrap();
    let authorization = endpoint.seen()[0].header("authorization").unwrap().to_owned();
    let encoded = authorization.strip_prefix("Basic ").unwrap();
    assert_eq!(encoded, "YWRhOnMzY3JldC13b3Jk");
    let shown = format!("{}{}", failures[0].error, String::from_utf8_lossy(&effects[0].content));
    assert!(!shown.contains("s3cret") && !shown.contains(encoded), "{shown}");
    assert!(failures[0].error.contains("***"), "{}", failures[0].error);
    assert_eq!(effects[0].what, format!("POST http://ada:***@127.0.0.1:{}/x?token=***", endpoint.port()));
    assert!(shown.contains("idempotency-key: t-0-0\n") && shown.contains("X-Api-Key: ***\n"), "{shown}");
    let seen = endpoint.seen();
    assert!(seen[0].line.contains("token=s3cret-token"), "{:?}", seen[0]);
}

#[test]
fn invalid_settings_are_rejected_before_the_run() {
    type Change = Box<dyn FnOnce(&mut HttpSettings)>;
    let header = |text: &str| vec![Secret::plain(SecretFormat::Header, text.to_owned())];
    let cases: Vec<(&str, Change, &str)> = vec![
        ("ftp://h/", Box::new(|_| ()), "is not an HTTP URL"),
        ("http://h/", Box::new(move |http| http.headers = header("Content-Length: 3")), "content-length cannot be set"),
        ("http://h/", Box::new(move |http| http.headers = header("no header")), "is not a header"),
        ("https://h/", Box::new(|http| http.ca = Some("/no/such/ca".into())), "http.ca /no/such/ca cannot be read"),
        ("https://h/", Box::new(|http| http.ca = Some("/dev/null".into())), "contains no PEM certificate"),
        ("https://h/", Box::new(|http| http.client_key = Some("/dev/null".into())), "must be set together"),
    ];
    for (url, change, part) in cases {
        let error = open(url, change).err().unwrap();
        assert!(error.class().is_usage() && error.to_string().contains(part), "{error}");
    }
    let error = HttpHandlers::open(None, &HandlerSetup::testing(&[])).err().unwrap().to_string();
    assert!(error.contains("no URL given"), "{error}");
}
