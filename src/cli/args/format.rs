//! Flags for the output format of commands that print a list or a single object.

use clap::Args;
use kreplay_model::feed::report::ReportFormat;

use super::report::report_formats;

/// Flags for the output format.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct FormatArgs {
    /// Output format [default: text]
    #[arg(long, alias = "report", value_name = "FORMAT", value_parser = report_formats())]
    output_format: Option<ReportFormat>,
    /// Shorthand for --output-format json
    #[arg(long, conflicts_with = "output_format")]
    json: bool,
}

impl FormatArgs {
    /// Whether to print JSON instead of text.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.json || self.output_format == Some(ReportFormat::Json)
    }
}
