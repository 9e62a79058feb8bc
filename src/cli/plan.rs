//! `kreplay plan`: shows what a run would do and predicts how long it takes. Changes nothing.

use std::{
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use clap::{Args, ValueHint};
use kreplay_engine::plan::Planner;
use kreplay_kafka::{Client, ClientHealth, KafkaConfig};
use kreplay_model::{
    domain::number::{Count, counted},
    feed::{
        Planning,
        report::{PlanReport, ReportFormat},
    },
};

use super::{
    CliError, Exit,
    args::{
        ClusterArgs, FileArgs, PlanningArgs,
        decode::DecodeArgs,
        report::{check_output, report_formats},
        selection::{FilterArgs, ScopeArgs, SelectionArgs},
        settings::SettingsArgs,
    },
    print,
    run::no_topics,
    signals::{exit_soon_after, stop_flag},
};
use crate::config::{Config, Environment, Overrides};

/// Progress is shown only after this time.
const PROGRESS_DELAY: Duration = Duration::from_millis(500);

/// The flags of `plan`.
#[derive(Args, Clone)]
pub struct PlanArgs {
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
    settings: SettingsArgs,
    #[command(flatten)]
    planning: PlanningArgs,
    /// Report format
    #[arg(long = "output-format", visible_alias = "report", value_name = "FORMAT", value_parser = report_formats())]
    #[arg(default_value = "text", help_heading = "Output")]
    report: ReportFormat,
    /// Write the report to this file instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    output: Option<PathBuf>,
}

impl PlanArgs {
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
        self.settings.put("run", &mut overrides);
        self.planning.put(&mut overrides);
        Ok(Config::load(&overrides, environment, directory)?)
    }
}

/// Makes the plan and writes the report.
pub(super) fn execute(args: &PlanArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    let config = args.load(environment, directory)?;
    check_output(args.output.as_deref())?;
    let Some(bootstrap_servers) = config.kafka.bootstrap_servers.clone() else {
        let missing = "no cluster given; use --bootstrap-server HOST:PORT or set kafka.bootstrap_servers";
        return Err(CliError::Usage(missing.into()));
    };
    let Some(selection) = config.run.selection() else { return Err(no_topics()) };
    let stop = stop_flag()?;
    exit_soon_after(&stop)?;
    let health: Arc<ClientHealth> = Arc::default();
    let kafka = KafkaConfig { bootstrap_servers, properties: config.kafka.properties.to_map() };
    let client = Client::new(&kafka, &health).map_err(|error| CliError::Usage(error.to_string()))?;
    let mut progress = Progress::new();
    let settings = config.run_settings();
    let planner =
        Planner { client: &client, settings: &settings, timeout: config.kafka.connect_timeout, cancel: &stop };
    let made = planner.make(&selection, &mut |planning| progress.show(planning));
    progress.end();
    client.close();
    let forecast = made.map_err(|error| CliError::of(&error))?;
    let text = PlanReport::new(&forecast)
        .render(args.report)
        .map_err(|error| CliError::Failed(format!("the plan cannot be written: {error}")))?;
    match &args.output {
        None => print(&text)?,
        Some(path) => {
            std::fs::write(path, text).map_err(|source| CliError::Output { target: Some(path.clone()), source })?;
        }
    }
    Ok(Exit::Done)
}

/// Progress on standard error: one line, rewritten in place, on a terminal; otherwise a new line every 5 seconds.
pub(super) struct Progress {
    started: Instant,
    shown_at: Option<Instant>,
    terminal: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), shown_at: None, terminal: io::stderr().is_terminal() }
    }

    pub(super) fn show(&mut self, planning: Planning) {
        let every = if self.terminal { Duration::from_millis(100) } else { Duration::from_secs(5) };
        if self.started.elapsed() < PROGRESS_DELAY || self.shown_at.is_some_and(|at| at.elapsed() < every) {
            return;
        }
        self.shown_at = Some(Instant::now());
        let percent = planning.read.saturating_mul(100) / planning.wanted.max(1);
        let text = format!("reading: {} of {}, {percent} %", Count(planning.read), counted(planning.wanted, "offset"));
        // A failed write to standard error does not affect the plan.
        let _ = if self.terminal { write!(io::stderr(), "\r\u{1b}[K{text}") } else { writeln!(io::stderr(), "{text}") };
    }

    pub(super) fn end(&self) {
        if self.terminal && self.shown_at.is_some() {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}
