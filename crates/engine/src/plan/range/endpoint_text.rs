//! Ranges as text.

#[cfg(test)]
#[path = "endpoint_text_test.rs"]
mod endpoint_text_test;

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use kreplay_model::domain::{Offset, PartitionId};

use super::{
    Override, Range, RangeEnd, RangeStart,
    duration::{Ago, duration},
    time,
};

/// The forms that a start and an end have in common.
enum Endpoint {
    Committed(Option<String>),
    Offset(Offset),
    Time(DateTime<Utc>),
    Ago(Duration),
}

/// Parses an endpoint. `None` if the text has none of these forms.
///
/// # Errors
/// The text has one of the forms, but its value is invalid.
fn parse_endpoint(text: &str) -> Result<Option<Endpoint>, String> {
    if text == "committed" {
        return Ok(Some(Endpoint::Committed(None)));
    }
    if let Some(group) = text.strip_prefix("committed:") {
        return if group.is_empty() {
            Err("`committed:` needs a group, such as committed:billing".into())
        } else {
            Ok(Some(Endpoint::Committed(Some(group.into()))))
        };
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let offset =
            text.parse().ok().and_then(Offset::new).ok_or_else(|| format!("`{text}` is too large for an offset"))?;
        return Ok(Some(Endpoint::Offset(offset)));
    }
    if let Some(ago) = text.strip_prefix('-') {
        return duration(ago).map(|ago| Some(Endpoint::Ago(ago))).ok_or_else(|| {
            format!(
                "`{text}` is not a time before now; use a number and a unit (ms, s, m, h, d or w), such as -90s, -2h \
                 or -1d12h"
            )
        });
    }
    match time::parse(text) {
        Some(time) if time.timestamp_millis() < 0 => {
            Err(format!("`{text}` is before 1970; no record has such a timestamp"))
        }
        time => Ok(time.map(Endpoint::Time)),
    }
}

fn write_endpoint(f: &mut fmt::Formatter<'_>, endpoint: &Endpoint) -> fmt::Result {
    match endpoint {
        Endpoint::Committed(None) => f.write_str("committed"),
        Endpoint::Committed(Some(group)) => write!(f, "committed:{group}"),
        Endpoint::Offset(offset) => write!(f, "{offset}"),
        Endpoint::Time(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        Endpoint::Ago(ago) => write!(f, "{}", Ago(*ago)),
    }
}

impl FromStr for RangeStart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(count) = text.strip_prefix("last:") {
            let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
            return digits
                .then(|| count.parse().ok())
                .flatten()
                .map(Self::Last)
                .ok_or_else(|| format!("`{text}` is not of the form last:NUMBER"));
        }
        Ok(match (text, parse_endpoint(text)?) {
            ("earliest", _) => Self::Earliest,
            ("latest", _) => Self::Latest,
            (_, Some(Endpoint::Committed(group))) => Self::Committed(group),
            (_, Some(Endpoint::Offset(offset))) => Self::Offset(offset),
            (_, Some(Endpoint::Time(time))) => Self::Time(time),
            (_, Some(Endpoint::Ago(ago))) => Self::Ago(ago),
            (_, None) => {
                return Err(format!("`{text}` is neither a position in a log nor a time{}", time::hint(text)));
            }
        })
    }
}

impl FromStr for RangeEnd {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match (text, parse_endpoint(text)?) {
            ("latest", _) => Self::Latest,
            ("never", _) => Self::Never,
            (_, Some(Endpoint::Committed(group))) => Self::Committed(group),
            (_, Some(Endpoint::Offset(offset))) => Self::Offset(offset),
            (_, Some(Endpoint::Time(time))) => Self::Time(time),
            (_, Some(Endpoint::Ago(ago))) => Self::Ago(ago),
            (_, None) => {
                return Err(format!("`{text}` is neither a position in a log nor a time{}", time::hint(text)));
            }
        })
    }
}

impl fmt::Display for RangeStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Earliest => f.write_str("earliest"),
            Self::Latest => f.write_str("latest"),
            Self::Last(count) => write!(f, "last:{count}"),
            Self::Committed(group) => write_endpoint(f, &Endpoint::Committed(group.clone())),
            Self::Offset(offset) => write_endpoint(f, &Endpoint::Offset(*offset)),
            Self::Time(time) => write_endpoint(f, &Endpoint::Time(*time)),
            Self::Ago(ago) => write_endpoint(f, &Endpoint::Ago(*ago)),
        }
    }
}

impl fmt::Display for RangeEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Never => f.write_str("never"),
            Self::Committed(group) => write_endpoint(f, &Endpoint::Committed(group.clone())),
            Self::Offset(offset) => write_endpoint(f, &Endpoint::Offset(*offset)),
            Self::Time(time) => write_endpoint(f, &Endpoint::Time(*time)),
            Self::Ago(ago) => write_endpoint(f, &Endpoint::Ago(*ago)),
        }
    }
}

/// The form is `[TOPIC:]PARTITION=[FROM]..[TO]`.
impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const SYNTAX: &str = "use TOPIC:PARTITION=FROM..TO; FROM or TO may be left out, and TOPIC: for every topic";
        let invalid = |reason: &str| format!("`{text}`: {reason}");
        let (name, range) = text.split_once('=').ok_or_else(|| invalid(SYNTAX))?;
        let (topic, number) = name.rsplit_once(':').map_or((None, name), |(topic, number)| (Some(topic), number));
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|_| digits).ok_or_else(|| invalid(SYNTAX))?;
        if topic == Some("") {
            return Err(invalid(SYNTAX));
        }
        let (from, to) = range.split_once("..").ok_or_else(|| invalid(SYNTAX))?;
        let side = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
        let from = side(from).map(|text| text.parse::<RangeStart>()).transpose().map_err(|reason| invalid(&reason))?;
        let to = side(to).map(|text| text.parse::<RangeEnd>()).transpose().map_err(|reason| invalid(&reason))?;
        match (&from, &to) {
            (None, None) => Err(invalid(SYNTAX)),
            (_, Some(RangeEnd::Never)) => Err(invalid("a run follows all partitions or none; use --to never for all")),
            _ => Ok(Self { topic: topic.map(str::to_owned), partition: PartitionId(number), from, to }),
        }
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(topic) = &self.topic {
            write!(f, "{topic}:")?;
        }
        write!(f, "{}=", self.partition)?;
        if let Some(from) = &self.from {
            write!(f, "{from}")?;
        }
        f.write_str("..")?;
        if let Some(to) = &self.to {
            write!(f, "{to}")?;
        }
        Ok(())
    }
}

/// The range as text.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_SHOWN_OVERRIDES: usize = 3;
        write!(f, "from {} to {}", self.from, self.to)?;
        for one in self.overrides.iter().take(MAX_SHOWN_OVERRIDES) {
            write!(f, ", partition {one}")?;
        }
        match self.overrides.len() {
            n if n > MAX_SHOWN_OVERRIDES => write!(f, " and {} more", n - MAX_SHOWN_OVERRIDES),
            _ => Ok(()),
        }
    }
}
