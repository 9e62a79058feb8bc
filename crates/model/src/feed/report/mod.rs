//! Reports, as JSON for programs or as text.

mod comparison;
mod json;
mod memory;
mod plan;
mod text;

use std::{
    fmt::{self, Write},
    str::FromStr,
};

use serde::Serialize;

pub use comparison::ComparisonReport;
pub use json::{Report, SCHEMA};
pub use memory::peak_rss_bytes;
pub use plan::{PLAN_SCHEMA, PlanReport};

/// The format of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReportFormat {
    /// One JSON object. Fields may be added, but never renamed.
    Json,
    /// Text for reading. The format may change.
    #[default]
    Text,
}

impl fmt::Display for ReportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Json => "json",
            Self::Text => "text",
        })
    }
}

impl FromStr for ReportFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            other => Err(format!("`{other}` is not a report format; use json or text")),
        }
    }
}

impl Report {
    /// The report in the given format, ending with a line feed.
    ///
    /// # Errors
    /// Errors of the JSON serializer; none are expected.
    pub fn render(&self, format: ReportFormat) -> Result<String, serde_json::Error> {
        match format {
            ReportFormat::Json => printable_json(self),
            ReportFormat::Text => Ok(text::render(self)),
        }
    }
}

/// JSON on several lines for a terminal or a pipe, ending with a line feed.
///
/// # Errors
/// Errors of the JSON serializer; none are expected.
pub fn printable_json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(escaped(&serde_json::to_string_pretty(value)?) + "\n")
}

/// Escapes DEL and U+0080 to U+009F, which JSON allows but a terminal may interpret.
#[must_use]
pub fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() && c != '\n' {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_without_loss() {
        let list = ["\u{1b}[2J\u{9b}\u{7f}"];
        let text = printable_json(&list).unwrap();
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), list);
    }
}
