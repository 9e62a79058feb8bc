//! What is wrong with the configuration of an action, and why a notice was not delivered.

use kreplay_model::domain::printable;

/// The longest name of an action, in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 64;
/// The longest part of foreign text in an error, in characters.
const MAX_EXCERPT_CHARS: usize = 200;

/// A problem with the configuration of an action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// The name has other characters, or is too long.
    #[error("`{0}` is not a valid action name; use 1 to {MAX_NAME_BYTES} of the characters a-z, A-Z, 0-9, - and _")]
    Name(String),
    /// It is not an HTTP URL. The text shows no secrets.
    #[error("{0} is not an HTTP URL such as https://host/path")]
    Url(String),
    /// It is not a header.
    #[error("{0} is not a header; use NAME: VALUE")]
    Header(String),
    /// The command cannot be split into words, or is empty.
    #[error("`{0}` is not a command; use a program and its arguments, and close each quote")]
    Command(String),
}

/// Why a notice was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeliveryError {
    /// One sentence without secrets.
    pub(crate) text: String,
    /// Whether another attempt would fail, too.
    pub(crate) is_final: bool,
}

/// The beginning of a text from outside on one line.
pub(crate) fn excerpt(text: &str) -> String {
    let text = text.trim();
    let clipped: String = text.chars().take(MAX_EXCERPT_CHARS).collect();
    let more = if clipped.len() < text.len() { "…" } else { "" };
    format!("{}{more}", printable(&clipped))
}
