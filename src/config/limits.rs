//! Values of `[run]`: concurrency, rate, lag, barriers and patterns.

use kreplay_engine::{replay::FIRST_WORKERS, rules::Rule};
use kreplay_model::domain::{Concurrency, Glob, RateLimit};
use toml::Value;

use super::{
    input::{Input, quoted},
    list::{escaped, split},
    value::number,
};

/// The number of workers, or with `auto` the number to start with; and whether it is `auto`.
pub(super) fn concurrency(input: &Input) -> Result<(Concurrency, bool), String> {
    if input.text().is_ok_and(|text| text == "auto") {
        Ok((FIRST_WORKERS, true))
    } else {
        Ok((input.bounded()?, false))
    }
}

pub(super) fn show_concurrency(workers: Concurrency, adaptive: bool) -> Value {
    if adaptive { Value::from("auto") } else { number(workers.get()) }
}

/// A rate. `off` removes a limit from a weaker source.
pub(super) fn rate(input: &Input) -> Result<Option<RateLimit>, String> {
    match input.text()? {
        "off" => Ok(None),
        text => text.parse().map(Some).map_err(|_: String| format!("{} is not a rate", quoted(text))),
    }
}

pub(super) fn lag(input: &Input) -> Result<u64, String> {
    input.integer()
}

pub(super) fn show_lag(lag: u64) -> Value {
    Value::Integer(i64::try_from(lag).unwrap_or(i64::MAX))
}

pub(super) fn rules(input: &Input) -> Result<Vec<Rule>, String> {
    let texts = match input {
        Input::Text(text) => vec![text.clone()],
        other => other.pairs()?,
    };
    texts.iter().map(|text| text.parse()).collect()
}

pub(super) fn show_rules(rules: &[Rule]) -> Option<Value> {
    (!rules.is_empty()).then(|| Value::Array(rules.iter().map(|rule| Value::String(rule.to_string())).collect()))
}

pub(super) fn patterns(input: &Input) -> Result<Vec<Glob>, String> {
    let items: Vec<String> = match input {
        // An item of a list in the file may be a comma-separated list.
        Input::List(items) => items.iter().flat_map(|item| split(item)).collect(),
        other => other.list()?,
    };
    let names = items.iter().map(|item| item.trim()).filter(|name| !name.is_empty());
    names.map(str::parse).collect()
}

pub(super) fn show_patterns(patterns: &[Glob]) -> Value {
    // As it would be written in the file: without its backslash, a comma would separate two patterns.
    Value::Array(patterns.iter().map(|pattern| Value::from(escaped(pattern.as_str()))).collect())
}

pub(super) fn show_topics(topics: &[Glob]) -> Option<Value> {
    (!topics.is_empty()).then(|| show_patterns(topics))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_values_are_parsed_and_invalid_ones_refused() {
        let text = |text: &str| Input::Text(text.into());
        assert_eq!(concurrency(&text("auto")), Ok((FIRST_WORKERS, true)));
        assert_eq!(
            concurrency(&Input::Untyped("7".into())).map(|(workers, auto)| (workers.get(), auto)),
            Ok((7, false))
        );
        assert!(concurrency(&Input::Untyped("0".into())).is_err() && concurrency(&text("automatic")).is_err());
        assert_eq!(rate(&text("off")), Ok(None));
        assert_eq!(rate(&text("5k/s")).unwrap().unwrap().to_string(), "5000/s");
        assert!(rate(&text("fast")).unwrap_err().contains("`fast` is not a rate"));
        let both = Input::List(vec!["key=a*".into(), "type=closed".into()]);
        assert_eq!(show_rules(&rules(&both).unwrap()).unwrap().as_array().unwrap().len(), 2);
        assert!(rules(&Input::Untyped("nonsense".into())).is_err());
        let shown = show_topics(&patterns(&Input::List(vec!["orders.*, live".into(), "x".into()])).unwrap());
        assert_eq!(shown.unwrap().to_string(), r#"["orders.*", "live", "x"]"#);
        assert!(patterns(&text("[")).is_err() && show_topics(&[]).is_none());
    }

    #[test]
    fn a_comma_in_braces_or_after_a_backslash_belongs_to_its_pattern() {
        for input in [
            Input::List(vec!["billing-{eu,us}".into(), r"a\,b{c,d}".into()]),
            Input::Untyped(r"billing-{eu,us}, a\,b{c,d}".into()),
            Input::Flags(vec![r"billing-{eu,us},a\,b{c,d}".into()]),
        ] {
            let read = patterns(&input).unwrap();
            assert_eq!(read.iter().map(Glob::as_str).collect::<Vec<_>>(), ["billing-{eu,us}", "a,b{c,d}"]);
            assert!(read[0].is_match(b"billing-us") && read[1].is_match(b"a,bd"));
            let shown = show_patterns(&read);
            let again = shown.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect();
            assert_eq!(patterns(&Input::List(again)).unwrap(), read, "{shown}");
        }
    }
}
