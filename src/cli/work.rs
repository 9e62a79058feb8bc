//! Shared by `demo`, `run`, `compare` and the console: runs a session, shows it, handles signals, writes the report.

use std::{
    io::{self, Write},
    path::Path,
    time::Duration,
};

use kreplay_console::{ConsoleOptions, state::LaunchAccess};
use kreplay_engine::{
    plan::Scope,
    replay::{Command, Session, SessionEnd, SessionOptions, check_scope},
    settings::Settings,
};
use kreplay_kafka::GroupProtocol;
use kreplay_model::feed::{
    Feed, RunState, RunView,
    progress::{self, ProgressStyle},
    report::{Report, peak_rss_bytes},
};
use kreplay_model::timeline::Timeline;
use kreplay_model::watch::SilenceControl;
use kreplay_notify::Outlet;
use tokio::runtime::{Handle, Runtime};

use super::{
    CliError, Exit, ReportArgs,
    alerting::{RunAlerting, SilenceStore, Silencer, in_console, merged},
    args::report::{RunReport, check_output},
    auditor::TopicAuditor,
    console_options::{console_options, is_terminal, theme_choice},
    group_changes::GroupChanges,
    history::HistoryRecorder,
    inspector, layout_file,
    metrics::{bind, serve},
    plain, preset_file, print,
    recording::SessionRecording,
    serve::{bind as bind_attach, serve_session},
    signals::{STOP_GRACE, stop_signal},
    time_counter::TimeCounter,
    watch::background::BackgroundWatch,
};
use crate::{
    config::{Config, Environment, ProtocolChoice},
    metrics::Sources,
};

/// After a signal, a run that is just being started has this time to begin, so that its end is shown. The wait for the
/// end of the session follows.
const START_GRACE: Duration = Duration::from_millis(50);

/// How to show a session and its result.
pub(super) struct SessionView<'a> {
    /// The configuration: console, progress interval.
    pub(super) config: &'a Config,
    /// Console, report and its destination.
    pub(super) report: &'a ReportArgs,
    /// The command, which a recording names.
    pub(super) command: &'static str,
    /// A hint about keys, shown when the console opens.
    pub(super) hint: Option<String>,
    /// Whether the console has the launch form.
    pub(super) launch: LaunchAccess,
}

