//! Tests the interpretation of answers.

use std::time::Duration;

use kreplay_model::domain::Redactor;

use super::{
    OnDenied,
    answer::{self, Answer, AnswerOptions, FailureScope, RequestFailure, RequestOutcome},
};
use crate::{Advice, verdict::Verdict};

const OPTIONS: AnswerOptions = AnswerOptions { on_denied: OnDenied::Stop, per_record: false, records: 2 };

fn interpret(request: &str, answer: &Answer<'_>, options: AnswerOptions) -> RequestOutcome {
    answer::interpret(request, answer, options, &Redactor::default())
}

fn refused(answer: &Answer<'_>, options: AnswerOptions) -> RequestFailure {
    refused_without(&[], answer, options)
}

/// The same with secrets that must not appear.
fn refused_without(secrets: &[&str], answer: &Answer<'_>, options: AnswerOptions) -> RequestFailure {
    let redactor = Redactor::new(secrets.iter().map(ToString::to_string).collect());
    match answer::interpret("POST http://h/x", answer, options, &redactor) {
        RequestOutcome::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_status_class_maps_to_advice_and_scope() {
    let five = Duration::from_secs(5);
    let after = Advice::After(five);
    for (status, retry_after, advice, scope) in [
        (400, None, Advice::GiveUp, FailureScope::Records),
        (404, Some(five), Advice::GiveUp, FailureScope::Records),
        (422, None, Advice::GiveUp, FailureScope::Records),
        (401, None, Advice::Stop, FailureScope::Endpoint),
        (403, None, Advice::Stop, FailureScope::Endpoint),
        (408, None, Advice::Retry, FailureScope::Unknown),
        (425, Some(five), after, FailureScope::Unknown),
        (429, Some(five), after, FailureScope::Overload(five)),
        (429, None, Advice::Retry, FailureScope::Overload(Duration::from_secs(1))),
        (500, None, Advice::Retry, FailureScope::Unknown),
        (503, Some(five), after, FailureScope::Overload(five)),
        (599, None, Advice::Retry, FailureScope::Unknown),
        (301, None, Advice::Stop, FailureScope::Endpoint),
        (999, None, Advice::Retry, FailureScope::Unknown),
    ] {
        let got = refused(&Answer { status, retry_after, ..Answer::default() }, OPTIONS);
        assert_eq!((got.advice, got.scope), (advice, scope), "{status}");
        assert!(got.error.starts_with(&format!("POST http://h/x returned {status}")), "{}", got.error);
    }
    for status in [200, 201, 202, 204] {
        assert_eq!(interpret("", &Answer { status, ..Answer::default() }, OPTIONS), RequestOutcome::Accepted);
    }
    for (on_denied, advice) in [(OnDenied::Retry, Advice::Retry), (OnDenied::GiveUp, Advice::GiveUp)] {
        let answer = Answer { status: 403, ..Answer::default() };
        assert_eq!(refused(&answer, AnswerOptions { on_denied, ..OPTIONS }).advice, advice);
    }
}

#[test]
fn errors_contain_a_bounded_and_escaped_excerpt() {
    let body = format!("no\u{1b}[2J {}", "x".repeat(5000));
    let error = refused(&Answer { status: 500, body: body.as_bytes(), ..Answer::default() }, OPTIONS).error;
    assert!(error.starts_with("POST http://h/x returned 500 Internal Server Error: no\\u{1b}[2J xxx"), "{error}");
    assert!(error.len() < 400 && error.ends_with('…'), "{error}");
    let location = Some("https://ada:hunter2@other/y");
    let error = refused(&Answer { status: 308, location, ..Answer::default() }, OPTIONS).error;
    assert!(error.contains("a redirect to https://ada:***@other/y; redirects are not followed"), "{error}");
}

#[test]
fn secrets_are_masked_before_a_text_is_cut() {
    let token = "s3cret-".repeat(40);
    let secrets = [token.as_str()];
    let body = format!("{} {token}", "x".repeat(100));
    let error = refused_without(&secrets, &Answer { status: 500, body: body.as_bytes(), ..Answer::default() }, OPTIONS);
    assert!(error.error.ends_with("xx ***"), "{}", error.error);
    let location = format!("https://other/{}/{token}", "x".repeat(400));
    let answer = Answer { status: 308, location: Some(&location), ..Answer::default() };
    let error = refused_without(&secrets, &answer, OPTIONS);
    assert!(error.error.contains("xx/***; redirects"), "{}", error.error);
    // The reason why a result cannot be used quotes its value.
    let options = AnswerOptions { per_record: true, records: 1, ..OPTIONS };
    let body = format!(r#"[{{"ok":"{}{token}"}}]"#, "x".repeat(400));
    let error = refused_without(&secrets, &Answer { status: 200, body: body.as_bytes(), ..Answer::default() }, options);
    assert!(error.error.contains("invalid type") && error.error.contains("xx***"), "{}", error.error);
}

#[test]
fn an_answer_may_have_a_result_for_each_record() {
    let options = AnswerOptions { per_record: true, ..OPTIONS };
    let bodies = [
        r#"[{"ok":true},{"error":"no","give_up":true}]"#,
        r#"{"took":3,"results":[{"ok":true,"id":1},{"error":"no","give_up":true}]}"#,
    ];
    let expected = RequestOutcome::PerRecord(vec![
        Verdict::Handled,
        Verdict::Failed { error: "no".into(), advice: Advice::GiveUp },
    ]);
    for body in bodies {
        let answer = Answer { status: 200, body: body.as_bytes(), ..Answer::default() };
        assert_eq!(interpret("", &answer, options), expected);
        assert_eq!(interpret("", &answer, OPTIONS), RequestOutcome::Accepted);
        assert_eq!(interpret("", &Answer { status: 207, ..answer }, OPTIONS), expected);
    }
    for (body, part) in [
        ("", "neither a JSON array"),
        (r#"[{"ok":true}]"#, "1 result for 2 records"),
        (r#"[{"ok":true},{"level":"info"}]"#, "neither `ok` nor `error`"),
        (r#"[{"ok":true},7]"#, "invalid type"),
    ] {
        let got = refused(&Answer { status: 200, body: body.as_bytes(), ..Answer::default() }, options);
        assert_eq!((got.advice, got.scope), (Advice::Retry, FailureScope::Unknown));
        assert!(got.error.contains(part), "{}", got.error);
    }
    let answer = Answer { status: 200, body: b"[]", broken: Some("it ended early".into()), ..Answer::default() };
    assert!(refused(&answer, options).error.contains("it ended early"));
}
