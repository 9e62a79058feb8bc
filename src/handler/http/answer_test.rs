//! What answers mean, case by case.

use std::time::Duration;

use super::{
    OnDenied,
    answer::{About, Answer, Outcome, Refusal, Understanding, judge},
};
use crate::handler::{Advice, verdict::Verdict};

const HOW: Understanding = Understanding { on_denied: OnDenied::Stop, per_record: false, records: 2 };

fn refused(answer: &Answer<'_>, how: Understanding) -> Refusal {
    match judge("POST http://h/x", answer, how) {
        Outcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_class_of_status_has_its_consequence() {
    let five = Duration::from_secs(5);
    let after = Advice::After(five);
    for (status, retry_after, advice, about) in [
        (400, None, Advice::GiveUp, About::Records),
        (404, Some(five), Advice::GiveUp, About::Records),
        (422, None, Advice::GiveUp, About::Records),
        (401, None, Advice::Stop, About::Endpoint),
        (403, None, Advice::Stop, About::Endpoint),
        (408, None, Advice::Retry, About::Unknown),
        (425, Some(five), after, About::Unknown),
        (429, Some(five), after, About::Load(five)),
        (429, None, Advice::Retry, About::Load(Duration::from_secs(1))),
        (500, None, Advice::Retry, About::Unknown),
        (503, Some(five), after, About::Load(five)),
        (599, None, Advice::Retry, About::Unknown),
        (301, None, Advice::Stop, About::Endpoint),
        (999, None, Advice::Retry, About::Unknown),
    ] {
        let got = refused(&Answer { status, retry_after, ..Answer::default() }, HOW);
        assert_eq!((got.advice, got.about), (advice, about), "{status}");
        assert!(got.error.starts_with(&format!("POST http://h/x answered {status}")), "{}", got.error);
    }
    for status in [200, 201, 202, 204] {
        assert_eq!(judge("", &Answer { status, ..Answer::default() }, HOW), Outcome::Accepted);
    }
    for (on_denied, advice) in [(OnDenied::Retry, Advice::Retry), (OnDenied::GiveUp, Advice::GiveUp)] {
        let answer = Answer { status: 403, ..Answer::default() };
        assert_eq!(refused(&answer, Understanding { on_denied, ..HOW }).advice, advice);
    }
}

#[test]
fn errors_tell_what_was_said_bounded_and_escaped() {
    let body = format!("no\u{1b}[2J {}", "x".repeat(5000));
    let error = refused(&Answer { status: 500, body: body.as_bytes(), ..Answer::default() }, HOW).error;
    assert!(error.starts_with("POST http://h/x answered 500 Internal Server Error: no\\u{1b}[2J xxx"), "{error}");
    assert!(error.len() < 400 && error.ends_with('…'), "{error}");
    let place = Some("https://ada:hunter2@other/y");
    let error = refused(&Answer { status: 308, location: place, ..Answer::default() }, HOW).error;
    assert!(error.contains("leads to https://ada:***@other/y; records are not sent elsewhere"), "{error}");
}

#[test]
fn an_answer_may_say_what_became_of_each_record() {
    let how = Understanding { per_record: true, ..HOW };
    let bodies = [
        r#"[{"ok":true},{"error":"no","give_up":true}]"#,
        r#"{"took":3,"results":[{"ok":true,"id":1},{"error":"no","give_up":true}]}"#,
    ];
    let expected =
        Outcome::Each(vec![Verdict::Handled, Verdict::Failed { error: "no".into(), advice: Advice::GiveUp }]);
    for body in bodies {
        let answer = Answer { status: 200, body: body.as_bytes(), ..Answer::default() };
        assert_eq!(judge("", &answer, how), expected);
        assert_eq!(judge("", &answer, HOW), Outcome::Accepted);
        assert_eq!(judge("", &Answer { status: 207, ..answer }, HOW), expected);
    }
    for (body, part) in [
        ("", "neither an array"),
        (r#"[{"ok":true}]"#, "1 results for 2 records"),
        (r#"[{"ok":true},{"level":"info"}]"#, "neither `ok` nor `error`"),
        (r#"[{"ok":true},7]"#, "invalid type"),
    ] {
        let got = refused(&Answer { status: 200, body: body.as_bytes(), ..Answer::default() }, how);
        assert_eq!((got.advice, got.about), (Advice::Retry, About::Unknown));
        assert!(got.error.contains(part), "{}", got.error);
    }
    let answer = Answer { status: 200, body: b"[]", broken: Some("it ended early".into()), ..Answer::default() };
    assert!(refused(&answer, how).error.contains("it ended early"));
}
