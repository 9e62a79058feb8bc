//! librdkafka's own properties: which are passed through, which are kreplay's business, and which are secrets.

use std::{collections::BTreeMap, fmt};

use crate::domain::{MASK, is_secret};

/// Properties that kreplay sets itself, because its promises rest on them, with the reason and the setting to use.
const OWNED: [(&[&str], &str); 7] = [
    (
        &["enable.auto.commit", "auto.commit.enable", "auto.commit.interval.ms", "enable.auto.offset.store"],
        "kreplay commits positions itself, after their records are handled; use run.commit_interval to say how often",
    ),
    (&["enable.partition.eof"], "kreplay needs it to see the end of a partition"),
    (
        &["auto.offset.reset"],
        "kreplay reads from the offsets of its plan; an offset that is gone is an error, not a jump",
    ),
    (&["group.id"], "use --group, or run.group in the configuration"),
    (&["group.protocol"], "use run.group_protocol in the configuration"),
    (
        &["group.instance.id", "partition.assignment.strategy", "group.remote.assignor"],
        "kreplay chooses it by the group protocol; use run.group_protocol to choose that",
    ),
    (&["test.mock.num.brokers"], "the embedded broker is started by `kreplay demo`"),
];

/// Names for the bootstrap servers among the properties.
pub(super) const BOOTSTRAP: [&str; 2] = ["bootstrap.servers", "metadata.broker.list"];

/// Checks that a property may be set.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)) {
        return Err(
            "this is no name of a property; a name has letters, digits and dots, such as security.protocol".into()
        );
    }
    match OWNED.iter().find(|(names, _)| names.contains(&name)) {
        Some((_, reason)) => Err(format!("this property cannot be set: {reason}")),
        None => Ok(()),
    }
}

/// Splits the text of `-X property=value`.
///
/// # Errors
/// One sentence that never holds the text, which may be a secret.
pub(super) fn split(text: &str) -> Result<(&str, &str), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim(), value)),
        Some(_) => Err("there is no name before the `=`; write -X property=value".into()),
        None => Err("there is no `=`; write -X property=value".into()),
    }
}

/// librdkafka properties by name. Its `Debug` form, and everything else that kreplay prints, masks secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<String, Property>);

#[derive(Clone, PartialEq, Eq)]
struct Property {
    value: String,
    shown: String,
}

impl Properties {
    /// Sets a property. `source` is the value as it was written, which is shown where it is a reference to a secret.
    pub(super) fn set(&mut self, name: &str, value: String, source: &str, referenced: bool) {
        // A text around a reference may be a secret of its own.
        let whole = referenced && source.starts_with("${") && source.find('}') == Some(source.len() - 1);
        let shown = match (whole, is_secret(name) || referenced) {
            (true, _) => source.to_owned(),
            (false, true) => MASK.to_owned(),
            (false, false) => value.clone(),
        };
        self.0.insert(name.into(), Property { value, shown });
    }

    /// Names and real values, for librdkafka and nobody else.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, property)| (name.as_str(), property.value.as_str()))
    }

    /// Names and values that may be shown.
    pub fn shown(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, property)| (name.as_str(), property.shown.as_str()))
    }

    /// Names and real values in a map of their own, for librdkafka and nobody else.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<String, String> {
        self.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.shown()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_references_and_open_values_are_shown() {
        let mut properties = Properties::default();
        properties.set("sasl.password", "hunter2".into(), "hunter2", false);
        properties.set("sasl.username", "ada".into(), "ada", false);
        properties.set("ssl.key.password", "x9".into(), "${env:KEY}", true);
        properties.set("client.id", "pre-x9".into(), "pre-${env:KEY}", true);
        assert_eq!(
            format!("{properties:?}"),
            r#"{"client.id": "***", "sasl.password": "***", "sasl.username": "ada", "ssl.key.password": "${env:KEY}"}"#
        );
        assert_eq!(properties.to_map()["sasl.password"], "hunter2");
    }

    #[test]
    fn properties_that_are_kreplays_business_are_refused_with_the_way_out() {
        assert!(check_name("group.id").unwrap_err().contains("--group"));
        assert!(check_name("enable.auto.commit").unwrap_err().contains("run.commit_interval"));
        assert!(check_name("a b").unwrap_err().contains("no name"));
        assert_eq!(check_name("security.protocol"), Ok(()));
    }

    #[test]
    fn a_property_flag_needs_both_halves() {
        assert_eq!(split("a.b=c=d"), Ok(("a.b", "c=d")));
        assert_eq!(split("a.b="), Ok(("a.b", "")));
        for wrong in ["hunter2", "=hunter2"] {
            let error = split(wrong).unwrap_err();
            assert!(error.contains("-X property=value") && !error.contains("hunter2"), "{error}");
        }
    }
}
