//! The handlers of the form, and what each is given with its name.

/// A handler by name, and what is written after its colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandlerKind {
    /// The name.
    pub name: &'static str,
    /// The label of what follows the colon; `None` if nothing does.
    pub argument: Option<&'static str>,
}

const fn kind(name: &'static str, argument: Option<&'static str>) -> HandlerKind {
    HandlerKind { name, argument }
}

impl HandlerKind {
    /// All handlers, in the order of the form.
    pub const ALL: &[Self] = &[
        kind("null", None),
        kind("simulate", Some("time")),
        kind("projection", Some("file")),
        kind("topic", Some("topic")),
        kind("ndjson", Some("file")),
        kind("csv", Some("directory")),
        kind("parquet", Some("directory")),
        kind("exec", Some("command")),
        kind("http", Some("URL")),
    ];

    /// The names.
    pub const NAMES: &[&str] = &["null", "simulate", "projection", "topic", "ndjson", "csv", "parquet", "exec", "http"];

    /// The handler of a text such as `ndjson:out.jsonl`, and what follows its colon. A name that is not known, and the
    /// name of a URL, have the whole text.
    #[must_use]
    pub fn split(text: &str) -> (Option<Self>, &str) {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        if name == "https" || rest.starts_with("//") {
            return (Self::named("http"), text);
        }
        match Self::named(name) {
            Some(kind) => (Some(kind), rest),
            None => (None, text),
        }
    }

    /// The handler with a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name == name)
    }

    /// The text of the handler with what follows its colon.
    #[must_use]
    pub fn with_argument(self, argument: &str) -> String {
        if argument.is_empty() || self.argument.is_none() {
            self.name.to_owned()
        } else {
            format!("{}:{argument}", self.name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_and_joined() {
        for (kind, name) in HandlerKind::ALL.iter().zip(HandlerKind::NAMES) {
            assert_eq!(kind.name, *name);
            let text = kind.with_argument("a:b");
            let (split, rest) = HandlerKind::split(&text);
            assert_eq!((split, rest), (Some(*kind), if kind.argument.is_some() { "a:b" } else { "" }));
        }
        assert_eq!(HandlerKind::split("https://h/x"), (HandlerKind::named("http"), "https://h/x"));
        assert_eq!(HandlerKind::split("http:https://h/x"), (HandlerKind::named("http"), "https://h/x"));
        assert_eq!(HandlerKind::split("nul"), (None, "nul"));
    }
}
