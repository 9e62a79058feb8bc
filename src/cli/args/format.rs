//! The form of a result that is a list or one object.

use clap::Args;

use super::report::report_formats;
use crate::feed::report::ReportFormat;

/// The form of a result.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct FormatArgs {
    /// Format of the result [default: text]
    #[arg(long, alias = "report", value_name = "FORMAT", value_parser = report_formats())]
    output_format: Option<ReportFormat>,
    /// Short for --output-format json
    #[arg(long, conflicts_with = "output_format")]
    json: bool,
}

impl FormatArgs {
    /// Whether the result is JSON; otherwise it is text.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.json || self.output_format == Some(ReportFormat::Json)
    }
}
