//! The flags of the console, of `run` and of `demo`, and the configuration that follows from them.

use std::path::Path;

use clap::Args;

use super::{
    CliError, WatchDemoArgs,
    args::{
        ClusterArgs, DatasetArgs, FileArgs, MetricsArgs, RecordArgs, ServeArgs, ThemeArgs,
        decode::DecodeArgs,
        report::ReportArgs,
        selection::{FilterArgs, ScopeArgs, SelectionArgs},
        settings::{SafeguardArgs, SettingsArgs},
    },
    run,
};
use crate::config::{Assignment, Config, Environment, Overrides, RunTable};

/// The flags of the console.
#[derive(Args, Clone)]
pub struct ConsoleArgs {
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
    safeguards: SafeguardArgs,
    #[command(flatten)]
    metrics: MetricsArgs,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    theme: ThemeArgs,
}

/// The flags of `run`.
#[derive(Args, Clone)]
pub struct RunArgs {
    #[command(flatten)]
    pub(super) settings: RunSettingsArgs,
    /// Console, report and its destination.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// The flags of `run` that are settings; `config show` has them, too.
#[derive(Args, Clone)]
pub struct RunSettingsArgs {
    #[command(flatten)]
    console: ConsoleArgs,
    /// Make a plan first, so that the report compares the prediction with the result
    #[arg(long, help_heading = "Run")]
    plan: bool,
    /// Build all effects and apply none: no target, group or journal is touched; the report shows what would happen
    #[arg(long, help_heading = "Run")]
    dry_run: bool,
}

/// The flags of `demo`.
#[derive(Args, Clone)]
pub struct DemoArgs {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    datasets: DatasetArgs,
    /// A simulated cluster to watch.
    #[command(flatten)]
    pub watch: WatchDemoArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    metrics: MetricsArgs,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    theme: ThemeArgs,
    /// Console, report and its destination.
    #[command(flatten)]
    pub report: ReportArgs,
}

impl ConsoleArgs {
    /// Loads the configuration with these flags applied. Without a cluster, the flags apply to the demo.
    ///
    /// # Errors
    /// All problems of file, environment and flags; a flag that requires a cluster when there is none.
    pub fn load(&self, environment: &Environment, directory: &Path) -> Result<Config, CliError> {
        let config = Config::load(&self.overrides(RunTable::Run), environment, directory)?;
        if config.kafka.bootstrap_servers.is_some() {
            return Ok(config);
        }
        let flag = self.cluster.needs_a_cluster().or_else(|| self.selection.needs_a_cluster());
        match flag
            .or_else(|| self.filter.needs_a_cluster())
            .or_else(|| self.decode.needs_a_cluster())
            .or_else(|| self.safeguards.needs_a_cluster())
        {
            Some(flag) => Err(CliError::Usage(format!(
                "{flag} needs a cluster; use --bootstrap-server HOST:PORT or set kafka.bootstrap_servers"
            ))),
            None => Ok(Config::load(&self.overrides(RunTable::Demo), environment, directory)?),
        }
    }

    pub(super) fn overrides(&self, table: RunTable) -> Overrides {
        let is_run = table == RunTable::Run;
        let table = if is_run { "run" } else { "demo" };
        let mut overrides = Overrides { file: self.file.config.clone(), ..Overrides::default() };
        self.cluster.put(&mut overrides);
        self.selection.put(&mut overrides);
        self.scope.put(table, &mut overrides);
        if is_run {
            self.filter.put(&mut overrides);
            self.decode.put(&mut overrides);
        }
        self.settings.put(table, &mut overrides);
        self.safeguards.put(&mut overrides);
        self.metrics.put(&mut overrides);
        self.record.put(&mut overrides);
        self.serve.put(&mut overrides);
        self.theme.put(&mut overrides);
        overrides
    }
}

impl RunSettingsArgs {
    pub(super) fn overrides(&self) -> Overrides {
        let mut overrides = self.console.overrides(RunTable::Run);
        overrides.assignments.extend(self.plan.then(|| Assignment::flag("--plan", "plan.before_run", "true")));
        overrides.assignments.extend(self.dry_run.then(|| Assignment::flag("--dry-run", "run.dry_run", "true")));
        overrides
    }
}

impl RunArgs {
    /// Loads the configuration with these flags applied, and checks that it has a cluster and topics.
    ///
    /// # Errors
    /// All problems of file, environment and flags; no cluster; no topics.
    pub fn load(&self, environment: &Environment, directory: &Path) -> Result<Config, CliError> {
        let config = Config::load(&self.settings.overrides(), environment, directory)?;
        if config.kafka.bootstrap_servers.is_none() {
            let missing = "no cluster given; use --bootstrap-server HOST:PORT or set kafka.bootstrap_servers";
            return Err(CliError::Usage(missing.into()));
        }
        if config.run.topics.is_none() { Err(run::no_topics()) } else { Ok(config) }
    }
}

impl DemoArgs {
    /// Loads the configuration with these flags applied.
    ///
    /// # Errors
    /// All problems of file, environment and flags.
    pub fn load(&self, environment: &Environment, directory: &Path) -> Result<Config, CliError> {
        Ok(Config::load(&self.overrides(), environment, directory)?)
    }

    pub(super) fn overrides(&self) -> Overrides {
        let mut overrides = Overrides { file: self.file.config.clone(), ..Overrides::default() };
        self.datasets.put(&mut overrides);
        self.scope.put("demo", &mut overrides);
        self.settings.put("demo", &mut overrides);
        self.metrics.put(&mut overrides);
        self.record.put(&mut overrides);
        self.serve.put(&mut overrides);
        self.theme.put(&mut overrides);
        overrides
    }
}
