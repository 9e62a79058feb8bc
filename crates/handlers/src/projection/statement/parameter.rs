//! The named parameters of a statement: parts of a record.

use std::fmt;

use kreplay_engine::rules::JsonPath;

/// A part of a record that a statement uses.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::projection) enum Parameter {
    /// `:key`: text if it is UTF-8, otherwise bytes; null if there is none.
    Key,
    /// `:value`: the original value, not decoded; text if it is UTF-8, otherwise bytes; null for a tombstone.
    Value,
    /// `:topic`: text.
    Topic,
    /// `:partition`: an integer.
    Partition,
    /// `:offset`: an integer.
    Offset,
    /// `:timestamp`: milliseconds since 1970; null if the record has none.
    Timestamp,
    /// `:header.NAME`: the first header with this name; text if it is UTF-8, otherwise bytes; null if there is none.
    Header(String),
    /// `:json` and `:json.PATH`: the decoded value, or the part of it at a path, with its own type; lists and objects
    /// are JSON. Null if there is nothing at the path. A value that cannot be decoded fails the record.
    Json(Option<JsonPath>),
    /// `:event_type`: text if it is UTF-8, otherwise bytes; null if there is none.
    EventType,
    /// `:lane_key`: the key that the order depends on: the record's key, or the result of the key template.
    LaneKey,
    /// `:unkeyed`: `TOPIC-PARTITION` if there is no `:lane_key`, since the order then depends on it; otherwise empty
    /// text.
    Unkeyed,
    /// `:content_hash`: a hash of key and value, 0 to [`HASH_MODULUS`] - 1.
    ContentHash,
}

/// The modulus of `:content_hash`: the largest prime below 2⁴⁴. A product with [`HASH_FACTOR`] fits into 63 bits, so
/// every database can chain hashes with 64-bit integers.
pub(in crate::projection) const HASH_MODULUS: i64 = (1 << 44) - 17;

/// The factor of a chain of hashes, a prime: `chain = (chain * 524287 + :content_hash) % 17592186044399`.
pub(in crate::projection) const HASH_FACTOR: i64 = (1 << 19) - 1;

/// The parameters that consist of a plain name.
const PLAIN_PARAMETERS: [(&str, Parameter); 10] = [
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

/// Parses the name after a colon; returns the parameter and the length of its name in bytes.
pub(super) fn parse(text: &str) -> Result<(Parameter, usize), String> {
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
        ("header", None) => Err(":header needs a name: use :header.NAME or :header.\"any name\"".into()),
        (head, part) => match PLAIN_PARAMETERS.into_iter().find(|(name, _)| *name == head) {
            Some((name, _)) if part.is_some() => {
                Err(format!(":{name} has no parts; use :json.PATH for a part of the value"))
            }
            Some((_, parameter)) => Ok((parameter, head.len())),
            None => Err(unknown_parameter(head)),
        },
    }
}

fn unknown_parameter(head: &str) -> String {
    let names = || PLAIN_PARAMETERS.iter().map(|(name, _)| *name).chain(["header", "json"]);
    if let Some(name) = names().find(|name| strsim::damerau_levenshtein(name, head) <= 2) {
        return format!("there is no parameter :{head}; did you mean :{name}?");
    }
    let names: Vec<_> = PLAIN_PARAMETERS.iter().map(|(name, _)| format!(":{name}")).collect();
    format!(
        "there is no parameter :{head}; the parameters are {}, :header.NAME, :json and :json.PATH",
        names.join(", ")
    )
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

/// A header's name. Names such as `event-type` are common in Kafka, so a `-` or `.` between letters is part of the
/// name.
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
        Err(":header needs a name: use :header.NAME".into())
    } else {
        Ok((text[..length].to_owned(), length))
    }
}

/// The length of the JSON path at the beginning of a text: names of letters, digits and `_`, separated by dots, and
/// brackets. Other characters of a path (`JsonPath`) are not accepted, since they may belong to the SQL after it.
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
                let name = PLAIN_PARAMETERS.iter().find(|(_, other)| other == plain).map_or("", |(name, _)| name);
                write!(f, ":{name}")
            }
        }
    }
}
