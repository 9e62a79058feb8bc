//! Parsing, checks and formatting of values that need more than a range check.

use std::{path::PathBuf, str::FromStr, time::Duration};

use kreplay_console::theme::ThemeChoice;
use kreplay_handlers::{HandlerSpec, ProjectionTarget, SpecError, topic_name};
use kreplay_model::domain::{Secret, printable};
use kreplay_topics::TopicTemplate;
use toml::Value;

use super::input::{Input, quoted};

pub(super) fn store<T>(field: &mut T, value: Result<T, String>) -> Result<(), String> {
    *field = value?;
    Ok(())
}

pub(super) fn bootstrap(input: &Input) -> Result<String, String> {
    let servers = input.list().or_else(|_| input.text().map(|text| text.split(',').map(str::to_owned).collect()));
    let servers = servers.map_err(|_: String| "must be a string or a list of strings")?;
    for server in &servers {
        let server = server.trim();
        let (host, port) = server.rsplit_once(':').ok_or("each server needs a port, as in HOST:PORT")?;
        let host = host.rsplit_once("://").map_or(host, |(_, host)| host);
        if !is_host(host) || port.parse::<u16>().ok().is_none_or(|port| port == 0) {
            return Err("a server is not of the form HOST:PORT".into());
        }
    }
    Ok(servers.iter().map(|server| server.trim()).collect::<Vec<_>>().join(","))
}

/// Whether a text is a host name or address. IPv6 addresses need brackets, as in librdkafka.
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
    if fits { Ok(text.to_owned()) } else { Err(format!("{} is not a valid group id", quoted(text))) }
}

pub(super) fn path(input: &Input) -> Result<PathBuf, String> {
    let text = input.text()?;
    if text.is_empty() || text.contains('\0') {
        Err("the path is empty or contains a NUL character".into())
    } else {
        Ok(text.into())
    }
}

pub(super) fn theme(input: &Input) -> Result<String, String> {
    let text = input.text()?;
    match text.parse::<ThemeChoice>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("{} is not a theme", quoted(text))),
    }
}

/// The name of a PostgreSQL schema.
pub(super) fn schema(input: &Input) -> Result<String, String> {
    let name = input.text()?;
    if name.is_empty() || name.len() > 63 || name.chars().any(char::is_control) || name.starts_with("pg_") {
        return Err(format!("{} is not a valid schema name", quoted(name)));
    }
    Ok(name.to_owned())
}

/// A fraction from 0 to 1.
pub(super) fn fraction(input: &Input) -> Result<f64, String> {
    let text = input.property()?;
    let fraction = text.trim().parse().map_err(|_| format!("{} is not a number", quoted(&text)))?;
    if (0.0..=1.0).contains(&fraction) { Ok(fraction) } else { Err(format!("{fraction} is out of range")) }
}

/// The name of dead-letter topics; it may contain `{topic}`, but must not be `{topic}` alone.
pub(super) fn topic_template(input: &Input) -> Result<String, String> {
    let text = input.text()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name = text.replace("{topic}", "t");
    let named = (1..=249).contains(&name.len()) && name.chars().all(fits) && text != "{topic}";
    if named {
        Ok(text.to_owned())
    } else {
        Err(format!("{} is not a valid name of a dead-letter topic", quoted(text)))
    }
}

/// A keyword. The type's own error is dropped, because the catalog lists the allowed values.
pub(super) fn word<T: FromStr>(input: &Input) -> Result<T, String> {
    let text = input.text()?;
    text.parse().map_err(|_| format!("{} is not a valid value", quoted(text)))
}

/// A handler specification. Its own error message is used, without the list of handlers.
pub(super) fn handler(input: &Input) -> Result<HandlerSpec, String> {
    input.text()?.parse().map_err(|error: SpecError| error.without_forms())
}

/// An HTTP URL.
pub(super) fn http_url(url: Secret) -> Result<Secret, String> {
    let value = url.value();
    let rest = value.strip_prefix("http://").or_else(|| value.strip_prefix("https://"));
    let fits =
        rest.is_some_and(|rest| !rest.is_empty()) && !value.contains(|c: char| c.is_whitespace() || c.is_control());
    if fits { Ok(url) } else { Err("the value is not an HTTP URL".into()) }
}

/// A token as in RFC 6750. Its characters are checked because it is compared with a header.
pub(super) fn bearer_token(token: Secret) -> Result<Secret, String> {
    let fits = !token.value().is_empty() && token.value().bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(token) } else { Err("the value is not a valid token".into()) }
}

/// The target of a projection.
pub(super) fn projection_target(target: Secret) -> Result<Secret, String> {
    target.value().parse::<ProjectionTarget>()?;
    Ok(target)
}

/// HTTP headers. A name is a token (RFC 9110); a value has no control characters except tabs.
pub(super) fn headers(list: Vec<Secret>) -> Result<Vec<Secret>, String> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let fits = |name: &str, value: &str| {
        !name.is_empty() && name.chars().all(token) && value.chars().all(|c| c == '\t' || !c.is_control())
    };
    match list.iter().find(|one| !one.value().split_once(':').is_some_and(|(name, value)| fits(name, value))) {
        Some(wrong) => Err(format!("{} is not a valid header", quoted(wrong.shown()))),
        None => Ok(list),
    }
}

/// Environment variables, `NAME=value`.
pub(super) fn variables(list: Vec<Secret>) -> Result<Vec<Secret>, String> {
    let wrong = |one: &&Secret| one.value().split_once('=').is_none_or(|(name, _)| name.trim().is_empty());
    match list.iter().find(wrong) {
        Some(wrong) => Err(format!("{} is not of the form NAME=value", quoted(wrong.shown()))),
        None => Ok(list),
    }
}

/// A librdkafka producer property, `NAME=VALUE`.
pub(super) fn producer_property(property: Secret) -> Result<Secret, String> {
    const RESERVED: [&str; 6] = [
        "transactional.id",
        "enable.idempotence",
        "acks",
        "request.required.acks",
        "compression.type",
        "compression.codec",
    ];
    let name = property.value().split_once('=').map(|(name, _)| name.trim().to_owned());
    let name = name.ok_or_else(|| format!("{} is not of the form NAME=VALUE", quoted(property.shown())))?;
    if super::property::BOOTSTRAP.contains(&name.as_str()) {
        Err("set the servers with topic.bootstrap_servers".into())
    } else if name.starts_with("compression.") {
        Err("set the compression with topic.compression".into())
    } else if RESERVED.contains(&name.as_str()) {
        Err(format!("{name} cannot be set, because the guarantees of the handler depend on it"))
    } else {
        super::property::check_name(&name).map(|()| property)
    }
}

/// The name of the topic that records are republished to.
pub(super) fn republished(input: &Input) -> Result<TopicTemplate, String> {
    topic_name(input.text()?).map_err(|reason| printable(&reason).into_owned())
}

/// A list of secrets in masked form; `None` if it is empty.
pub(super) fn shown_list(list: &[Secret]) -> Option<Value> {
    (!list.is_empty()).then(|| list.iter().map(Secret::shown).collect::<Vec<_>>().into())
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
    fn bootstrap_servers_require_a_host_and_a_port() {
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
        fn formatted_durations_parse_to_the_same_value(nanos in 0..=3_600_000_000_000_u64) {
            let shown = Duration::from_nanos(nanos);
            let text = time(shown).as_str().unwrap().to_owned();
            let read = Input::Text(text).duration(&(Duration::ZERO..=Duration::from_secs(3600)));
            prop_assert_eq!(read, Ok(shown));
        }
    }
}