impl SessionView<'_> {
    /// Whether to open the console: on a terminal, unless `--headless` or `--plain` is given.
    pub(super) fn with_console(&self) -> bool {
        self.report.allows_console() && is_terminal()
    }

    /// Runs a session to its end, with or without a console, and writes the report.
    pub(super) fn run(&self, options: SessionOptions) -> Result<Exit, CliError> {
        let (end, history) = self.recorded_session(options)?;
        match end.run {
            Some(run) => {
                if let Some(id) = &end.resumable {
                    // A failed write to standard error is ignored: `kreplay runs` shows it, too.
                    let _ = writeln!(io::stderr(), "kreplay: {}", how_to_resume(id, &run));
                }
                self.write_report(&run, &history)?;
                Ok(end.failure.map_or_else(|| Exit::of_view(&run), Exit::from))
            }
            None if self.with_console() => Ok(Exit::Done),
            // Stopped before the run started.
            None => Ok(Exit::Stopped),
        }
    }

    /// Runs a session to its end, with or without a console.
    pub(super) fn session(&self, options: SessionOptions) -> Result<SessionEnd, CliError> {
        self.recorded_session(options).map(|(end, _)| end)
    }

    /// The same, with the history of the session if the report shows it.
    fn recorded_session(&self, mut options: SessionOptions) -> Result<(SessionEnd, Timeline), CliError> {
        let (with_console, is_embedded) = (self.with_console(), options.embedded);
        // Checked before contacting a broker: these contradictions do not depend on the cluster.
        if let Some(text) = contradiction(&options.settings, &options.scope) {
            return Err(CliError::Usage(text));
        }
        if options.settings.dry_run.is_none() {
            self.report.check_standard_output(&options.settings.handler, with_console)?;
        }
        check_output(self.report.output.as_deref())?;
        options.one_run = !with_console;
        options.start = true;
        // The name of the theme is checked without a console, too.
        theme_choice(self.config)?;
        let (console, outlet) = if with_console {
            let environment = Environment::of_process();
            let layout = (!is_embedded).then(|| layout_file::of_cluster(self.config, &environment)).flatten();
            let presets = preset_file::of_user(self.config, &environment);
            let console = ConsoleOptions { layout, presets, ..console_options(self.config)? };
            let offered = inspector::offer(inspector::of_session(&options), console)?;
            let counter = TimeCounter::of_session(&options, &self.config.demo.datasets);
            let offered = counter.offer(TopicAuditor::of_session(&options).offer(offered)?)?;
            let (console, outlet) = in_console(offered);
            (Some(console), outlet)
        } else {
            (None, Outlet::StandardError)
        };
        let store = if is_embedded { None } else { SilenceStore::of(self.config, &Environment::of_process()) };
        let silencer = Silencer::start(self.config, store, &self.report.silence)?;
        let server = bind(self.config)?;
        let attach_server = bind_attach(self.config)?;
        let mut recording = SessionRecording::create(self.config, self.command)?;
        let runtime = Runtime::new().map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
        let records = inspector::of_session(&options);
        let session = Session::spawn(options).map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
        let feed = &session.feed;
        let shows_history = self.report.report == Some(RunReport::Html);
        let history = shows_history.then(|| HistoryRecorder::start(&runtime, feed.clone()));
        let sources = Sources {
            session: Some(feed.snapshots.clone()),
            events: Some(feed.events.clone()),
            groups: feed.groups.clone(),
        };
        let metrics = serve(server, sources);
        let alerting = RunAlerting::start(&runtime, feed, self.config, &outlet, silencer.clone());
        // Consoles that are attached see the end of the session, so the server ends after it.
        let attachable = {
            let shown = alerting.as_ref().map_or(feed, |alerting| &alerting.feed);
            let control = Self::silences(runtime.handle(), &silencer, feed);
            serve_session(attach_server, self.config, (shown, &session.control), control, records)
        };
        let shown = runtime.block_on(async {
            metrics.as_ref().map_err(|error| CliError::Failed(error.to_string()))?;
            attachable.as_ref().map_err(|error| CliError::Failed(error.to_string()))?;
            let feed = &alerting.as_ref().map_err(|error| CliError::Failed(error.to_string()))?.feed;
            if let Some(options) = console {
                let (shown, options) = self.with_groups(feed, options, &outlet, is_embedded, &silencer)?;
                recording.start(shown.feed.clone(), options.group_events.clone());
                let options = recording.offer(&shown.feed, options.group_events.clone(), options);
                open_console(shown, &session, options).await
            } else {
                recording.start(feed.clone(), None);
                self.headless(&session, feed).await
            }
        });
        session.control.send(Command::Shutdown);
        let end = runtime.block_on(join_session(session));
        if let Ok(alerting) = alerting {
            alerting.finish(&runtime);
        }
        recording.finish();
        let history = history.map(|recorder| recorder.finish(&runtime)).unwrap_or_default();
        shown?;
        if let (Some(problem), None) = (&end.problem, &end.run) {
            return Err(CliError::new(problem.class, problem.text.clone()));
        }
        Ok((end, history))
    }

    /// Where a console silences rules.
    fn silences(runtime: &Handle, silencer: &Silencer, feed: &Feed) -> SilenceControl {
        let (control, requests) = SilenceControl::channel();
        let events = feed.events.clone();
        runtime.spawn(silencer.clone().obey(requests, move |reason| events.warn(reason)));
        control
    }

    /// What a console shows: the session and, on a cluster, its groups.
    fn with_groups(
        &self,
        feed: &Feed,
        options: ConsoleOptions,
        outlet: &Outlet,
        is_embedded: bool,
        silencer: &Silencer,
    ) -> Result<(Shown, ConsoleOptions), CliError> {
        let control = Self::silences(&Handle::current(), silencer, feed);
        let launch = self.launch.clone();
        let options = ConsoleOptions { hint: self.hint.clone(), launch, silences: Some(control), ..options };
        let mut feed = feed.clone();
        let Some(groups) = (if is_embedded { None } else { self.groups(outlet, silencer)? }) else {
            return Ok((Shown { feed, groups: None }, options));
        };
        feed.groups = Some(groups.watch.snapshots.clone());
        feed.alerts = merged(feed.alerts, Some(groups.watch.alerts.clone()));
        let watch = Some(groups.watch.control.clone());
        let options =
            groups.changes.offer(ConsoleOptions { watch, group_events: Some(groups.watch.events.clone()), ..options });
        Ok((Shown { feed, groups: Some(groups) }, options))
    }

    /// Watches the groups of the configured cluster, and offers to change them. `None` if its groups cannot be watched.
    fn groups(&self, outlet: &Outlet, silencer: &Silencer) -> Result<Option<Groups>, CliError> {
        let environment = Environment::of_process();
        let Some(watch) = BackgroundWatch::start(self.config, outlet, silencer.clone())? else { return Ok(None) };
        let changes = GroupChanges::start(self.config, &environment)?;
        Ok(Some(Groups { watch, changes }))
    }

    /// Prints progress until the run ends. The first signal drains and ends the run; the second ends the process at
    /// once.
    async fn headless(&self, session: &Session, feed: &Feed) -> Result<(), CliError> {
        let every = self.config.run.progress_interval;
        let is_plain = self.report.plain;
        let style = if is_plain { ProgressStyle::Lines { every } } else { ProgressStyle::for_stderr(every) };
        let follow = progress::follow(feed.clone(), style);
        tokio::pin!(follow);
        tokio::select! {
            () = &mut follow => return Ok(()),
            () = plain::obey(&session.feed, &session.control), if is_plain => {}
            () = stop_signal() => session.control.send(Command::Shutdown),
        }
        tokio::select! {
            () = follow => Ok(()),
            () = stopped_before_start(&session.feed) => Ok(()),
            () = stop_signal() => std::process::exit(Exit::Stopped as i32),
        }
    }

    fn write_report(&self, run: &RunView, history: &Timeline) -> Result<(), CliError> {
        let text = match self.report.report {
            None => return Ok(()),
            Some(RunReport::Html) => kreplay_page::render(run, history),
            Some(RunReport::Plain(format)) => Report::new(run, peak_rss_bytes())
                .render(format)
                .map_err(|error| CliError::Failed(format!("the report cannot be written: {error}")))?,
        };
        match &self.report.output {
            None => print(&text),
            Some(path) => std::fs::write(path, text)
                .map_err(|source| CliError::Output { target: Some(Path::new(path).to_owned()), source }),
        }
    }
}

