//! What `demo`, `run` and the console have in common: a session, a view of it, and what is left when it ends.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};
use tokio::runtime::Runtime;

use super::{CliError, Exit, ReportArgs, print};
use crate::{
    config::{Config, ProtocolChoice},
    console::{
        self, ConsoleOptions,
        theme::{Theme, ThemeChoice},
    },
    feed::{
        Feed, RunState, RunView,
        progress::{self, ProgressStyle},
        report::{Report, peak_rss_bytes},
    },
    kafka::GroupProtocol,
    replay::{Command, RunError, Session, SessionEnd, SessionOptions},
};

/// A session that takes longer than this to end is spoken of.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a session is shown.
pub(super) struct Show<'a> {
    /// What the configuration says of the console and of progress.
    pub(super) config: &'a Config,
    /// What comes out.
    pub(super) report: &'a ReportArgs,
    /// A line that says what to press.
    pub(super) hint: Option<String>,
}

impl Show<'_> {
    /// Whether there is a console: on a terminal, unless told otherwise.
    pub(super) fn with_console(&self) -> bool {
        !self.report.headless && io::stdout().is_terminal() && io::stdin().is_terminal()
    }

    /// Runs a session to its end, in a console or without one, and writes the report.
    pub(super) fn run(&self, options: SessionOptions) -> Result<Exit, CliError> {
        let end = self.session(options)?;
        match end.run {
            Some(run) => {
                if let Some(id) = &end.resumable {
                    // Nobody reads it: the list of runs tells as well.
                    let _ = writeln!(io::stderr(), "kreplay: {}", how_to_resume(id, &run));
                }
                self.write_report(&run)?;
                Ok(if end.wrong_usage { Exit::Usage } else { Exit::of_view(&run) })
            }
            None if self.with_console() => Ok(Exit::Done),
            // It was told to stop before its run began.
            None => Ok(Exit::Stopped),
        }
    }

    /// Runs a session to its end, in a console or without one.
    pub(super) fn session(&self, mut options: SessionOptions) -> Result<SessionEnd, CliError> {
        let with_console = self.with_console();
        // Before any broker is asked: what does not go together does so nowhere.
        let shared = options.settings.group.is_some() && !options.scope.rules.barriers.is_empty();
        let contradiction =
            options.settings.contradiction().or_else(|| shared.then(|| RunError::GroupBarriers.to_string()));
        if let Some(text) = contradiction {
            return Err(CliError::Usage(text));
        }
        if options.settings.rehearsal.is_none() {
            self.report.check_standard_output(&options.settings.handler, with_console)?;
        }
        options.one_run = !with_console;
        options.start = true;
        let theme =
            self.config.console.theme.parse::<ThemeChoice>().map_err(|error| CliError::Usage(error.to_string()))?;
        if with_console {
            // Before anything is read: a theme's file may be missing or wrong.
            Theme::load(&theme).map_err(|error| CliError::Usage(error.to_string()))?;
        }
        let runtime = Runtime::new().map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
        let session = Session::spawn(options).map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
        let shown = runtime.block_on(async {
            if with_console { self.console(&session, theme).await } else { self.headless(&session).await }
        });
        session.control.send(Command::Shutdown);
        let end = runtime.block_on(last_words(session));
        shown?;
        if let (Some(problem), None) = (&end.problem, &end.run) {
            return Err(if problem.usage {
                CliError::Usage(problem.text.clone())
            } else {
                CliError::Failed(problem.text.clone())
            });
        }
        Ok(end)
    }

    async fn console(&self, session: &Session, theme: ThemeChoice) -> Result<(), CliError> {
        let options = ConsoleOptions {
            theme,
            mouse: self.config.console.mouse,
            // https://no-color.org: any value but the empty one.
            no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            hint: self.hint.clone(),
        };
        console::run(session.feed.clone(), session.control.clone(), options)
            .await
            .map_err(|error| CliError::Failed(error.to_string()))
    }

    /// Progress until the run is over. The first signal ends the run in good order, the second at once.
    async fn headless(&self, session: &Session) -> Result<(), CliError> {
        let style = ProgressStyle::for_stderr(self.config.run.progress_interval);
        let follow = progress::follow(session.feed.clone(), style);
        tokio::pin!(follow);
        tokio::select! {
            () = &mut follow => return Ok(()),
            () = stop_signal() => session.control.send(Command::Shutdown),
        }
        tokio::select! {
            () = follow => Ok(()),
            () = nothing_begun(&session.feed) => Ok(()),
            () = stop_signal() => std::process::exit(Exit::Stopped as i32),
        }
    }

    fn write_report(&self, run: &RunView) -> Result<(), CliError> {
        let Some(format) = self.report.report else { return Ok(()) };
        let text = Report::new(run, peak_rss_bytes())
            .render(format)
            .map_err(|error| CliError::Failed(format!("the report cannot be written: {error}")))?;
        match &self.report.output {
            None => print(&text),
            Some(path) => std::fs::write(path, text)
                .map_err(|source| CliError::Output { target: Some(Path::new(path).to_owned()), source }),
        }
    }
}

