//! Texts that may hold secrets: what they are, and what may be shown of them.

mod form;
mod names;

use std::fmt;

pub use form::Form;
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
