//! librdkafka properties: which are passed through, which kreplay sets itself, and which are secrets.

use std::{collections::BTreeMap, fmt};

use kreplay_model::domain::{MASK, is_secret};

/// Properties that kreplay sets itself, because its guarantees depend on them, with the reason and the setting to use.
const RESERVED: [(&[&str], &str); 7] = [
    (
        &["enable.auto.commit", "auto.commit.enable", "auto.commit.interval.ms", "enable.auto.offset.store"],
        "kreplay commits positions itself, once their records are settled; set run.commit_interval to change how often",
    ),
    (&["enable.partition.eof"], "kreplay needs it to detect the end of a partition"),
    (
        &["auto.offset.reset"],
        "kreplay starts at the offsets of its plan; set run.on_retention for offsets that are deleted",
    ),
    (&["group.id"], "use --group, or set run.group"),
    (&["group.protocol"], "set run.group_protocol"),
    (
        &["group.instance.id", "partition.assignment.strategy", "group.remote.assignor"],
        "kreplay sets it to match the group protocol; set run.group_protocol to choose that",
    ),
    (&["test.mock.num.brokers"], "use `kreplay demo`, which starts an embedded broker"),
];

/// The property names for bootstrap servers.
pub(super) const BOOTSTRAP: [&str; 2] = ["bootstrap.servers", "metadata.broker.list"];

/// Checks that a property may be set.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)) {
        return Err(
            "this is not a property name; use letters, digits, `.`, `-` and `_`, as in security.protocol".into()
        );
    }
    match RESERVED.iter().find(|(names, _)| names.contains(&name)) {
        Some((_, reason)) => Err(format!("this property cannot be set: {reason}")),
        None => Ok(()),
    }
}

/// Splits the text of `-X property=value`.
///
/// # Errors
/// The text has no name or no `=`. The message does not contain the text, which may be a secret.
pub(super) fn split(text: &str) -> Result<(&str, &str), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim(), value)),
        Some(_) => Err("the name before the `=` is missing; use -X property=value".into()),
        None => Err("the `=` is missing; use -X property=value".into()),
    }
}

/// librdkafka properties by name. Its `Debug` output masks secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<String, Property>);

#[derive(Clone, PartialEq, Eq)]
struct Property {
    value: String,
    shown: String,
}

impl Properties {
    /// Sets a property. `source` is the value as written; it is shown instead of the value if it is only a reference.
    pub(super) fn set(&mut self, name: &str, value: String, source: &str, referenced: bool) {
        // Text around a reference may itself be secret.
        let whole = referenced && source.starts_with("${") && source.find('}') == Some(source.len() - 1);
        let shown = match (whole, is_secret(name) || referenced) {
            (true, _) => source.to_owned(),
            (false, true) => MASK.to_owned(),
            (false, false) => value.clone(),
        };
        self.0.insert(name.into(), Property { value, shown });
    }

    /// Names and real values. Only for librdkafka.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, property)| (name.as_str(), property.value.as_str()))
    }

    /// Names and values for display.
    pub fn shown(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, property)| (name.as_str(), property.shown.as_str()))
    }

    /// Names and real values as a map. Only for librdkafka.
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
    fn only_references_and_non_secret_values_are_shown() {
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
    fn properties_that_kreplay_sets_are_refused_with_the_setting_to_use() {
        assert!(check_name("group.id").unwrap_err().contains("--group"));
        assert!(check_name("enable.auto.commit").unwrap_err().contains("run.commit_interval"));
        assert!(check_name("a b").unwrap_err().contains("not a property name"));
        assert_eq!(check_name("security.protocol"), Ok(()));
    }

    #[test]
    fn a_property_flag_needs_a_name_and_a_value() {
        assert_eq!(split("a.b=c=d"), Ok(("a.b", "c=d")));
        assert_eq!(split("a.b="), Ok(("a.b", "")));
        for wrong in ["hunter2", "=hunter2"] {
            let error = split(wrong).unwrap_err();
            assert!(error.contains("-X property=value") && !error.contains("hunter2"), "{error}");
        }
    }
}
