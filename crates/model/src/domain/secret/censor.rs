//! Removes secrets from the output of programs and servers.

use std::{fmt, sync::Arc};

use super::MASK;

/// Removes secrets from the output of programs and servers, which may repeat what they received.
#[derive(Clone, Default)]
pub struct Redactor(Arc<[String]>);

impl Redactor {
    /// Creates a redactor for these secrets.
    #[must_use]
    pub fn new(mut secrets: Vec<String>) -> Self {
        // Longest first, because one secret may contain another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.retain(|secret| !secret.is_empty());
        Self(secrets.into())
    }

    /// The text with each secret masked.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, MASK))
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({MASK})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_redacted_anywhere_in_a_text() {
        let redactor = Redactor::new(vec!["hunter".into(), String::new(), "hunter2".into()]);
        assert_eq!(redactor.redact("password hunter2, user hunter!"), "password ***, user ***!");
        assert_eq!(format!("{redactor:?}"), "Redactor(***)");
    }
}