/// The first contradiction among the settings of a run, in one sentence.
pub(super) fn contradiction(settings: &Settings, scope: &Scope) -> Option<String> {
    let of_run = if settings.dry_run.is_some() { &settings.clone().for_dry_run(false) } else { settings };
    of_run.contradiction().or_else(|| check_scope(scope, of_run).err().map(|error| error.to_string()))
}

/// The groups of a session's cluster.
struct Groups {
    watch: BackgroundWatch,
    changes: GroupChanges,
}

/// What a console shows. The groups are watched until it is dropped.
struct Shown {
    feed: Feed,
    groups: Option<Groups>,
}

async fn open_console(shown: Shown, session: &Session, options: ConsoleOptions) -> Result<(), CliError> {
    let Shown { feed, groups: _groups } = shown;
    let shown = kreplay_console::run(feed, session.control.clone(), options).await;
    shown.map_err(|error| CliError::Failed(error.to_string()))
}

/// How to resume a run. After a failure, the cause must be fixed first: otherwise the run would only fail again.
fn how_to_resume(id: &str, run: &RunView) -> String {
    if run.state != RunState::Failed && run.paused_by.is_none() {
        return format!("resume with: kreplay resume {id}");
    }
    format!(
        "fix the cause, then resume with: kreplay resume {id} (to get past a record that keeps failing, add \
         --on-failure skip or dead-letter)"
    )
}

/// Waits for the session to drain and commit. A signal meanwhile ends the process at once.
async fn join_session(session: Session) -> SessionEnd {
    let feed = session.feed.clone();
    let mut joined = tokio::task::spawn_blocking(move || session.join());
    if let Ok(end) = tokio::time::timeout(STOP_GRACE, &mut joined).await {
        return end.unwrap_or_default();
    }
    if !has_started(&feed) {
        // The session only waits for a broker and has nothing to drain.
        let _ = writeln!(io::stderr(), "kreplay: stopped before anything was read");
        std::process::exit(Exit::Stopped as i32);
    }
    // A failed write to standard error does not affect the wait.
    let _ = writeln!(io::stderr(), "kreplay: finishing records in flight and committing; press Ctrl-C to end at once");
    tokio::select! {
        end = joined => end.unwrap_or_default(),
        () = stop_signal() => std::process::exit(Exit::Stopped as i32),
    }
}

/// Whether a run was started, so that records may be in flight.
fn has_started(feed: &Feed) -> bool {
    feed.snapshots.borrow().run.as_ref().is_some_and(|run| run.started_at.is_some())
}

/// Returns after [`START_GRACE`] if no run has started by then; otherwise never.
async fn stopped_before_start(feed: &Feed) {
    tokio::time::sleep(START_GRACE).await;
    if has_started(feed) {
        std::future::pending::<()>().await;
    }
}

/// The group protocol to use. `auto` is the classic protocol on a real cluster: with kreplay's settings, both
/// protocols rebalance in a fraction of a second, but the consumer protocol needs a changed broker configuration for
/// that.
pub(super) fn protocol(choice: ProtocolChoice, embedded: bool) -> GroupProtocol {
    match choice {
        ProtocolChoice::Consumer => GroupProtocol::Consumer,
        ProtocolChoice::Auto if embedded => GroupProtocol::Consumer,
        ProtocolChoice::Classic | ProtocolChoice::Auto => GroupProtocol::Classic,
    }
}
