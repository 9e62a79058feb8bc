//! What the client does when brokers fail.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kreplay_model::domain::{Secret, SecretFormat};

use super::WireClient;
use super::fake_broker::{FakeBroker, Received, Reply, all_versions};
use crate::api::{Api, VersionRange};
use crate::config::{SaslConfig, SaslMechanism, WireConfig};
use crate::error::WireError;
use crate::error_code::ErrorCode;
use crate::message::api_versions::ApiVersionsResponse;
use crate::message::consumer_group_describe::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribedGroup,
};
use crate::message::list_groups::{ListGroupsResponse, ListedGroup};
use crate::message::sasl::{SaslAuthenticateResponse, SaslHandshakeResponse};
use crate::types::{GroupEpoch, GroupFilter, GroupId, TopicSelection};

/// Much more than a test needs; only a failing test lasts so long.
const LONG: Duration = Duration::from_secs(60);

fn client(broker: &FakeBroker, change: impl FnOnce(&mut WireConfig)) -> WireClient {
    let bootstrap = format!("127.0.0.1:{}", broker.port);
    let mut config =
        WireConfig::from_properties(&BTreeMap::from([("bootstrap.servers".to_owned(), bootstrap)])).unwrap();
    config.deadline = LONG;
    change(&mut config);
    WireClient::new(config).unwrap()
}

/// Answers about each group with an error code.
fn described(received: &Received, code: impl Fn(&str) -> i16) -> Reply {
    let groups = received.decode::<ConsumerGroupDescribeRequest>().group_ids.into_iter();
    let described = |group_id: String| DescribedGroup {
        error_code: code(&group_id),
        group_id,
        group_epoch: 7,
        group_state: "Stable".into(),
        ..Default::default()
    };
    received.answer(&ConsumerGroupDescribeResponse { throttle_time_ms: 0, groups: groups.map(described).collect() })
}

/// Answers with one group of this name.
fn listed(received: &Received, name: &str) -> Reply {
    let group = ListedGroup { group_id: name.into(), group_type: "Share".into(), ..Default::default() };
    received.answer(&ListGroupsResponse { groups: vec![group], ..Default::default() })
}

async fn names(client: &WireClient) -> Vec<String> {
    let listing = client.list_groups(&GroupFilter::default()).await.unwrap();
    assert!(listing.failures.is_empty(), "{:?}", listing.failures);
    listing.groups.into_iter().map(|group| group.id.to_string()).collect()
}

async fn epoch(client: &WireClient, group: &str) -> Result<GroupEpoch, WireError> {
    let group = GroupId::from(group);
    let mut answers = client.describe_consumer_groups([group.clone()]).await;
    answers.remove(&group).unwrap().map(|described| described.group_epoch)
}

#[tokio::test]
async fn requests_that_a_broker_is_too_old_for_are_known_before_they_are_sent() {
    let broker = FakeBroker::start(|received, _| match received.api {
        Api::ApiVersions => {
            let mut answer = all_versions();
            for listed in answer.api_keys.iter_mut().filter(|listed| listed.api_key == Api::OffsetFetch.key()) {
                (listed.min_version, listed.max_version) = (0, 7);
            }
            received.answer(&answer)
        }
        _ => received.ordinary(),
    })
    .await;
    let client = client(&broker, |_| {});
    assert_eq!(client.require(&[Api::ListGroups, Api::ListOffsets]).await, Ok(()));
    let versions = (Some(VersionRange::new(0, 7)), Api::OffsetFetch.versions());
    assert_eq!(
        client.require(&[Api::ListGroups, Api::OffsetFetch]).await,
        Err(WireError::Unsupported { api: Api::OffsetFetch, broker: versions.0, client: versions.1 })
    );
    assert_eq!(broker.count(Api::OffsetFetch), 0);
}

#[tokio::test]
async fn a_coordinator_that_has_moved_is_looked_up_again() {
    let broker = FakeBroker::start(|received, earlier| match received.api {
        Api::ConsumerGroupDescribe if earlier == 0 => described(received, |_| ErrorCode::NOT_COORDINATOR.0),
        Api::ConsumerGroupDescribe => described(received, |_| 0),
        _ => received.ordinary(),
    })
    .await;
    let client = client(&broker, |_| {});
    assert_eq!(epoch(&client, "orders").await, Ok(GroupEpoch(7)));
    assert_eq!((broker.count(Api::FindCoordinator), broker.count(Api::ConsumerGroupDescribe)), (2, 2));
    // The coordinator is cached.
    assert_eq!(epoch(&client, "orders").await, Ok(GroupEpoch(7)));
    assert_eq!((broker.count(Api::FindCoordinator), broker.count(Api::ConsumerGroupDescribe)), (2, 3));
    assert_eq!(broker.connections(), 1);
}

