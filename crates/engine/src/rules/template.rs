//! Key templates: make the key of a record's lane from its fields.

use std::{borrow::Cow, fmt, str::FromStr};

use super::{
    field::{Field, Unread},
    json_path::JsonPath,
};

/// Makes the key of a record's lane, such as `team:{team_id}`.
///
/// | part | stands for |
/// |---|---|
/// | `{key}` | the record's key |
/// | `{header.NAME}` | the value of the first header with that name |
/// | `{json.PATH}` | the value at that path in a JSON value; see [`JsonPath`] |
/// | `{PATH}` | the same, unless the path begins with `key`, `header` or `json` |
/// | `{{` and `}}` | a single brace |
///
/// All other text is literal. Keys and headers are used byte by byte; JSON strings as their text, numbers and booleans
/// as written. A part is absent if the record has no such key, header or path, if a header is null, and if the value at
/// the path is null, a list or an object. Then the template makes no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTemplate(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
}

impl KeyTemplate {
    /// The key that the template makes of a record's fields; `None` if a part is absent.
    ///
    /// # Errors
    /// [`Unread`] if a part cannot be read and no other part is known to be absent.
    pub(super) fn render<'r>(
        &self,
        field_of: impl Fn(&Field) -> Result<Option<Cow<'r, [u8]>>, Unread>,
    ) -> Result<Option<Vec<u8>>, Unread> {
        let mut key = Vec::new();
        let mut all_read = true;
        for part in &self.0 {
            match part {
                Part::Text(text) => key.extend_from_slice(text.as_bytes()),
                Part::Field(field) => match field_of(field) {
                    Ok(Some(bytes)) => key.extend_from_slice(&bytes),
                    Ok(None) => return Ok(None),
                    Err(Unread) => all_read = false,
                },
            }
        }
        if all_read { Ok(Some(key)) } else { Err(Unread) }
    }
}

/// Parses a placeholder after its opening brace; returns the rest after its closing brace.
fn placeholder(text: &str) -> Result<(Field, &str), String> {
    const UNCLOSED: &str = "a `{` has no `}`; use `{{` for a brace";
    if let Some(rest) = text.strip_prefix("key}") {
        return Ok((Field::Key, rest));
    }
    if let Some(rest) = text.strip_prefix("header.") {
        let (name, rest) = rest.split_once('}').ok_or(UNCLOSED)?;
        return if name.is_empty() {
            Err("`{header.}` needs a header name".into())
        } else {
            Ok((Field::Header(name.into()), rest))
        };
    }
    let marked = text.strip_prefix("json.");
    let (path, rest) = JsonPath::parse_prefix(marked.unwrap_or(text))?;
    if marked.is_none()
        && let Some(word @ ("key" | "header" | "json")) = path.first_name()
    {
        return Err(format!(
            "`{{{path}}}` is ambiguous; use {{key}}, {{header.NAME}} or {{json.PATH}}, and {{json.{word}}} for a \
             field of that name in the value"
        ));
    }
    let rest = rest.strip_prefix('}').ok_or(UNCLOSED)?;
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
                return Err(wrong("a `}` has no `{`; use `}}` for a brace".into()));
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
            Err(wrong(
                "it uses no part of the record; add {key}, {header.NAME} or a JSON path such as {team_id}".into(),
            ))
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
