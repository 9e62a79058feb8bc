//! Values of `[decode]`: read, checked, and written again.

use std::path::PathBuf;

use toml::Value;

use super::input::{Input, quoted};
use crate::domain::{Format, Masked};

pub(super) fn format(input: &Input) -> Result<Format, String> {
    input.text()?.parse()
}

pub(super) fn show_format(format: Format) -> Option<Value> {
    format.is_asked().then(|| Value::from(format.as_str()))
}

/// Addresses of one registry. None may hold a user or a password, which have settings of their own.
pub(super) fn addresses(input: &Input) -> Result<Vec<Masked>, String> {
    let addresses = input.masked_list().or_else(|_| input.masked().map(|address| vec![address]));
    let addresses = addresses.map_err(|_: String| "must be a string or a list of strings")?;
    if addresses.is_empty() {
        return Err("the list is empty".into());
    }
    for address in &addresses {
        check(address.value()).map_err(|reason| format!("{} {reason}", quoted(address.shown())))?;
    }
    Ok(addresses)
}

fn check(address: &str) -> Result<(), &'static str> {
    let rest = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://"));
    let host = rest.map(|rest| rest.split('/').next().unwrap_or_default()).unwrap_or_default();
    if host.contains('@') {
        Err("must hold no user and no password; use decode.username and decode.password")
    } else if host.is_empty() || address.contains(|c: char| c.is_whitespace() || c.is_control()) {
        Err("is no http:// or https:// address")
    } else if address.contains(['?', '#']) {
        Err("has more than a path")
    } else {
        Ok(())
    }
}

/// A header holds it, so it is one line.
pub(super) fn line(input: &Input) -> Result<Option<Masked>, String> {
    let text = input.masked()?;
    if text.value().chars().any(char::is_control) { Err("it holds a control character".into()) } else { Ok(Some(text)) }
}

pub(super) fn show(text: Option<&Masked>) -> Option<Value> {
    text.map(|text| Value::from(text.shown()))
}

pub(super) fn show_path(path: Option<&PathBuf>) -> Option<Value> {
    path.map(|path| Value::from(path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_one_registry_and_hold_no_secret() {
        for right in ["http://a:8081", "https://b/c/"] {
            assert_eq!(check(right), Ok(()));
        }
        for (wrong, part) in [
            ("a:8081", "no http:// or https:// address"),
            ("http://", "no http:// or https:// address"),
            ("http://a b", "no http:// or https:// address"),
            ("https://user:hunter2@a", "decode.username"),
            ("http://a?x=1", "more than a path"),
        ] {
            assert!(check(wrong).unwrap_err().contains(part), "{wrong}");
        }
    }
}
