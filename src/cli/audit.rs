//! `kreplay audit`: keys, partitioners, order and distribution of topics. Changes nothing.

use std::{
    io::{self, Write as _},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use clap::{Args, value_parser};
use kreplay_engine::{
    plan::{
        PlanningError, resolve,
        scan::{ScanSize, ScanTimeouts},
    },
    rules::{Field, KeyTemplate},
};
use kreplay_kafka::{Catalog, Client, ClientHealth, KafkaConfig};
use kreplay_model::{
    audit::{AuditReport, Check},
    domain::printable,
    feed::report::{ReportFormat, printable_json},
};
use serde::Serialize;

use super::{
    CliError, Exit,
    args::{
        ClusterArgs, FileArgs, SampleArgs,
        decode::DecodeArgs,
        report::report_formats,
        selection::{FilterArgs, ScopeArgs, SelectionArgs},
    },
    plan::Progress,
    print,
    run::no_topics,
    signals::{exit_soon_after_unless, stop_flag},
};
use crate::{
    audit::{AuditRequest, audit, render},
    config::{Config, Environment, Overrides},
};

/// The flags of `audit`.
#[derive(Args, Clone)]
pub struct AuditArgs {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    decode: DecodeArgs,
    #[command(flatten)]
    sample: SampleArgs,
    /// Field with the sequence number of a record within its key: header.NAME or json.PATH
    #[arg(long, value_name = "FIELD", help_heading = "Audit")]
    sequence: Option<Field>,
    /// Show how the records would be distributed over this number of partitions, 1 to 10000
    #[arg(long, value_name = "N", value_parser = value_parser!(i32).range(1..=10_000), help_heading = "Audit")]
    rehearse_partitions: Option<i32>,
    /// Show how the records would be distributed by another key, such as team:{team_id}
    #[arg(long, value_name = "TEMPLATE", help_heading = "Audit")]
    #[allow(clippy::doc_markdown, reason = "the text of --help")]
    rehearse_key: Option<KeyTemplate>,
    /// Exit with code 1 if one of these checks finds something: spread, partitioner, growth, order, unused,
    /// co-partitioning; separate with commas or repeat the flag
    #[arg(long, value_name = "CHECK", value_delimiter = ',', help_heading = "Audit")]
    fail_on: Vec<Check>,
    /// Report format
    #[arg(long = "output-format", visible_alias = "report", value_name = "FORMAT", value_parser = report_formats())]
    #[arg(default_value = "text", help_heading = "Output")]
    report: ReportFormat,
}

/// The name and the version of the JSON form.
const SCHEMA: &str = "kreplay.audit/1";

#[derive(Serialize)]
struct Json<'a> {
    schema: &'static str,
    #[serde(flatten)]
    report: &'a AuditReport,
}

impl AuditArgs {
    /// Loads the configuration with these flags applied.
    ///
    /// # Errors
    /// All problems of file, environment and flags.
    fn load(&self, environment: &Environment, directory: &Path) -> Result<Config, CliError> {
        let mut overrides = Overrides { file: self.file.config.clone(), ..Overrides::default() };
        self.cluster.put(&mut overrides);
        self.selection.put(&mut overrides);
        self.scope.put("run", &mut overrides);
        self.filter.put(&mut overrides);
        self.decode.put(&mut overrides);
        self.sample.put(&mut overrides);
        Ok(Config::load(&overrides, environment, directory)?)
    }
}

