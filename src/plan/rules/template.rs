//! Key templates: what the key of a record's lane is made of.

use std::{fmt, str::FromStr};

use super::{
    examined::{Examined, Unread},
    field::Field,
    fields::Fields,
    json_path::JsonPath,
};

/// What the key of a record's lane is made of, such as `team:{team_id}`.
///
/// | part | stands for |
/// |---|---|
/// | `{key}` | the record's key |
/// | `{header.NAME}` | the value of the first header with that name |
/// | `{json.PATH}` | what stands at that place in a value that is JSON; see [`JsonPath`] |
/// | `{PATH}` | the same, where the path does not begin with `key`, `header` or `json` |
/// | `{{` and `}}` | a single brace |
///
/// Everything else stands for itself. Keys and headers are taken byte by byte; of JSON, strings are taken as their text, numbers
/// and truth values as JSON writes them. A part is absent where the record has no such key, header or place, where a header is
/// null, and where null, a list or an object stands there: then the template makes no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTemplate(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
}

impl KeyTemplate {
    /// The key that the template makes of a record; `None` where a part is absent.
    ///
    /// # Errors
    /// [`Unread`] where no part is known to be absent and one cannot be read.
    pub(super) fn render<F: Fields>(&self, record: &Examined<'_, F>) -> Result<Option<Vec<u8>>, Unread> {
        let mut key = Vec::new();
        let mut all_read = true;
        for part in &self.0 {
            match part {
                Part::Text(text) => key.extend_from_slice(text.as_bytes()),
                Part::Field(field) => match record.judged_field(field) {
                    Ok(Some(bytes)) => key.extend_from_slice(&bytes),
                    Ok(None) => return Ok(None),
                    Err(Unread) => all_read = false,
                },
            }
        }
        if all_read { Ok(Some(key)) } else { Err(Unread) }
    }
}

/// Reads what stands between braces, from behind the opening one; returns what stands behind the closing one.
fn placeholder(text: &str) -> Result<(Field, &str), String> {
    const OPEN: &str = "a `{` has no `}`; write `{{` for a brace";
    if let Some(rest) = text.strip_prefix("key}") {
        return Ok((Field::Key, rest));
    }
    if let Some(rest) = text.strip_prefix("header.") {
        let (name, rest) = rest.split_once('}').ok_or(OPEN)?;
        return if name.is_empty() {
            Err("`{header.}` names no header".into())
        } else {
            Ok((Field::Header(name.into()), rest))
        };
    }
    let marked = text.strip_prefix("json.");
    let (path, rest) = JsonPath::read(marked.unwrap_or(text))?;
    if marked.is_none()
        && let Some(word @ ("key" | "header" | "json")) = path.first_name()
    {
        return Err(format!(
            "`{{{path}}}` is not understood; write {{key}}, {{header.NAME}} or {{json.PATH}}, and {{json.{word}}} for a place of \
             that name in the value"
        ));
    }
    let rest = rest.strip_prefix('}').ok_or(OPEN)?;
    Ok((Field::Json(path), rest))
}

impl FromStr for KeyTemplate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |reason: String| format!("`{text}` is not a key template: {reason}");
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
            } else if brace == "}" {
                return Err(wrong("a `}` has no `{`; write `}}` for a brace".into()));
            } else {
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                let (field, after) = placeholder(rest).map_err(wrong)?;
                parts.push(Part::Field(field));
                rest = after;
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        if parts.iter().any(|part| matches!(part, Part::Field(_))) {
            Ok(Self(parts))
        } else {
            Err(wrong("it takes nothing from the record, as {key}, {header.NAME} or {team_id} would".into()))
        }
    }
}

impl fmt::Display for KeyTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}"))?,
                Part::Field(Field::Json(path)) if !matches!(path.first_name(), Some("key" | "header" | "json")) => {
                    write!(f, "{{{path}}}")?;
                }
                Part::Field(field) => write!(f, "{{{field}}}")?,
            }
        }
        Ok(())
    }
}
