//! Tests of actions with receivers that are slow, fail, or hang.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use kreplay_model::{
    domain::{Secret, SecretFormat},
    watch::TerminalNotices,
};
use kreplay_testkit::endpoint::{Endpoint as Server, Reply, Request, status};

use super::*;
use crate::{
    action::ActionKind,
    endpoint::{Endpoint, Header},
    notice::tests::notice,
    queue::MAX_WAITING,
};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(60);
/// Short delays, so that retries need no time.
const PACE: Pace = Pace {
    first_retry: Duration::from_millis(1),
    longest_retry: Duration::from_millis(5),
    resend: Duration::from_millis(50),
};

fn action(name: &str, kind: ActionKind) -> Action {
    Action::new(name.parse().unwrap(), kind)
}

fn endpoint(url: &str) -> Endpoint {
    Endpoint::new(Secret::plain(SecretFormat::Address, url.into())).unwrap()
}

fn webhook(url: &str) -> Action {
    action("ops", ActionKind::Webhook { endpoint: endpoint(url), headers: Vec::new() })
}

fn start(actions: Vec<Action>) -> Notifier {
    Notifier::start_with(actions, &Outlet::StandardError, PACE).unwrap()
}

fn name(text: &str) -> ActionName {
    text.parse().unwrap()
}

fn wait_until(what: &str, is_true: impl Fn() -> bool) {
    kreplay_testkit::wait::until(what, LONG, || is_true().then_some(()));
}

fn alerts_of(request: &Request) -> Vec<serde_json::Value> {
    serde_json::from_slice(&request.body).unwrap()
}

#[test]
fn a_webhook_gets_each_notice_once_with_its_headers() {
    let server = Server::start(|_| status(204));
    let token = Header::new(Secret::plain(SecretFormat::Header, "Authorization: Bearer hunter2".into())).unwrap();
    let url = endpoint(&server.url("/alerts"));
    let notifier = start(vec![action("ops", ActionKind::Webhook { endpoint: url, headers: vec![token] })]);
    notifier.notify(&name("ops"), &notice("billing", false));
    notifier.notify(&name("ops"), &notice("billing", true));
    assert_eq!(notifier.finish(LONG), (Vec::new(), true));
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(
        (seen[0].line.as_str(), seen[0].header("authorization")),
        ("POST /alerts HTTP/1.1", Some("Bearer hunter2"))
    );
    assert!(seen[0].text().contains("\"status\":\"firing\"") && seen[1].text().contains("\"status\":\"resolved\""));
}

#[test]
fn a_receiver_that_fails_for_a_time_gets_the_notice_in_the_end() {
    let requests = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&requests);
    let server = Server::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => status(503),
        1 => Reply::Close,
        2 => status(429),
        _ => status(200),
    });
    let notifier = start(vec![webhook(&server.url(""))]);
    notifier.notify(&name("ops"), &notice("billing", false));
    assert_eq!(notifier.finish(LONG), (Vec::new(), true));
    assert_eq!(requests.load(Ordering::SeqCst), 4);
}