/// Audits the selected topics and prints the report.
pub(super) fn execute(args: &AuditArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    let config = args.load(environment, directory)?;
    let Some(bootstrap_servers) = config.kafka.bootstrap_servers.clone() else {
        let missing = "no cluster given; use --bootstrap-server HOST:PORT or set kafka.bootstrap_servers";
        return Err(CliError::Usage(missing.into()));
    };
    let Some(selection) = config.run.selection() else { return Err(no_topics()) };
    let stop = stop_flag()?;
    let is_reading = Arc::new(AtomicBool::new(false));
    exit_soon_after_unless(&stop, &is_reading)?;
    let health: Arc<ClientHealth> = Arc::default();
    let kafka = KafkaConfig { bootstrap_servers, properties: config.kafka.properties.to_map() };
    let client = Client::new(&kafka, &health).map_err(|error| CliError::Usage(error.to_string()))?;
    let settings = &config.run.settings;
    let planned = || -> Result<_, PlanningError> {
        selection.scope.rules.decoding.check()?;
        let catalog = Catalog::new(&client, config.kafka.connect_timeout);
        Ok(resolve(&catalog, &selection.clone().of_group(settings.group.as_deref()))?)
    };
    let plan = planned().map_err(|error| CliError::of(&error))?;
    is_reading.store(true, Relaxed);
    let sample = ScanSize::Offsets(u64::from(settings.planning.sample));
    let request = AuditRequest {
        client: &client,
        tier: settings.tier,
        plan: &plan,
        size: if settings.planning.scan { ScanSize::Full } else { sample },
        timeouts: ScanTimeouts { sample: settings.planning.sample_time, silence: config.kafka.connect_timeout },
        sequence: args.sequence.as_ref(),
        rehearse_partitions: args.rehearse_partitions,
        rehearse_key: args.rehearse_key.as_ref(),
        cancel: &stop,
    };
    let mut progress = Progress::new();
    let result = audit(&request, &mut |planning| progress.show(planning));
    progress.end();
    client.close();
    let report = result.map_err(|error| CliError::of(&PlanningError::from(error)))?;
    let text = if args.report == ReportFormat::Json { json(&report)? } else { render(&report) };
    print(&text)?;
    Ok(exit(&report, &args.fail_on))
}

fn json(report: &AuditReport) -> Result<String, CliError> {
    let text = printable_json(&Json { schema: SCHEMA, report });
    text.map_err(|error| CliError::Failed(format!("the report cannot be written: {error}")))
}

/// `Stopped` if the audit was stopped; `Failed` if a check in `fail_on` has found something, which is written to
/// standard error.
fn exit(report: &AuditReport, fail_on: &[Check]) -> Exit {
    let mut failed = false;
    for finding in report.findings.iter().filter(|finding| fail_on.contains(&finding.check)) {
        failed = true;
        // A failed write to standard error is ignored: the exit code shows it, too.
        let _ = writeln!(io::stderr(), "kreplay: {}: {}: {}", finding.check, printable(&finding.topic), finding.text);
    }
    match (report.coverage.stopped, failed) {
        (true, _) => Exit::Stopped,
        (false, true) => Exit::Failed,
        (false, false) => Exit::Done,
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::audit::{AuditCoverage, Bounds, Finding, HotKey, TopicAudit};

    use super::*;

    #[test]
    fn json_has_no_control_characters_and_keeps_the_keys() {
        let key = "\u{9b}2J\u{7f}";
        let hottest_keys = vec![HotKey { key: key.into(), records: Bounds::exact(1) }];
        let topics = vec![TopicAudit { hottest_keys, ..TopicAudit::default() }];
        let text = json(&AuditReport { topics, ..AuditReport::default() }).unwrap();
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["topics"][0]["hottest_keys"][0]["key"], key);
    }

    #[test]
    fn findings_of_the_chosen_checks_fail() {
        let finding = Finding { check: Check::Spread, topic: "t".into(), text: "x".into() };
        let mut report = AuditReport { findings: vec![finding], ..AuditReport::default() };
        assert_eq!(exit(&report, &[]), Exit::Done);
        assert_eq!(exit(&report, &[Check::Order]), Exit::Done);
        assert_eq!(exit(&report, &[Check::Order, Check::Spread]), Exit::Failed);
        report.coverage = AuditCoverage { stopped: true, ..AuditCoverage::default() };
        assert_eq!(exit(&report, &[Check::Spread]), Exit::Stopped);
    }
}
