//! Texts that may hold secrets: what they are, and what may be shown of them.

mod form;
mod names;

use std::fmt;

pub use form::Form;
use form::is_scheme;
pub use names::is_secret;

/// What stands in the place of a secret.
pub const MASK: &str = "***";

/// A text that may hold a secret. `Display` and `Debug` show what may be shown; only [`Masked::value`] reveals it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Masked {
    value: String,
    shown: String,
}

impl Masked {
    /// A text and what may be shown of it: the form says where in it secrets stand. `written` is the text as it was given,
    /// with references such as `${env:NAME}` in it, which may be shown where they stand for all of a secret.
    #[must_use]
    pub fn new(form: Form, value: String, written: &str) -> Self {
        Self { value, shown: form.shown(written) }
    }

    /// A text that was given as it is, without references.
    #[must_use]
    pub fn plain(form: Form, value: String) -> Self {
        // What looks like a reference is none here, and must not be taken for one.
        let shown = form.shown(&value.replace("${", "$${"));
        Self { shown: shown.replace("$${", "${"), value }
    }

    /// The text itself, for whom it is meant, and for nobody's eyes.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What may be shown.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// What others must not repeat, though they were told: the words in which value and shown form differ.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        // Shorter ones would be found in every second text.
        const SHORTEST: usize = 4;
        let same = |ours: char, shown: char| ours == shown;
        let prefix: usize = self
            .value
            .chars()
            .zip(self.shown.chars())
            .take_while(|(a, b)| same(*a, *b))
            .map(|(c, _)| c.len_utf8())
            .sum();
        let (value, shown) = (&self.value[prefix..], &self.shown[prefix..]);
        let ends = value.chars().rev().zip(shown.chars().rev());
        let suffix: usize = ends.take_while(|(a, b)| same(*a, *b)).map(|(c, _)| c.len_utf8()).sum();
        let words = value[..value.len() - suffix].split_whitespace();
        words.filter(|word| word.len() >= SHORTEST && !is_scheme(word)).map(str::to_owned).collect()
    }

    /// Whether what may be shown is enough to have the text again: nothing in it was masked.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.shown.contains(MASK) || self.shown == self.value
    }
}

impl fmt::Display for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.shown)
    }
}

impl fmt::Debug for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shown, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_not_be_repeated_is_what_is_not_shown() {
        let secrets = |form, value: &str| Masked::plain(form, value.into()).secrets();
        assert_eq!(secrets(Form::Variable, "PGPASSWORD=hunter2"), ["hunter2"]);
        assert_eq!(secrets(Form::Header, "Authorization: Bearer hunter2"), ["hunter2"]);
        assert_eq!(secrets(Form::Address, "https://ada:hunter2@h/x"), ["hunter2"]);
        assert_eq!(secrets(Form::Variable, "MODE=replay"), [""; 0]);
        assert_eq!(Masked::new(Form::Header, "X: pre-hunter2".into(), "X: ${env:A}").secrets(), ["pre-hunter2"]);
    }

    #[test]
    fn what_looks_like_a_reference_is_none_in_a_plain_text() {
        let masked = Masked::plain(Form::Variable, "PASSWORD=${x}".into());
        assert_eq!((masked.shown(), masked.value()), ("PASSWORD=***", "PASSWORD=${x}"));
        assert_eq!(Masked::plain(Form::Address, "http://h/${x}".into()).shown(), "http://h/${x}");
    }
}
