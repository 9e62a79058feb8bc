//! Flags for the console, the report and its destination.

use std::path::{Path, PathBuf};

use clap::{
    Args, ValueHint,
    builder::{PossibleValuesParser, TypedValueParser},
};
use kreplay_handlers::HandlerChoice;
use kreplay_model::feed::report::ReportFormat;

use crate::cli::{CliError, alerting::SilenceRequest};

/// Flags for the console, the report and its destination.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct ReportArgs {
    /// Do not open the console; print progress to standard error
    #[arg(long)]
    pub headless: bool,
    /// Print plain lines and read commands from standard input, for screen readers and pipes; `help` lists them
    #[arg(long, conflicts_with = "headless")]
    pub plain: bool,
    /// Print a report in this format at the end
    ///
    /// html is a self-contained page with charts; write it to a file with --output FILE.
    #[arg(long = "output-format", visible_alias = "report", value_name = "FORMAT")]
    pub report: Option<RunReport>,
    /// Write the report to this file instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "report")]
    pub output: Option<PathBuf>,
    /// Silence a rule: take no actions on its alerts for DURATION, 1h by default; can be repeated
    ///
    /// `RULE=0s` ends a silence. Silences are stored per cluster in the state directory.
    #[arg(long, value_name = "RULE[=DURATION]", help_heading = "Alerts")]
    pub silence: Vec<SilenceRequest>,
}

/// The format of a run's report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunReport {
    /// For programs or for reading on a terminal.
    Plain(ReportFormat),
    /// One self-contained HTML page.
    Html,
}

impl clap::ValueEnum for RunReport {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Plain(ReportFormat::Json), Self::Plain(ReportFormat::Text), Self::Html]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(match self {
            Self::Plain(format) => clap::builder::PossibleValue::new(match format {
                ReportFormat::Json => "json",
                ReportFormat::Text => "text",
            }),
            Self::Html => clap::builder::PossibleValue::new("html"),
        })
    }
}

pub(in crate::cli) fn report_formats() -> impl TypedValueParser<Value = ReportFormat> {
    PossibleValuesParser::new(["json", "text"]).try_map(|text| text.parse::<ReportFormat>())
}

/// Checks that the file of a report can be written, as far as that can be said before there is one.
///
/// # Errors
/// [`CliError::Failed`] names the file and the reason.
pub(in crate::cli) fn check_output(output: Option<&Path>) -> Result<(), CliError> {
    let Some(path) = output else { return Ok(()) };
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let problem = if path.is_dir() {
        "it is a directory"
    } else if directory.is_some_and(|directory| !directory.is_dir()) {
        "its directory does not exist"
    } else {
        return Ok(());
    };
    Err(CliError::Failed(format!("cannot write {}: {problem}", path.display())))
}

impl ReportArgs {
    /// Whether a console may be opened.
    #[must_use]
    pub fn allows_console(&self) -> bool {
        !self.headless && !self.plain
    }

    /// Checks that at most one of records, report and console uses standard output.
    ///
    /// # Errors
    /// [`CliError::Usage`] explains how to separate them.
    pub fn check_standard_output(&self, handler: &HandlerChoice, console: bool) -> Result<(), CliError> {
        if !handler.facts().uses_stdout {
            return Ok(());
        }
        let other = if console {
            "the console is displayed; use --headless"
        } else if self.report.is_some() && self.output.is_none() {
            "the report also goes; write the report to a file with --output FILE"
        } else {
            return Ok(());
        };
        Err(CliError::Usage(format!(
            "the handler ndjson writes to standard output, where {other}, or write the records to a file with \
             ndjson:FILE"
        )))
    }
}

#[cfg(test)]
mod tests {
    use kreplay_handlers::HandlerSpec;

    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_is_named_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let check = |path: &Path| check_output(Some(path));
        assert!(check(&folder.path().join("report.json")).is_ok() && check(Path::new("report.json")).is_ok());
        for path in [folder.path().to_owned(), folder.path().join("none/report.json")] {
            assert!(check(&path).unwrap_err().to_string().contains(&path.display().to_string()));
        }
        assert!(check_output(None).is_ok());
    }

    #[test]
    fn records_report_and_console_do_not_share_standard_output() {
        let handler = |text: &str| HandlerChoice::from(text.parse::<HandlerSpec>().unwrap());
        let (stdout, file, null) = (handler("ndjson"), handler("ndjson:f"), handler("null"));
        let report = |report, output: Option<&str>| ReportArgs {
            report,
            output: output.map(PathBuf::from),
            ..ReportArgs::default()
        };
        let json = Some(RunReport::Plain(ReportFormat::Json));
        for (args, handler, console, fits) in [
            (report(None, None), &stdout, false, true),
            (report(None, None), &stdout, true, false),
            (report(json, None), &stdout, false, false),
            (report(json, Some("r")), &stdout, false, true),
            (report(json, None), &file, true, true),
            (report(json, None), &null, true, true),
        ] {
            assert_eq!(args.check_standard_output(handler, console).is_ok(), fits, "{args:?} {handler} {console}");
        }
    }
}
