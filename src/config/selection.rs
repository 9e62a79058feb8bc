//! Values of `run.topics` and `run.topics_regex`.

use kreplay_engine::plan::TopicSet;
use kreplay_topics::is_topic_name;
use regex::Regex;
use toml::Value;

use super::{
    input::{Input, quoted},
    list::without_duplicates,
};

/// Prefix and suffix that anchor a pattern, so that it matches full names.
const ANCHORS: (&str, &str) = ("^(?:", ")$");

pub(super) fn topics(input: &Input) -> Result<TopicSet, String> {
    let names = input.list()?;
    if names.is_empty() {
        return Err("the list is empty".into());
    }
    match names.iter().find(|name| !is_topic_name(name)) {
        Some(wrong) => Err(format!("{} is not a valid topic name", quoted(wrong))),
        // A topic that is named twice is read once.
        None => Ok(TopicSet::Named(without_duplicates(names))),
    }
}

pub(super) fn regex(input: &Input) -> Result<TopicSet, String> {
    let pattern = input.text()?;
    if pattern.is_empty() {
        return Err("the expression is empty".into());
    }
    // Compiled without anchors first: `a)(b` is invalid, but would become valid inside the group of the anchors.
    let wrong = |error: regex::Error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("{} is not a valid regular expression: {reason}", quoted(pattern))
    };
    Regex::new(pattern).map_err(wrong)?;
    Regex::new(&format!("{}{pattern}{}", ANCHORS.0, ANCHORS.1)).map(TopicSet::Matching).map_err(wrong)
}

pub(super) fn show_topics(selection: Option<&TopicSet>) -> Option<Value> {
    match selection? {
        TopicSet::Named(names) => Some(Value::from(names.clone())),
        TopicSet::Matching(_) => None,
    }
}

pub(super) fn show_regex(selection: Option<&TopicSet>) -> Option<Value> {
    match selection? {
        TopicSet::Named(_) => None,
        TopicSet::Matching(regex) => {
            let whole = regex.as_str();
            let pattern = whole.strip_prefix(ANCHORS.0).and_then(|rest| rest.strip_suffix(ANCHORS.1)).unwrap_or(whole);
            Some(Value::from(pattern))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_expression_matches_full_names() {
        let selection = regex(&Input::Text(r"vc\..*\.events|other".into())).unwrap();
        let TopicSet::Matching(regex) = &selection else { panic!() };
        assert!(regex.is_match("vc.a.events") && regex.is_match("other"));
        assert!(!regex.is_match("vc.a.events.dlq") && !regex.is_match("another"));
        assert_eq!(show_regex(Some(&selection)), Some(Value::from(r"vc\..*\.events|other")));
    }

    #[test]
    fn an_invalid_expression_gives_a_one_line_error() {
        for wrong in ["", "(", "a)(b", "[z-a]"] {
            let error = regex(&Input::Text(wrong.into())).unwrap_err();
            assert!(!error.contains('\n'), "{error}");
        }
        assert!(regex(&Input::Text("(".into())).unwrap_err().contains("unclosed group"));
    }

    #[test]
    fn a_topic_that_is_named_twice_is_read_once() {
        let twice = Input::Flags(vec!["b,a".into(), "b".into()]);
        assert!(matches!(topics(&twice), Ok(TopicSet::Named(names)) if names == ["b", "a"]));
    }

    #[test]
    fn topic_names_follow_kafkas_rule() {
        let read = |text: &str| topics(&Input::Untyped(text.into()));
        assert!(matches!(read("a.b, c_d-1"), Ok(TopicSet::Named(names)) if names == ["a.b", "c_d-1"]));
        for wrong in ["", "a,,b", "..", "a b", "ä"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(topics(&Input::List(Vec::new())).is_err());
        assert!(topics(&Input::List(vec!["x".repeat(250)])).is_err());
    }
}