#[tokio::test]
async fn the_coordinators_of_listed_groups_are_known() {
    let broker = FakeBroker::start(|received, earlier| match received.api {
        Api::ListGroups => listed(received, "orders"),
        // It has moved since.
        Api::ConsumerGroupDescribe if earlier == 1 => described(received, |_| ErrorCode::NOT_COORDINATOR.0),
        Api::ConsumerGroupDescribe => described(received, |_| 0),
        _ => received.ordinary(),
    })
    .await;
    let client = client(&broker, |_| {});
    assert_eq!(names(&client).await, ["orders"]);
    assert_eq!(epoch(&client, "orders").await, Ok(GroupEpoch(7)));
    assert_eq!(broker.count(Api::FindCoordinator), 0);
    assert_eq!(epoch(&client, "orders").await, Ok(GroupEpoch(7)));
    assert_eq!(broker.count(Api::FindCoordinator), 1);
}

#[tokio::test]
async fn an_error_of_one_group_does_not_fail_the_others() {
    let broker = FakeBroker::start(|received, _| match received.api {
        Api::ConsumerGroupDescribe => described(received, |group| match group {
            "secret" => ErrorCode::GROUP_AUTHORIZATION_FAILED.0,
            "odd" => 999,
            _ => 0,
        }),
        _ => received.ordinary(),
    })
    .await;
    let groups = ["orders", "secret", "odd"].map(GroupId::from);
    let answers = client(&broker, |_| {}).describe_consumer_groups(groups).await;
    let code = |name: &str| answers[&GroupId::from(name)].as_ref().err().and_then(WireError::code);
    assert_eq!(code("orders"), None);
    assert_eq!(code("secret"), Some(ErrorCode::GROUP_AUTHORIZATION_FAILED));
    assert_eq!(code("odd"), Some(ErrorCode(999)));
    assert_eq!(answers.len(), 3);
}

#[tokio::test]
async fn what_does_not_become_ready_ends_with_the_deadline_and_the_last_error() {
    let broker = FakeBroker::start(|received, _| match received.api {
        Api::ConsumerGroupDescribe => described(received, |_| ErrorCode::COORDINATOR_LOAD_IN_PROGRESS.0),
        _ => received.ordinary(),
    })
    .await;
    let client = client(&broker, |_| {}).within(Duration::from_millis(700));
    let error = epoch(&client, "orders").await.unwrap_err();
    assert!(matches!(error, WireError::Timeout { .. }), "{error}");
    assert!(error.to_string().ends_with("last error: COORDINATOR_LOAD_IN_PROGRESS"), "{error}");
    assert!(broker.count(Api::ConsumerGroupDescribe) >= 2);
}

