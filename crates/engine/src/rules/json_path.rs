//! Paths in a JSON value.

use std::{borrow::Cow, fmt, str::FromStr};

use kreplay_model::domain::json::{Document, Json, Kind, LoneSurrogate};

/// A path in a JSON value: `team.id`, `items[0].id`, `["a name with dots.and spaces"].id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
}

/// Whether a character ends an unquoted name.
fn ends_plain_name(c: char) -> bool {
    c.is_control() || c.is_whitespace() || matches!(c, '.' | '[' | ']' | '{' | '}' | '=' | '"')
}

impl JsonPath {
    /// The value at this path. Names select members of objects, and indexes select elements of lists. If an object has
    /// several members with the same name, the last one counts.
    #[must_use]
    pub fn find<'a>(&self, document: &'a Document<'_>) -> Option<Json<'a>> {
        let (first, rest) = self.0.split_first()?;
        let begin = match first {
            Step::Name(name) => document.member(name),
            Step::Index(index) => document.root().element(*index),
        };
        rest.iter().try_fold(begin?, |at, step| match step {
            Step::Name(name) => at.member(name),
            Step::Index(index) => at.element(*index),
        })
    }

    /// Parses a path at the beginning of a text; returns the rest of the text.
    ///
    /// # Errors
    /// No path begins there; one sentence.
    pub(super) fn parse_prefix(text: &str) -> Result<(Self, &str), String> {
        let mut steps = Vec::new();
        let mut rest = text;
        loop {
            if let Some(inner) = rest.strip_prefix('[') {
                let (step, after) = parse_bracket(inner).ok_or_else(|| {
                    format!("`{text}` is not a JSON path: expected a number or a quoted name in brackets")
                })?;
                steps.push(step);
                rest = after;
                if let Some(after) = rest.strip_prefix('.') {
                    rest = after;
                } else if !rest.starts_with('[') {
                    break;
                } else {
                    continue;
                }
            }
            let end = rest.find(ends_plain_name).unwrap_or(rest.len());
            if end == 0 {
                return Err(format!("`{text}` is not a JSON path: expected NAME, NAME.NAME or NAME[0]"));
            }
            steps.push(Step::Name(rest[..end].to_owned()));
            rest = &rest[end..];
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None if rest.starts_with('[') => {}
                None => break,
            }
        }
        Ok((Self(steps), rest))
    }

    /// The first name, if the path begins with an unquoted name.
    pub(super) fn first_name(&self) -> Option<&str> {
        match self.0.first()? {
            Step::Name(name) if is_plain(name) => Some(name),
            _ => None,
        }
    }
}

/// Parses the step after an opening bracket.
fn parse_bracket(inner: &str) -> Option<(Step, &str)> {
    if inner.starts_with('"') {
        let mut texts = serde_json::Deserializer::from_str(inner).into_iter::<String>();
        let name = texts.next()?.ok()?;
        return Some((Step::Name(name), inner.get(texts.byte_offset()..)?.strip_prefix(']')?));
    }
    let (number, after) = inner.split_once(']')?;
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| number.parse().ok().map(|index| (Step::Index(index), after))).flatten()
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.contains(ends_plain_name)
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Name(name) if is_plain(name) => {
                    write!(f, "{}{name}", if at > 0 { "." } else { "" })?;
                }
                Step::Name(name) => write!(f, "[{}]", serde_json::Value::from(name.as_str()))?,
            }
        }
        Ok(())
    }
}

impl FromStr for JsonPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Self::parse_prefix(text)? {
            (path, "") => Ok(path),
            (_, rest) => Err(format!("`{text}` is not a JSON path: unexpected `{rest}`")),
        }
    }
}

/// A value as text: the text of a string, or a number or boolean as written. `None` for null, lists and objects.
///
/// # Errors
/// A string contains a lone surrogate.
pub(super) fn scalar(value: Json<'_>) -> Result<Option<Cow<'_, str>>, LoneSurrogate> {
    match value.kind() {
        Kind::String => value.string().map(Some),
        Kind::Number(_) | Kind::Bool(_) => Ok(Some(Cow::Borrowed(value.raw()))),
        Kind::Null | Kind::List | Kind::Object => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_find_values() {
        let text =
            r#"{"team": {"id": 7}, "items": [{"id": "a"}, [true, null]], "a.b": {"": 1.50}, "0": "zero", "\u00fc": 2}"#;
        let document = Document::read(text.as_bytes()).unwrap();
        for (path, found) in [
            ("team.id", Some("7")),
            ("items[0].id", Some("\"a\"")),
            ("items[1][0]", Some("true")),
            (r#"["a.b"][""]"#, Some("1.50")),
            ("0", Some("\"zero\"")),
            ("ü", Some("2")),
            ("[0]", None),
            ("items.0", None),
            ("items[9]", None),
            ("team.id.x", None),
            ("nothing", None),
        ] {
            assert_eq!(path.parse::<JsonPath>().unwrap().find(&document).map(Json::raw), found, "{path}");
        }
        let list = Document::read(b"[1, 2]").unwrap();
        assert_eq!("[1]".parse::<JsonPath>().unwrap().find(&list).map(Json::raw), Some("2"));
    }

    #[test]
    fn invalid_paths_are_errors() {
        for wrong in
            ["", ".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[-1]", "a[+1]", "a b", "a=b", r#"["a"#, r#"["a"]b"#]
        {
            assert!(wrong.parse::<JsonPath>().unwrap_err().contains("not a JSON path"), "{wrong}");
        }
        assert!("a[99999999999999999999999]".parse::<JsonPath>().is_err());
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            any::<String>().prop_map(Step::Name),
            "[a-z_]{1,4}".prop_map(Step::Name),
            (0_usize..50).prop_map(Step::Index)
        ]
    }

    proptest! {
        #[test]
        fn displayed_paths_parse_back(steps in prop::collection::vec(step(), 1..6)) {
            let path = JsonPath(steps);
            prop_assert_eq!(path.to_string().parse::<JsonPath>(), Ok(path));
        }
    }
}
