//! Values of `[decode]`: parsing, checks and formatting.

use kreplay_model::domain::{Format, Secret};
use toml::Value;

use super::{
    codec::Codec,
    input::{Input, quoted},
    kind::Kind,
    scope,
};

/// The name of a format; not set if no format is specified.
pub(super) struct FormatName;

impl Codec<Format> for FormatName {
    fn parse(input: &Input, _: &Kind) -> Result<Format, String> {
        input.text()?.parse()
    }

    fn show(field: &Format) -> Option<Value> {
        field.is_specified().then(|| Value::from(field.as_str()))
    }
}

/// Addresses of one registry. They must not contain a user or a password, which have separate settings.
pub(super) struct AddressList;

impl Codec<Vec<Secret>> for AddressList {
    fn parse(input: &Input, _: &Kind) -> Result<Vec<Secret>, String> {
        addresses(input)
    }

    fn show(field: &Vec<Secret>) -> Option<Value> {
        scope::show_list(field)
    }
}

/// A value that is sent in an HTTP header, so it must not contain control characters.
pub(super) struct Credential;

impl Codec<Option<Secret>> for Credential {
    fn parse(input: &Input, _: &Kind) -> Result<Option<Secret>, String> {
        let text = input.secret()?;
        if text.value().chars().any(char::is_control) {
            Err("the value contains a control character".into())
        } else {
            Ok(Some(text))
        }
    }

    fn show(field: &Option<Secret>) -> Option<Value> {
        field.as_ref().map(|text| Value::from(text.shown()))
    }
}

fn addresses(input: &Input) -> Result<Vec<Secret>, String> {
    let addresses = input.secret_list().or_else(|_| input.secret().map(|address| vec![address]));
    let addresses = addresses.map_err(|_: String| "must be a string or a list of strings")?;
    if addresses.is_empty() {
        return Err("the list is empty".into());
    }
    for address in &addresses {
        check_address(address.value()).map_err(|reason| format!("{} {reason}", quoted(address.shown())))?;
    }
    Ok(addresses)
}

fn check_address(address: &str) -> Result<(), &'static str> {
    let rest = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://"));
    let host = rest.map(|rest| rest.split('/').next().unwrap_or_default()).unwrap_or_default();
    if host.contains('@') {
        Err("must not contain a user or a password; use decode.username and decode.password")
    } else if host.is_empty() || address.contains(|c: char| c.is_whitespace() || c.is_control()) {
        Err("is not an http:// or https:// address")
    } else if address.contains(['?', '#']) {
        Err("must not have a query or a fragment")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_http_urls_without_credentials() {
        for right in ["http://a:8081", "https://b/c/"] {
            assert_eq!(check_address(right), Ok(()));
        }
        for (wrong, part) in [
            ("a:8081", "not an http:// or https:// address"),
            ("http://", "not an http:// or https:// address"),
            ("http://a b", "not an http:// or https:// address"),
            ("https://user:hunter2@a", "decode.username"),
            ("http://a?x=1", "query or a fragment"),
        ] {
            assert!(check_address(wrong).unwrap_err().contains(part), "{wrong}");
        }
    }
}
