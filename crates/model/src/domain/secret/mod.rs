//! Texts that may contain secrets, and how they are displayed.

mod censor;
mod form;
mod names;
mod percent;
mod reference;
mod url;

use std::fmt;

pub use censor::Redactor;
pub use form::SecretFormat;
pub use names::is_secret;
use reference::is_scheme;

/// Displayed in place of a secret.
pub const MASK: &str = "***";

/// A text that may contain a secret. `Display` and `Debug` show the masked text; only [`Secret::value`] returns the
/// secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret {
    value: String,
    shown: String,
}

impl Secret {
    /// Creates a text and its masked form. `format` determines which parts are secret. `written` is the text as it was
    /// given, including references such as `${env:NAME}`: a reference is shown if it stands for a whole secret.
    #[must_use]
    pub fn new(format: SecretFormat, value: String, written: &str) -> Self {
        Self { value, shown: format.shown(written) }
    }

    /// Creates a text that contains no references.
    #[must_use]
    pub fn plain(format: SecretFormat, value: String) -> Self {
        // A text that looks like a reference is a literal here.
        let shown = format.shown(&value.replace("${", "$${"));
        Self { shown: shown.replace("$${", "${"), value }
    }

    /// The text with its secrets. Never display it.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The masked text.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The words of the masked parts, for removal from the output of programs and servers that received them. A word
    /// with percent-encoding is followed by its decoded form, in which a server receives it.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        // Shorter words would match too much ordinary text.
        const MIN_SECRET_BYTES: usize = 4;
        let words = form::hidden_parts(&self.value, &self.shown).into_iter().flat_map(str::split_whitespace);
        let forms = words.flat_map(|word| std::iter::once(word.to_owned()).chain(percent::decoded(word)));
        forms.filter(|word| word.len() >= MIN_SECRET_BYTES && !is_scheme(word)).collect()
    }

    /// Whether the masked text is sufficient to restore the text: nothing in it was masked.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.shown.contains(MASK) || self.shown == self.value
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.shown)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shown, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_the_words_of_masked_parts() {
        let secrets = |format, value: &str| Secret::plain(format, value.into()).secrets();
        assert_eq!(secrets(SecretFormat::Variable, "PGPASSWORD=hunter2"), ["hunter2"]);
        assert_eq!(secrets(SecretFormat::Header, "Authorization: Bearer hunter2"), ["hunter2"]);
        assert_eq!(secrets(SecretFormat::Address, "https://ada:hunter2@h/x?token=12345&b=c"), ["hunter2", "12345"]);
        for token in ["https://t0ken@h/x", "https://t0ken:@h/x"] {
            assert_eq!(secrets(SecretFormat::Address, token), ["t0ken"]);
        }
        let referenced =
            Secret::new(SecretFormat::Address, "https://h/pre-hunter2/${x}".into(), "https://h/pre-${env:A}/$${x}");
        assert_eq!(referenced.secrets(), ["hunter2"]);
        assert_eq!(secrets(SecretFormat::Variable, "MODE=replay"), [""; 0]);
        assert_eq!(
            Secret::new(SecretFormat::Header, "X: pre-hunter2".into(), "X: ${env:A}").secrets(),
            ["pre-hunter2"]
        );
    }

    #[test]
    fn percent_encoded_secrets_are_redacted_in_both_forms() {
        for url in ["http://u:hun%40ter2@h/x", "postgres://u:hun%40ter2@h/x"] {
            let redactor = Redactor::new(Secret::plain(SecretFormat::Address, url.into()).secrets());
            assert_eq!(redactor.redact("bad password hun@ter2"), "bad password ***");
            assert_eq!(redactor.redact("bad password hun%40ter2"), "bad password ***");
        }
    }

    #[test]
    fn plain_text_contains_no_references() {
        let masked = Secret::plain(SecretFormat::Variable, "PASSWORD=${x}".into());
        assert_eq!((masked.shown(), masked.value()), ("PASSWORD=***", "PASSWORD=${x}"));
        assert_eq!(Secret::plain(SecretFormat::Address, "http://h/${x}".into()).shown(), "http://h/${x}");
    }
}