#[test]
fn a_notice_that_is_refused_is_reported_without_secrets_and_not_retried() {
    let server = Server::start(|_| Reply::Status(403, Vec::new(), b"wrong token hunter2".to_vec()));
    let notifier = start(vec![webhook(&server.url("").replace("http://", "http://ada:hunter2@"))]);
    notifier.notify(&name("ops"), &notice("billing", false));
    let (failures, _) = notifier.finish(LONG);
    assert_eq!(
        failures,
        [Failure { action: name("ops"), subject: "billing".into(), reason: "status 403: wrong token ***".into() }]
    );
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_receiver_that_hangs_delays_neither_the_caller_nor_other_actions() {
    let hanging = Server::start(|_| Reply::Never);
    let server = Server::start(|_| status(200));
    let mut hung = webhook(&hanging.url(""));
    hung.timeout = LONG;
    let other = Action { name: name("other"), ..webhook(&server.url("")) };
    let notifier = start(vec![hung, other]);
    for _ in 0..MAX_WAITING + 2 {
        notifier.notify(&name("ops"), &notice("billing", false));
    }
    notifier.notify(&name("other"), &notice("billing", false));
    wait_until("the other action", || !server.seen().is_empty());
    // At least one notice beyond those in the queue, and the one that is being delivered, was dropped.
    let failures = notifier.failures();
    assert!(failures.iter().all(|failure| failure.reason.contains("100 notices wait already")), "{failures:?}");
    assert!(!failures.is_empty());
    let (_, is_done) = notifier.finish(Duration::from_millis(10));
    assert!(!is_done);
}

#[test]
fn an_attempt_is_bounded_in_time() {
    let server = Server::start(|_| Reply::Slow(200, 1 << 20));
    let hanging = Server::start(|_| Reply::Never);
    for (url, is_delivered) in [(hanging.url(""), false), (server.url(""), true)] {
        let mut bounded = webhook(&url);
        bounded.timeout = Duration::from_millis(200);
        let notifier = start(vec![bounded]);
        notifier.notify(&name("ops"), &notice("billing", false));
        let (failures, is_done) = notifier.finish(LONG);
        assert!(is_done);
        // The status of a slow answer is known.
        assert_eq!(failures.is_empty(), is_delivered, "{failures:?}");
        let says_so = |failure: &Failure| failure.reason == "no answer within 200ms (5 attempts)";
        assert!(failures.iter().all(says_so), "{failures:?}");
    }
}

#[test]
fn an_alertmanager_gets_an_alert_again_while_it_fires_and_once_when_it_is_resolved() {
    let server = Server::start(|_| status(200));
    let kind = ActionKind::Alertmanager { endpoint: endpoint(&server.url("")), headers: Vec::new() };
    let notifier = start(vec![action("am", kind)]);
    notifier.notify(&name("am"), &notice("billing", false));
    wait_until("the alert is sent again", || server.seen().len() >= 3);
    notifier.notify(&name("am"), &notice("billing", true));
    assert_eq!(notifier.finish(LONG), (Vec::new(), true));
    let seen = server.seen();
    assert!(seen.iter().all(|request| request.line == "POST /api/v2/alerts HTTP/1.1"));
    let resolved = |request: &&Request| alerts_of(request)[0]["endsAt"] == "2023-11-14T22:14:20.000Z";
    assert_eq!(seen.iter().filter(resolved).count(), 1);
    assert!(resolved(&seen.last().unwrap()));
}

#[test]
fn an_alertmanager_that_is_away_gets_all_alerts_when_it_is_back_and_is_reported_once() {
    let is_up = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let answers = Arc::clone(&is_up);
    let server = Server::start(move |_| status(if answers.load(Ordering::SeqCst) { 200 } else { 503 }));
    let kind = ActionKind::Alertmanager { endpoint: endpoint(&server.url("")), headers: Vec::new() };
    let notifier = start(vec![action("am", kind)]);
    notifier.notify(&name("am"), &notice("billing", false));
    notifier.notify(&name("am"), &notice("mail", false));
    wait_until("several attempts", || server.seen().len() >= 5);
    is_up.store(true, Ordering::SeqCst);
    let failed = server.seen().len();
    wait_until("the alerts", || server.seen().len() > failed + 1);
    let (failures, _) = notifier.finish(LONG);
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(alerts_of(server.seen().last().unwrap()).len(), 2);
}

#[test]
fn an_alertmanager_that_is_slow_misses_no_alert_however_many_change() {
    let arrived = Arc::new(AtomicU32::new(0));
    let (release, held) = channel::<()>();
    let (count, held) = (Arc::clone(&arrived), parking_lot::Mutex::new(held));
    let server = Server::start(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        // Waits until the sender is dropped.
        let _ = held.lock().recv();
        status(200)
    });
    let kind = ActionKind::Alertmanager { endpoint: endpoint(&server.url("")), headers: Vec::new() };
    let notifier = start(vec![Action { timeout: LONG, ..action("am", kind) }]);
    let groups: Vec<String> = (0..MAX_WAITING + 50).map(|number| format!("group-{number}")).collect();
    notifier.notify(&name("am"), &notice(&groups[0], false));
    wait_until("the first request", || arrived.load(Ordering::SeqCst) == 1);
    for is_resolved in [false, true] {
        for group in &groups {
            notifier.notify(&name("am"), &notice(group, is_resolved));
        }
    }
    drop(release);
    assert_eq!(notifier.finish(LONG), (Vec::new(), true));
    let last = alerts_of(server.seen().last().unwrap());
    let is_resolved = |alert: &serde_json::Value| alert["endsAt"] == "2023-11-14T22:14:20.000Z";
    assert!(last.len() == groups.len() && last.iter().all(is_resolved), "{last:?}");
}

#[test]
fn the_bell_rings_in_the_console_when_an_alert_fires_only() {
    let notices = TerminalNotices::default();
    let outlet = Outlet::Console(notices.clone());
    let notifier = Notifier::start_with(Action::built_in(), &outlet, PACE).unwrap();
    for is_resolved in [false, true] {
        notifier.notify(&name("bell"), &notice("billing", is_resolved));
    }
    notifier.notify(&name("unknown"), &notice("billing", false));
    assert_eq!(notifier.finish(LONG), (Vec::new(), true));
    assert_eq!(notices.take(), ["\u{7}"]);
}

#[test]
fn a_command_that_fails_is_reported() {
    let notifier = start(vec![action("cmd", ActionKind::command("sh -c 'echo broken >&2; exit 1'").unwrap())]);
    notifier.notify(&name("cmd"), &notice("billing", false));
    let (failures, _) = notifier.finish(LONG);
    assert_eq!(failures[0].reason, "exit status: 1: broken (5 attempts)");
}
