//! Conditions from text.

use std::{str::FromStr, time::Duration};

use kreplay_model::{domain::duration, watch::GroupState};
use serde::de::DeserializeOwned;

use super::{
    Comparison, Condition, Equality, Relation,
    figure::{COUNTS, NAMES, TIMES},
    relation::RELATIONS,
};

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(" and ").map(comparison).collect::<Result<_, _>>().map(|comparisons| Self { comparisons })
    }
}

/// The figure, the operator and the value of a comparison.
pub(crate) fn parts(text: &str) -> Result<(&str, Relation, &str), String> {
    let text = text.trim();
    let at = text.find(['=', '<', '>', '!']).ok_or_else(|| {
        format!("`{text}` is not a comparison; expected a figure, an operator and a value, such as lag = 0")
    })?;
    let (figure, rest) = (text[..at].trim(), &text[at..]);
    let (word, relation) = RELATIONS
        .iter()
        .find(|(word, _)| rest.starts_with(word))
        .ok_or_else(|| format!("`{text}` has no operator; use =, !=, <, <=, > or >="))?;
    Ok((figure, *relation, rest[word.len()..].trim()))
}

fn comparison(text: &str) -> Result<Comparison, String> {
    let (figure, relation, value) = parts(text)?;
    let name = figure.to_ascii_lowercase();
    if let Some(figure) = COUNTS.into_iter().find(|figure| figure.name() == name) {
        return Ok(Comparison::Count(figure, relation, number(&name, value)?));
    }
    if let Some(figure) = TIMES.into_iter().find(|figure| figure.name() == name) {
        return Ok(Comparison::Time(figure, relation, time(value)?));
    }
    if let Some(window) = name.strip_prefix("rebalances") {
        let window = window
            .trim()
            .strip_prefix("in ")
            .map(str::trim)
            .ok_or_else(|| format!("`{figure}` has no period; add one, such as rebalances in 10m"))?;
        return Ok(Comparison::Rebalances(time(window)?, relation, number("rebalances", value)?));
    }
    match name.as_str() {
        "state" => Ok(Comparison::State(equality(&name, relation)?, state(value)?)),
        "verdict" => {
            let kind = json_word(value).ok_or_else(|| {
                format!("`{value}` is not a verdict; use a name such as fine, stopped or falling_behind")
            })?;
            Ok(Comparison::Verdict(equality(&name, relation)?, kind))
        }
        "severity" => {
            let severity = json_word(value)
                .ok_or_else(|| format!("`{value}` is not the severity of a verdict; use ok, info, warning or error"))?;
            Ok(Comparison::Severity(relation, severity))
        }
        _ => Err(format!("`{figure}` is not a figure; use {NAMES}")),
    }
}

pub(crate) fn number<T: FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("`{value}` is not a whole number; {name} is a count"))
}

pub(crate) fn time(value: &str) -> Result<Duration, String> {
    duration::parse(value).ok_or_else(|| format!("`{value}` is not a duration; use a value such as 10s or 5m"))
}

pub(crate) fn equality(name: &str, relation: Relation) -> Result<Equality, String> {
    match relation {
        Relation::Equal => Ok(Equality::Is),
        Relation::NotEqual => Ok(Equality::IsNot),
        _ => Err(format!("{name} can be compared with = and != only")),
    }
}

/// Kafka's word for a state, in any case.
fn state(value: &str) -> Result<String, String> {
    let state = GroupState::DEFINED.iter().map(GroupState::as_str).find(|word| word.eq_ignore_ascii_case(value));
    state.map(str::to_owned).ok_or_else(|| {
        let words = GroupState::DEFINED.iter().map(GroupState::as_str).collect::<Vec<_>>().join(", ");
        format!("`{value}` is not a state of a group; use {words}")
    })
}

/// A unit variant by its name in JSON, such as `falling_behind`, or with hyphens or spaces.
fn json_word<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(word.to_ascii_lowercase().replace(['-', ' '], "_"))).ok()
}
