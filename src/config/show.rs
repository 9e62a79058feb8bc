//! `config show`: the merged configuration as TOML, with the origin of each value and secrets masked.

use std::fmt::Write;

use kreplay_model::domain::printable;
use toml::Value;

use super::{Config, alerts, catalog, keys, notify};

impl Config {
    /// Formats the configuration as TOML. A comment after each value shows its origin; settings without a value are
    /// comments. `changed` omits default values.
    #[must_use]
    pub fn show(&self, changed: bool) -> String {
        let mut out = String::new();
        let file = self.file.as_ref().map_or_else(|| "none".into(), |path| path.display().to_string());
        // Writing to a String cannot fail.
        let _ = writeln!(out, "# configuration file: {}", printable(&file));
        for table in catalog::tables() {
            let within = format!("{table}.");
            let settings = catalog::settings().filter(|setting| setting.key.starts_with(&within));
            let mut shown = settings.filter(|setting| !changed || self.is_set(setting.key)).peekable();
            if shown.peek().is_some() {
                let _ = writeln!(out, "\n[{table}]");
            }
            for setting in shown {
                let name = &setting.key[table.len() + 1..];
                match (setting.show)(self) {
                    Some(value) => self.line(&mut out, name, &value, setting.key),
                    None => drop(writeln!(out, "# {name} is not set")),
                }
            }
            if table == "kafka" {
                self.properties(&mut out);
            }
            if table == "console" {
                self.keys(&mut out);
            }
        }
        self.entries(&mut out, alerts::PREFIX, alerts::shown(&self.alerts), changed);
        self.entries(&mut out, notify::PREFIX, notify::shown(&self.notify), changed);
        out
    }

    fn properties(&self, out: &mut String) {
        if self.kafka.properties.shown().next().is_none() {
            return;
        }
        let _ = writeln!(out, "\n[kafka.properties]");
        for (name, value) in self.kafka.properties.shown() {
            let key = format!("kafka.properties.{name}");
            self.line(out, &Value::from(name).to_string(), &Value::from(value), &key);
        }
    }

    fn keys(&self, out: &mut String) {
        let mut shown = keys::shown(&self.console.keymap).peekable();
        if shown.peek().is_some() {
            let _ = writeln!(out, "\n[{}]", keys::TABLE);
        }
        for (action, value) in shown {
            self.line(out, &action, &value, &format!("{}{action}", keys::PREFIX));
        }
    }

    /// The tables of entries with names of their own, each with its settings.
    fn entries<'a>(
        &self,
        out: &mut String,
        prefix: &str,
        entries: impl Iterator<Item = (&'a str, Vec<(&'static str, Value)>)>,
        changed: bool,
    ) {
        for (entry, values) in entries {
            let _ = writeln!(out, "\n[{prefix}{entry}]");
            for (name, value) in values {
                let key = format!("{prefix}{entry}.{name}");
                if !changed || self.is_set(&key) {
                    self.line(out, name, &value, &key);
                }
            }
        }
    }

    fn line(&self, out: &mut String, name: &str, value: &Value, key: &str) {
        let _ = writeln!(out, "{name} = {}  # {}", one_line(value), self.origin(key));
    }
}

/// Formats a value on one line; the toml crate would write a text with line breaks on several.
pub(super) fn one_line(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().any(char::is_control) => {
            let mut out = String::from('"');
            for c in text.chars() {
                match c {
                    '"' | '\\' => out.extend(['\\', c]),
                    c if c.is_control() => drop(write!(out, "\\u{:04X}", u32::from(c))),
                    c => out.push(c),
                }
            }
            out + "\""
        }
        Value::Array(items) => format!("[{}]", items.iter().map(one_line).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
