//! Ranges as text.

#[cfg(test)]
#[path = "text_test.rs"]
mod text_test;

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};

use super::{From, Override, Range, To, time};
use crate::domain::{Offset, PartitionId};

/// What both sides of a range can be.
enum Place {
    Committed(Option<String>),
    Offset(Offset),
    Time(DateTime<Utc>),
    Ago(Duration),
}

/// `None` where the text is none of these; an error where it is one that is wrong.
fn place(text: &str) -> Result<Option<Place>, String> {
    if text == "committed" {
        return Ok(Some(Place::Committed(None)));
    }
    if let Some(group) = text.strip_prefix("committed:") {
        return if group.is_empty() {
            Err("`committed:` names no group".into())
        } else {
            Ok(Some(Place::Committed(Some(group.into()))))
        };
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let offset =
            text.parse().ok().and_then(Offset::new).ok_or_else(|| format!("`{text}` is too large for an offset"))?;
        return Ok(Some(Place::Offset(offset)));
    }
    if let Some(ago) = text.strip_prefix('-') {
        return duration(ago).map(|ago| Some(Place::Ago(ago))).ok_or_else(|| {
            format!(
                "`{text}` is not a time before now; write a number and ms, s, m, h, d or w, such as -90s, -2h or -1d12h"
            )
        });
    }
    match time::parse(text) {
        Some(time) if time.timestamp_millis() < 0 => Err(format!("`{text}` lies before 1970, and no record does")),
        time => Ok(time.map(Place::Time)),
    }
}

const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Whole numbers with units, the largest first: `2h`, `1d12h`, `90s`; at most what milliseconds since 1970 can hold.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (mut rest, mut total, mut last) = (text, 0_u64, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let (_, scale) = UNITS.into_iter().find(|(name, scale)| *name == unit && *scale < last)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(scale)?)?;
        (rest, last) = (tail, scale);
    }
    (last < u64::MAX && i64::try_from(total).is_ok()).then(|| Duration::from_millis(total))
}

/// `1d12h` and the like.
pub(in crate::plan) fn in_units(duration: Duration) -> String {
    Ago(duration).to_string().trim_start_matches('-').to_owned()
}

struct Ago(Duration);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        f.write_str("-")?;
        if left == 0 {
            return f.write_str("0s");
        }
        // A week and more is told in days: people count those.
        for (unit, scale) in UNITS.into_iter().skip(1) {
            if left >= scale {
                write!(f, "{}{unit}", left / scale)?;
                left %= scale;
            }
        }
        Ok(())
    }
}

fn show(f: &mut fmt::Formatter<'_>, place: &Place) -> fmt::Result {
    match place {
        Place::Committed(None) => f.write_str("committed"),
        Place::Committed(Some(group)) => write!(f, "committed:{group}"),
        Place::Offset(offset) => write!(f, "{offset}"),
        Place::Time(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        Place::Ago(ago) => write!(f, "{}", Ago(*ago)),
    }
}

impl FromStr for From {
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
        Ok(match (text, place(text)?) {
            ("earliest", _) => Self::Earliest,
            ("latest", _) => Self::Latest,
            (_, Some(Place::Committed(group))) => Self::Committed(group),
            (_, Some(Place::Offset(offset))) => Self::Offset(offset),
            (_, Some(Place::Time(time))) => Self::Time(time),
            (_, Some(Place::Ago(ago))) => Self::Ago(ago),
            (_, None) => {
                return Err(format!("`{text}` is neither a place in a log nor a time{}", time::advice(text)));
            }
        })
    }
}

impl FromStr for To {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match (text, place(text)?) {
            ("latest", _) => Self::Latest,
            ("never", _) => Self::Never,
            (_, Some(Place::Committed(group))) => Self::Committed(group),
            (_, Some(Place::Offset(offset))) => Self::Offset(offset),
            (_, Some(Place::Time(time))) => Self::Time(time),
            (_, Some(Place::Ago(ago))) => Self::Ago(ago),
            (_, None) => {
                return Err(format!("`{text}` is neither a place in a log nor a time{}", time::advice(text)));
            }
        })
    }
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Earliest => f.write_str("earliest"),
            Self::Latest => f.write_str("latest"),
            Self::Last(count) => write!(f, "last:{count}"),
            Self::Committed(group) => show(f, &Place::Committed(group.clone())),
            Self::Offset(offset) => show(f, &Place::Offset(*offset)),
            Self::Time(time) => show(f, &Place::Time(*time)),
            Self::Ago(ago) => show(f, &Place::Ago(*ago)),
        }
    }
}

impl fmt::Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Never => f.write_str("never"),
            Self::Committed(group) => show(f, &Place::Committed(group.clone())),
            Self::Offset(offset) => show(f, &Place::Offset(*offset)),
            Self::Time(time) => show(f, &Place::Time(*time)),
            Self::Ago(ago) => show(f, &Place::Ago(*ago)),
        }
    }
}

/// `[TOPIC:]PARTITION=[FROM]..[TO]`.
impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "write TOPIC:PARTITION=FROM..TO; FROM or TO may be left out, and TOPIC: for every topic";
        let wrong = |reason: &str| format!("`{text}`: {reason}");
        let (name, range) = text.split_once('=').ok_or_else(|| wrong(FORM))?;
        let (topic, number) = name.rsplit_once(':').map_or((None, name), |(topic, number)| (Some(topic), number));
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|_| digits).ok_or_else(|| wrong(FORM))?;
        if topic == Some("") {
            return Err(wrong(FORM));
        }
        let (from, to) = range.split_once("..").ok_or_else(|| wrong(FORM))?;
        let side = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
        let from = side(from).map(|text| text.parse::<From>()).transpose().map_err(|reason| wrong(&reason))?;
        let to = side(to).map(|text| text.parse::<To>()).transpose().map_err(|reason| wrong(&reason))?;
        match (&from, &to) {
            (None, None) => Err(wrong(FORM)),
            (_, Some(To::Never)) => Err(wrong("a run follows all partitions or none; use --to never for all")),
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

/// The range in words.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        write!(f, "from {} to {}", self.from, self.to)?;
        for one in self.overrides.iter().take(SHOWN) {
            write!(f, ", partition {one}")?;
        }
        match self.overrides.len() {
            n if n > SHOWN => write!(f, " and {} more", n - SHOWN),
            _ => Ok(()),
        }
    }
}
