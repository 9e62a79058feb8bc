//! The result of a run, for programs (JSON) and for people (text).

mod comparison;
mod json;
mod memory;
mod plan;
mod text;

use std::{
    fmt::{self, Write},
    str::FromStr,
};

pub use comparison::ComparisonReport;
pub use json::{Report, SCHEMA};
pub use memory::peak_rss_bytes;
pub use plan::{PLAN_SCHEMA, PlanReport};

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReportFormat {
    /// One JSON object; fields are added, never renamed.
    Json,
    /// For people; it may change.
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
    /// The whole report in the wanted form, with a line feed at its end.
    ///
    /// # Errors
    /// What the serializer said; none is known to happen.
    pub fn render(&self, format: ReportFormat) -> Result<String, serde_json::Error> {
        match format {
            ReportFormat::Json => Ok(escaped(&serde_json::to_string_pretty(self)?) + "\n"),
            ReportFormat::Text => Ok(text::render(self)),
        }
    }
}

/// JSON lets DEL and U+0080 to U+009F pass; a terminal may obey them.
fn escaped(json: &str) -> String {
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
