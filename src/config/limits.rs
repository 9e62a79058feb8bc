//! Values of `[run]`: concurrency, rate, lag, barriers and patterns.

use kreplay_engine::{replay::FIRST_WORKERS, rules::Rule};
use kreplay_model::domain::{Concurrency, Glob, RateLimit};
use toml::Value;

use super::{
    input::{Input, quoted},
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
    // Each value of a repeated flag may be a comma-separated list.
    let items = input.list()?;
    let names = items.iter().flat_map(|item| item.split(',')).map(str::trim).filter(|name| !name.is_empty());
    names.map(str::parse).collect()
}

pub(super) fn show_patterns(patterns: &[Glob]) -> Value {
    Value::Array(patterns.iter().map(|pattern| Value::from(pattern.as_str())).collect())
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
}
