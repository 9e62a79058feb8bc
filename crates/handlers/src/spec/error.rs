//! Errors about handler texts.

/// A handler text that cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("handler `{text}`: {reason}{}", if *is_unknown { HANDLER_SYNTAX } else { "" })]
pub struct SpecError {
    pub(super) text: String,
    pub(super) reason: String,
    /// Neither a handler of that name nor one of a similar name exists.
    pub(super) is_unknown: bool,
}

/// The valid handler texts, appended to the error about an unknown handler.
const HANDLER_SYNTAX: &str = "; use null, simulate:TIME, ndjson[:FILE], ndjson:DIR/, csv:DIR, parquet:DIR, projection[:FILE], topic[:NAME], \
                     exec[:COMMAND] or http[:URL]";
pub(super) const HANDLER_NAMES: [&str; 9] =
    ["null", "simulate", "ndjson", "csv", "parquet", "projection", "topic", "exec", "http"];

impl SpecError {
    /// The error without the list of valid handlers.
    #[must_use]
    pub fn without_forms(&self) -> String {
        format!("handler `{}`: {}", self.text, self.reason)
    }
}

/// The error about an unknown handler, with the most similar name if there is one.
pub(super) fn unknown(name: &str) -> String {
    let near = |known: &&str| strsim::damerau_levenshtein(name, known) <= 2.min(known.len() / 2);
    match HANDLER_NAMES.into_iter().filter(near).min_by_key(|known| strsim::damerau_levenshtein(name, known)) {
        Some(meant) => format!("there is no such handler; did you mean {meant}?"),
        None => "there is no such handler".into(),
    }
}
