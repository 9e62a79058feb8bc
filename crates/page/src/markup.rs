//! HTML and SVG text in which outside text is always escaped.

use std::fmt::{self, Display, Write as _};

use kreplay_model::domain::printable;

/// A growing piece of HTML or SVG.
#[derive(Clone, Debug, Default)]
pub(crate) struct Markup(String);

impl Markup {
    /// Appends markup. Outside text must be wrapped in [`Text`].
    pub(crate) fn add(&mut self, markup: impl Display) {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{markup}");
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

impl Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Outside text: control characters are made visible, and characters with a meaning in HTML are escaped.
pub(crate) struct Text<T>(pub(crate) T);

impl<T: Display> Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in printable(&self.0.to_string()).chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_add_elements_attributes_or_control_characters() {
        let text = Text("<script>\"a\"&'b'\u{1b}[2J").to_string();
        assert_eq!(text, "&lt;script&gt;&quot;a&quot;&amp;&#39;b&#39;\\u{1b}[2J");
    }
}
