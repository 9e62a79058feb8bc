//! Values of settings that need more than a number's range: read, checked, and written again.

use std::{path::PathBuf, str::FromStr, time::Duration};

use toml::Value;

use super::input::{Input, quoted};
use crate::{
    domain::Masked,
    handler::{HandlerSpec, SpecError},
};

pub(super) fn store<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}

pub(super) fn bootstrap(input: &Input) -> Result<String, String> {
    let servers = input.list().or_else(|_| input.text().map(|text| text.split(',').map(str::to_owned).collect()));
    let servers = servers.map_err(|_: String| "must be a string or a list of strings")?;
    for server in &servers {
        let server = server.trim();
        let (host, port) = server.rsplit_once(':').ok_or("each server needs its port")?;
        let host = host.rsplit_once("://").map_or(host, |(_, host)| host);
        if !is_host(host) || port.parse::<u16>().ok().is_none_or(|port| port == 0) {
            return Err("a server is not of the form HOST:PORT".into());
        }
    }
    Ok(servers.iter().map(|server| server.trim()).collect::<Vec<_>>().join(","))
}

/// A name or address; one of IPv6 in brackets, as librdkafka wants it.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => {
            address.contains(':') && address.chars().all(|c| c.is_ascii_alphanumeric() || ":.%".contains(c))
        }
        None => !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || ".-_".contains(c)),
    }
}

pub(super) fn group(input: &Input) -> Result<String, String> {
    let text = input.text()?;
    let fits = (1..=255).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(format!("{} is not a group id", quoted(text))) }
}

pub(super) fn directory(input: &Input) -> Result<PathBuf, String> {
    let text = input.text()?;
    if text.is_empty() || text.contains('\0') { Err("it is not a path".into()) } else { Ok(text.into()) }
}

pub(super) fn theme(input: &Input) -> Result<String, String> {
    let text = input.text()?;
    let path = text.contains('/') || std::path::Path::new(text).extension().is_some_and(|ending| ending == "toml");
    if path || matches!(text, "dark" | "light" | "mono") {
        Ok(text.to_owned())
    } else {
        Err(format!("{} is not a theme", quoted(text)))
    }
}

/// A part of something, 0 to 1.
pub(super) fn part(input: &Input) -> Result<f64, String> {
    let text = input.property()?;
    let part = text.trim().parse().map_err(|_| format!("{} is not a number", quoted(&text)))?;
    if (0.0..=1.0).contains(&part) { Ok(part) } else { Err(format!("{part} is out of range")) }
}

/// A topic's name, with `{topic}` in it or without.
pub(super) fn topic_template(input: &Input) -> Result<String, String> {
    let text = input.text()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name = text.replace("{topic}", "t");
    let named = (1..=249).contains(&name.len()) && name.chars().all(fits) && text != "{topic}";
    if named { Ok(text.to_owned()) } else { Err(format!("{} cannot be the name of a dead-letter topic", quoted(text))) }
}

/// A word whose own error repeats what is allowed.
pub(super) fn word<T: FromStr>(input: &Input) -> Result<T, String> {
    let text = input.text()?;
    text.parse().map_err(|_| format!("{} is not understood", quoted(text)))
}

/// A handler's own error says what is wrong with it.
pub(super) fn handler(input: &Input) -> Result<HandlerSpec, String> {
    input.text()?.parse().map_err(|error: SpecError| error.to_string())
}

/// An address of HTTP.
pub(super) fn http_url(url: Masked) -> Result<Masked, String> {
    let value = url.value();
    let rest = value.strip_prefix("http://").or_else(|| value.strip_prefix("https://"));
    let fits =
        rest.is_some_and(|rest| !rest.is_empty()) && !value.contains(|c: char| c.is_whitespace() || c.is_control());
    if fits { Ok(url) } else { Err("it is not an address of HTTP".into()) }
}

/// A header of HTTP; its name is a token of RFC 9110, its value has no control characters.
pub(super) fn header(header: Masked) -> Result<Masked, String> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let fits = header.value().split_once(':').is_some_and(|(name, value)| {
        !name.is_empty() && name.chars().all(token) && value.chars().all(|c| c == '\t' || !c.is_control())
    });
    if fits { Ok(header) } else { Err(format!("{} is not a header", quoted(header.shown()))) }
}

/// A variable of an environment.
pub(super) fn variable(variable: Masked) -> Result<Masked, String> {
    let fits = variable.value().split_once('=').is_some_and(|(name, _)| !name.trim().is_empty());
    if fits { Ok(variable) } else { Err(format!("{} is not a variable", quoted(variable.shown()))) }
}

/// A list of what may be shown; `None` where it is empty.
pub(super) fn shown_list(list: &[Masked]) -> Option<Value> {
    (!list.is_empty()).then(|| list.iter().map(Masked::shown).collect::<Vec<_>>().into())
}

pub(super) fn number(number: u32) -> Value {
    Value::Integer(i64::from(number))
}

pub(super) fn text(value: &impl ToString) -> Value {
    Value::String(value.to_string())
}

pub(super) fn time(time: Duration) -> Value {
    Value::String(format!("{time:?}").replace('µ', "u"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bootstrap_servers_have_a_host_and_a_port() {
        let read = |text: &str| bootstrap(&Input::Text(text.into()));
        assert_eq!(read("a:1, b:2"), Ok("a:1,b:2".into()));
        assert_eq!(read("[::1]:9092"), Ok("[::1]:9092".into()));
        assert_eq!(read("SASL_SSL://a:1"), Ok("SASL_SSL://a:1".into()));
        for wrong in ["", "a", "a:", "a:0", "a:70000", ":1", "a:1,", "a b:1", "a:1;b:2"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn times_read_back_as_they_are_shown(nanos in 0..=3_600_000_000_000_u64) {
            let shown = Duration::from_nanos(nanos);
            let text = time(shown).as_str().unwrap().to_owned();
            let read = Input::Text(text).duration(&(Duration::ZERO..=Duration::from_secs(3600)));
            prop_assert_eq!(read, Ok(shown));
        }
    }
}