#[tokio::test]
async fn a_dropped_call_leaves_its_connection_usable() {
    let broker = FakeBroker::start(|received, earlier| match received.api {
        Api::ListGroups => listed(received, &format!("answer-{earlier}")),
        _ => received.ordinary(),
    })
    .await;
    let client = client(&broker, |_| {});
    assert_eq!(names(&client).await, ["answer-0"]);
    // Each call is dropped at another point: before it is sent, after that, before the response is read.
    for polls in 1..20 {
        let filter = GroupFilter::default();
        let mut call = Box::pin(client.list_groups(&filter));
        for _ in 0..polls {
            let is_done = futures_util::future::poll_immediate(&mut call).await.is_some();
            if is_done {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    let sent = broker.count(Api::ListGroups);
    let answer = names(&client).await;
    let number: usize = answer[0].strip_prefix("answer-").unwrap().parse().unwrap();
    assert!(number >= sent, "the response to an earlier request: {answer:?} after {sent} requests");
    assert_eq!(broker.connections(), 1);
}

#[tokio::test]
async fn no_more_than_two_requests_are_in_flight() {
    let is_held = Arc::new(AtomicBool::new(true));
    let held = Arc::clone(&is_held);
    let broker = FakeBroker::start(move |received, _| match received.api {
        Api::ListGroups if held.load(Ordering::SeqCst) => Reply::Nothing,
        Api::ListGroups => listed(received, "orders"),
        _ => received.ordinary(),
    })
    .await;
    let client = client(&broker, |config| config.request_timeout = Duration::from_secs(1));
    // Both connect and look the brokers up before the first list is held.
    client.metadata(&TopicSelection::Named(Vec::new())).await.unwrap();
    let calls: Vec<_> = (0..5)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { names(&client).await })
        })
        .collect();
    while broker.count(Api::ListGroups) < 2 {
        tokio::task::yield_now().await;
    }
    // The timeout of the first request closes the connection and ends what is in flight. The others were not sent on
    // it.
    while broker.connections() < 2 {
        assert!(broker.count(Api::ListGroups) <= 2);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    is_held.store(false, Ordering::SeqCst);
    for call in calls {
        assert_eq!(call.await.unwrap(), ["orders"]);
    }
}

#[tokio::test]
async fn a_broker_that_closes_connections_is_connected_to_again() {
    let broker = FakeBroker::start(|received, earlier| match received.api {
        Api::ListGroups if earlier % 2 == 0 => Reply::Close,
        Api::ListGroups => listed(received, "orders"),
        _ => received.ordinary(),
    })
    .await;
    let client = client(&broker, |_| {});
    for _ in 0..3 {
        assert_eq!(names(&client).await, ["orders"]);
    }
    assert_eq!(broker.connections(), 4);
}

#[tokio::test]
async fn responses_beyond_the_limit_or_of_other_requests_end_the_connection() {
    for bytes in [vec![0x7f, 0xff, 0xff, 0xff], vec![0, 0, 0, 5, 9, 9, 9, 9, 0], vec![0, 0, 0, 1, 0]] {
        let broker = FakeBroker::start(move |received, _| match received.api {
            Api::ListGroups => Reply::Bytes(bytes.clone()),
            _ => received.ordinary(),
        })
        .await;
        let client = client(&broker, |_| {}).within(Duration::from_millis(500));
        let listing = client.list_groups(&GroupFilter::default()).await.unwrap();
        let error = listing.failures.values().next().unwrap().to_string();
        assert!(error.contains("a response"), "{error}");
    }
}

#[tokio::test]
async fn a_malformed_response_is_an_error_and_leaves_the_connection_usable() {
    let broker = FakeBroker::start(|received, earlier| match received.api {
        Api::ListGroups if earlier == 0 => Reply::Body(vec![0, 0, 0]),
        Api::ListGroups => listed(received, "orders"),
        _ => received.ordinary(),
    })
    .await;
    let client = client(&broker, |_| {});
    let listing = client.list_groups(&GroupFilter::default()).await.unwrap();
    let error = listing.failures.values().next().unwrap();
    assert!(matches!(error, WireError::Malformed { api: Api::ListGroups, .. }), "{error}");
    assert_eq!(names(&client).await, ["orders"]);
    assert_eq!(broker.connections(), 1);
}

#[tokio::test]
async fn a_request_that_the_broker_does_not_know_is_unsupported() {
    let broker = FakeBroker::start(|received, _| match received.api {
        Api::ApiVersions => {
            let mut versions = all_versions();
            versions.api_keys.retain(|listed| listed.api_key != Api::ConsumerGroupDescribe.key());
            for listed in &mut versions.api_keys {
                if listed.api_key == Api::ListGroups.key() {
                    (listed.min_version, listed.max_version) = (0, 3);
                }
            }
            received.answer(&versions)
        }
        _ => received.ordinary(),
    })
    .await;
    let client = client(&broker, |_| {});
    let client_range = Api::ConsumerGroupDescribe.versions();
    let missing = WireError::Unsupported { api: Api::ConsumerGroupDescribe, broker: None, client: client_range };
    assert_eq!(epoch(&client, "orders").await, Err(missing));
    let too_old = WireError::Unsupported {
        api: Api::ListGroups,
        broker: Some(VersionRange::new(0, 3)),
        client: VersionRange::new(4, 5),
    };
    let listing = client.list_groups(&GroupFilter::default()).await.unwrap();
    assert_eq!(listing.failures.into_values().collect::<Vec<_>>(), [too_old]);
}

#[tokio::test]
async fn a_broker_that_does_not_know_the_first_request_is_asked_in_its_own_version() {
    let broker = FakeBroker::start(|received, _| match received.api {
        Api::ApiVersions if received.version > 2 => {
            let mut refusal = ApiVersionsResponse { error_code: ErrorCode::UNSUPPORTED_VERSION.0, ..all_versions() };
            for listed in &mut refusal.api_keys {
                if listed.api_key == Api::ApiVersions.key() {
                    (listed.min_version, listed.max_version) = (0, 2);
                }
            }
            received.answer_in(0, &refusal)
        }
        Api::ListGroups => listed(received, "orders"),
        _ => received.ordinary(),
    })
    .await;
    assert_eq!(names(&client(&broker, |_| {})).await, ["orders"]);
    assert_eq!(broker.count(Api::ApiVersions), 2);
}

#[tokio::test]
async fn requests_and_bytes_are_counted() {
    let broker = FakeBroker::start(|received, _| match received.api {
        Api::ListGroups => listed(received, "orders"),
        _ => received.ordinary(),
    })
    .await;
    let client = client(&broker, |_| {});
    names(&client).await;
    names(&client).await;
    let traffic: BTreeMap<Api, _> = client.traffic().into_iter().map(|((_, api), traffic)| (api, traffic)).collect();
    assert_eq!((traffic[&Api::ApiVersions].requests, traffic[&Api::ListGroups].requests), (1, 2));
    // The length, the header with the client id `kreplay` and the tagged fields, and two empty lists with theirs.
    assert_eq!(traffic[&Api::ListGroups].bytes_sent, 2 * (4 + 8 + 9 + 1 + 3));
    assert!(traffic[&Api::ListGroups].bytes_received > 0);
}

#[tokio::test]
async fn a_bootstrap_server_that_does_not_answer_is_passed_over() {
    let broker = FakeBroker::start(|received, _| match received.api {
        Api::ListGroups => listed(received, "orders"),
        _ => received.ordinary(),
    })
    .await;
    let unused = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let client = client(&broker, |config| {
        config.bootstrap.insert(0, crate::address::BrokerAddress::parse(&unused).unwrap());
    });
    assert_eq!(names(&client).await, ["orders"]);
}

/// Settings with SASL PLAIN.
fn with_sasl(config: &mut WireConfig) {
    config.security.sasl = Some(SaslConfig {
        mechanism: SaslMechanism::Plain,
        username: "ada".into(),
        password: Secret::plain(SecretFormat::Secret, "hunter2".into()),
    });
}

#[tokio::test]
async fn a_connection_is_replaced_before_its_session_ends() {
    let broker = FakeBroker::start(|received, earlier| match received.api {
        Api::SaslHandshake => received.answer(&SaslHandshakeResponse::default()),
        Api::SaslAuthenticate => {
            // The first session ends at once, the second one in an hour.
            let session_lifetime_ms = if earlier == 0 { 1 } else { 3_600_000 };
            received.answer(&SaslAuthenticateResponse { session_lifetime_ms, ..Default::default() })
        }
        Api::ListGroups => listed(received, "orders"),
        _ => received.ordinary(),
    })
    .await;
    let client = client(&broker, with_sasl);
    // The first request of a connection is sent in any case.
    client.metadata(&TopicSelection::Named(Vec::new())).await.unwrap();
    // Until the session has ended.
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(names(&client).await, ["orders"]);
    assert_eq!(names(&client).await, ["orders"]);
    assert_eq!((broker.connections(), broker.count(Api::SaslAuthenticate)), (2, 2));
}

#[tokio::test]
async fn a_refused_password_is_not_repeated() {
    let broker = FakeBroker::start(|received, _| match received.api {
        Api::SaslHandshake => received.answer(&SaslHandshakeResponse::default()),
        Api::SaslAuthenticate => received.answer(&SaslAuthenticateResponse {
            error_code: ErrorCode::SASL_AUTHENTICATION_FAILED.0,
            error_message: Some("the password hunter2 of ada is wrong".into()),
            ..Default::default()
        }),
        _ => received.ordinary(),
    })
    .await;
    let error = client(&broker, with_sasl).list_groups(&GroupFilter::default()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "127.0.0.1:{} rejected the PLAIN authentication: SASL_AUTHENTICATION_FAILED: the password *** of ada is \
             wrong",
            broker.port
        )
    );
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_mechanism_that_the_broker_does_not_have_is_named_with_those_that_it_has() {
    let broker = FakeBroker::start(|received, _| match received.api {
        Api::SaslHandshake => received.answer(&SaslHandshakeResponse {
            error_code: ErrorCode::UNSUPPORTED_SASL_MECHANISM.0,
            mechanisms: vec!["GSSAPI".into(), "OAUTHBEARER".into()],
        }),
        _ => received.ordinary(),
    })
    .await;
    let error = client(&broker, with_sasl).list_groups(&GroupFilter::default()).await.unwrap_err();
    assert!(error.to_string().ends_with("the broker has GSSAPI, OAUTHBEARER"), "{error}");
}
