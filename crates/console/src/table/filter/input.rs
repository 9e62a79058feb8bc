//! The text of a filter while it is typed.

use super::{error::FilterError, parse::FieldName, syntax::Filter};

/// The text of a filter, and what it means.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FilterInput {
    text: String,
    filter: Filter,
    error: Option<FilterError>,
}

impl FilterInput {
    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The filter of the last valid text.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// What is wrong with the text.
    #[must_use]
    pub fn error(&self) -> Option<&FilterError> {
        self.error.as_ref()
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Replaces the text. The filter stays if the new text has an error, because half of a term means nothing.
    pub(in crate::table) fn set(&mut self, text: String, fields: &[FieldName]) {
        match Filter::parse(&text, fields) {
            Ok(filter) => (self.filter, self.error) = (filter, None),
            Err(error) => self.error = Some(error),
        }
        self.text = text;
    }
}