/// What to do to go on with a run that has stopped. One that was stopped by a failure would only fail again.
fn how_to_resume(id: &str, run: &RunView) -> String {
    if run.state != RunState::Failed && run.paused_by.is_none() {
        return format!("resume with: kreplay resume {id}");
    }
    format!(
        "when the cause is fixed, resume with: kreplay resume {id} (with --on-failure skip or dead-letter to get past a record that \
         keeps failing)"
    )
}

/// Waits for the session to finish what is in hand and commit it; a signal meanwhile ends the process at once.
async fn last_words(session: Session) -> SessionEnd {
    let feed = session.feed.clone();
    let mut joined = tokio::task::spawn_blocking(move || session.join());
    if let Ok(end) = tokio::time::timeout(PATIENCE, &mut joined).await {
        return end.unwrap_or_default();
    }
    if !has_begun(&feed) {
        // The session waits for a broker, and need not be waited for itself.
        let _ = writeln!(io::stderr(), "kreplay: stopped before anything was read");
        std::process::exit(Exit::Stopped as i32);
    }
    // Nobody reads it: the wait is the same.
    let _ = writeln!(io::stderr(), "kreplay: finishing what is in hand and committing; Ctrl-C ends at once");
    tokio::select! {
        end = joined => end.unwrap_or_default(),
        () = stop_signal() => std::process::exit(Exit::Stopped as i32),
    }
}

/// Whether a run was started, so that something may be in hand.
fn has_begun(feed: &Feed) -> bool {
    feed.snapshots.borrow().run.as_ref().is_some_and(|run| run.started_at.is_some())
}

/// Comes back where, a while after the session was told to end, no run has been started; otherwise never.
async fn nothing_begun(feed: &Feed) {
    tokio::time::sleep(PATIENCE).await;
    if has_begun(feed) {
        std::future::pending::<()>().await;
    }
}

/// Waits for SIGINT, SIGTERM or SIGHUP.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let listeners = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()));
    match listeners {
        (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        }
        // Without them the system's own handling stays, which ends the process.
        _ => std::future::pending().await,
    }
}

/// Set by the first signal; the second ends the process.
pub(super) fn stop_flag() -> Result<Arc<AtomicBool>, CliError> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register_conditional_shutdown(signal, Exit::Stopped as i32, Arc::clone(&stop))
            .and_then(|_| flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
    }
    Ok(stop)
}

/// The first signal ends the process, with our code: there is nothing to put in order.
pub(super) fn end_at_once() -> Result<(), CliError> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register_conditional_shutdown(signal, Exit::Stopped as i32, Arc::new(AtomicBool::new(true)))
            .map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
    }
    Ok(())
}

/// Ends the process a while after the first signal, where it may be waiting for a broker and nothing has to be put in order.
pub(super) fn end_soon_after(stop: &Arc<AtomicBool>) -> Result<(), CliError> {
    let stop = Arc::clone(stop);
    let watch = move || {
        while !stop.load(Relaxed) {
            std::thread::sleep(Duration::from_millis(50));
        }
        std::thread::sleep(PATIENCE);
        // Nobody reads it: the exit code tells.
        let _ = writeln!(io::stderr(), "kreplay: stopped before the end");
        std::process::exit(Exit::Stopped as i32);
    };
    let spawned = std::thread::Builder::new().name("patience".into()).spawn(watch);
    spawned.map(drop).map_err(|error| CliError::Failed(format!("cannot start: {error}")))
}

/// Both settle in a fraction of a second with kreplay's settings; the classic protocol needs nothing changed on the broker
/// for that, so it is what `auto` means on a real cluster.
pub(super) fn protocol(choice: ProtocolChoice, embedded: bool) -> GroupProtocol {
    match choice {
        ProtocolChoice::Consumer => GroupProtocol::Consumer,
        ProtocolChoice::Auto if embedded => GroupProtocol::Consumer,
        ProtocolChoice::Classic | ProtocolChoice::Auto => GroupProtocol::Classic,
    }
}
