//! What can be put into a statement: parts of a record, by name.

use std::fmt;

use crate::plan::JsonPath;

/// A part of a record that a statement names.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::handler::projection) enum Parameter {
    /// `:key`: text where it is UTF-8, otherwise bytes; null where there is none.
    Key,
    /// `:value`: as it came, not decoded; text where it is UTF-8, otherwise bytes; null for a tombstone.
    Value,
    /// `:topic`: text.
    Topic,
    /// `:partition`: a whole number.
    Partition,
    /// `:offset`: a whole number.
    Offset,
    /// `:timestamp`: milliseconds since 1970; null where the record has none.
    Timestamp,
    /// `:header.NAME`: the first header of this name; text where it is UTF-8, otherwise bytes; null where there is none.
    Header(String),
    /// `:json` and `:json.PATH`: the decoded value, or what stands at a place in it, with its own type; lists and objects
    /// are JSON. Null where there is nothing; a value that cannot be decoded fails the record.
    Json(Option<JsonPath>),
    /// `:event_type`: text where it is UTF-8, otherwise bytes; null where there is none.
    EventType,
    /// `:lane_key`: the key that order goes by, the record's own or what the key template makes of it.
    LaneKey,
    /// `:unkeyed`: `TOPIC-PARTITION` where there is no `:lane_key`, otherwise empty text: what order goes by then.
    Unkeyed,
    /// `:content_hash`: a hash of key and value, 0 to [`HASH_MODULUS`] - 1.
    ContentHash,
}

/// `:content_hash` is below this prime, the largest below 2⁴⁴: a product with [`HASH_FACTOR`] then fits into 63 bits, so that
/// databases can chain hashes with the integers they all have.
pub(in crate::handler::projection) const HASH_MODULUS: i64 = (1 << 44) - 17;

/// The factor of a chain of hashes, a prime: `chain = (chain * 524287 + :content_hash) % 17592186044399`.
pub(in crate::handler::projection) const HASH_FACTOR: i64 = (1 << 19) - 1;

/// The parameters that are a plain name.
const PLAIN: [(&str, Parameter); 10] = [
    ("key", Parameter::Key),
    ("value", Parameter::Value),
    ("topic", Parameter::Topic),
    ("partition", Parameter::Partition),
    ("offset", Parameter::Offset),
    ("timestamp", Parameter::Timestamp),
    ("event_type", Parameter::EventType),
    ("lane_key", Parameter::LaneKey),
    ("unkeyed", Parameter::Unkeyed),
    ("content_hash", Parameter::ContentHash),
];

/// Reads the name behind a colon; returns how many bytes of it belong to the parameter.
pub(super) fn read(text: &str) -> Result<(Parameter, usize), String> {
    let head = word(text);
    let rest = &text[head.len()..];
    let part = rest.strip_prefix('.').filter(|rest| rest.starts_with(|c: char| is_word(c) || matches!(c, '"' | '[')));
    match (head, part) {
        ("json", None) => Ok((Parameter::Json(None), head.len())),
        ("json", Some(part)) => {
            let length = path_length(part);
            let path = part[..length].parse().map_err(|error| format!(":json.{}: {error}", &part[..length]))?;
            Ok((Parameter::Json(Some(path)), head.len() + 1 + length))
        }
        ("header", Some(part)) => {
            let (name, length) = header_name(part)?;
            Ok((Parameter::Header(name), head.len() + 1 + length))
        }
        ("header", None) => Err(":header needs a name: write :header.NAME or :header.\"any name\"".into()),
        (head, part) => match PLAIN.into_iter().find(|(name, _)| *name == head) {
            Some((name, _)) if part.is_some() => {
                Err(format!(":{name} has no parts; write :json.PATH for a place in the value"))
            }
            Some((_, parameter)) => Ok((parameter, head.len())),
            None => Err(unknown(head)),
        },
    }
}

fn unknown(head: &str) -> String {
    let names = || PLAIN.iter().map(|(name, _)| *name).chain(["header", "json"]);
    if let Some(name) = names().find(|name| strsim::damerau_levenshtein(name, head) <= 2) {
        return format!("there is no parameter :{head}; did you mean :{name}?");
    }
    let names: Vec<_> = PLAIN.iter().map(|(name, _)| format!(":{name}")).collect();
    format!("there is no parameter :{head}; there are {}, :header.NAME, :json and :json.PATH", names.join(", "))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

/// A header's name. Kafka's are often `event-type`: a `-` or `.` between letters is part of it.
fn header_name(text: &str) -> Result<(String, usize), String> {
    if text.starts_with('"') {
        let mut names = serde_json::Deserializer::from_str(text).into_iter::<String>();
        return match names.next() {
            Some(Ok(name)) => Ok((name, names.byte_offset())),
            _ => Err(":header.\"…\": the name needs a closing quote".into()),
        };
    }
    let mut length = word(text).len();
    while let Some(after) = text[length..].strip_prefix(['-', '.']) {
        match word(after).len() {
            0 => break,
            more => length += 1 + more,
        }
    }
    if length == 0 {
        Err(":header needs a name: write :header.NAME".into())
    } else {
        Ok((text[..length].to_owned(), length))
    }
}

/// How much of a text is a JSON path: names of letters, digits and `_` with dots between them, and brackets. What else a path
/// may hold (`JsonPath`) would swallow the SQL behind it.
fn path_length(text: &str) -> usize {
    let mut length = word(text).len();
    loop {
        let rest = &text[length..];
        if rest.starts_with('[') {
            match bracket_length(rest) {
                Some(bracket) => length += bracket,
                None => return length,
            }
        } else if let Some(after) = rest.strip_prefix('.')
            && (after.starts_with(is_word))
        {
            length += 1 + word(after).len();
        } else {
            return length;
        }
    }
}

fn bracket_length(text: &str) -> Option<usize> {
    if text[1..].starts_with('"') {
        let mut names = serde_json::Deserializer::from_str(&text[1..]).into_iter::<String>();
        names.next()?.ok()?;
        let end = 1 + names.byte_offset();
        return text[end..].starts_with(']').then_some(end + 1);
    }
    let digits = text[1..].bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0 && text[1 + digits..].starts_with(']')).then_some(digits + 2)
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, ":header.{name}"),
            Self::Json(None) => f.write_str(":json"),
            Self::Json(Some(path)) => write!(f, ":json.{path}"),
            plain => {
                let name = PLAIN.iter().find(|(_, other)| other == plain).map_or("", |(name, _)| name);
                write!(f, ":{name}")
            }
        }
    }
}
