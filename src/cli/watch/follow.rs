//! Watches until a time, a condition or a signal.

use std::{
    io::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use kreplay_attach::GroupSource;
use kreplay_console::ConsoleOptions;
use kreplay_model::watch::{AlertsSnapshot, SilenceControl, WatchCommand, WatchSnapshot};
use kreplay_notify::Outlet;
use kreplay_watcher::{GroupSelection, WatchHandle};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    WatchArgs, cluster,
    commands::{Answer, answer, next_line},
    console,
    output::{LONGEST_WATCH, write, write_answer, write_json_line},
    unmatched, without_group,
};
use crate::{
    cli::{
        CliError, Exit,
        alerting::{GroupAlerts, SilenceStore, Silencer, in_console},
        console_options::{console_options, is_terminal, theme_choice},
        group_changes::GroupChanges,
        inspector, layout_file,
        metrics::{bind, serve},
        plain::TypedLines,
        recording::SessionRecording,
        serve::{bind as bind_attach, serve_groups},
        signals::stop_signal,
    },
    config::{Config, Environment},
    metrics::Sources,
    watch::{Wait, event_line, summary_line},
};

/// Prints what is seen: JSON, a line for each look; or text, a line for each event and a summary at intervals.
struct Printer {
    is_json: bool,
    alerts: GroupAlerts,
    /// Where the alerts on each look are published.
    evaluated: watch::Sender<Arc<AlertsSnapshot>>,
    every: Duration,
    next_summary: Instant,
    next_event: u64,
}

impl Printer {
    /// Publishes the alerts with the silences of now.
    fn silence(&mut self) {
        self.evaluated.send_replace(Arc::new(self.alerts.snapshot()));
    }

    /// Returns whether there is still a reader.
    fn show(&mut self, handle: &WatchHandle, snapshot: &WatchSnapshot) -> Result<bool, CliError> {
        handle.events.extend(self.alerts.take(snapshot));
        self.evaluated.send_replace(Arc::new(self.alerts.snapshot()));
        if self.is_json {
            return write_json_line(snapshot, &self.alerts.snapshot());
        }
        let (events, next) = handle.events.since(self.next_event);
        self.next_event = next;
        let mut text: String = events.iter().map(event_line).collect();
        if Instant::now() >= self.next_summary {
            self.next_summary = Instant::now() + self.every;
            text.push_str(&summary_line(snapshot));
        }
        write(&text)
    }
}

/// Watches groups.
pub(super) fn execute(
    args: &WatchArgs,
    config: &Config,
    selection: &GroupSelection,
    environment: &Environment,
) -> Result<Exit, CliError> {
    // The name of the theme is checked without a console, too.
    theme_choice(config)?;
    // A condition and a time are for scripts: what they need is an exit code.
    let is_interactive = args.until.is_none() && args.duration.is_none() && !args.format.is_json();
    let is_interactive = is_interactive && !args.headless && !args.plain;
    if is_interactive && is_terminal() {
        return show(args, config, selection, environment);
    }
    print(args, config, selection, environment)
}

/// The configured alerts, with the silences of the flags.
fn alerts(
    args: &WatchArgs,
    config: &Config,
    environment: &Environment,
    outlet: &Outlet,
) -> Result<GroupAlerts, CliError> {
    let silencer = Silencer::start(config, SilenceStore::of(config, environment), &args.silence)?;
    GroupAlerts::start(config, outlet, silencer)
}

/// The watched groups as the source of metrics.
fn groups(handle: &WatchHandle) -> Sources {
    Sources { groups: Some(handle.snapshots.clone()), ..Sources::default() }
}

/// The watched groups for consoles that attach.
fn offered(
    handle: &WatchHandle,
    alerts: watch::Receiver<Arc<AlertsSnapshot>>,
    silences: SilenceControl,
) -> GroupSource {
    GroupSource {
        snapshots: handle.snapshots.clone(),
        events: handle.events.clone(),
        alerts: Some(alerts),
        control: Some(handle.control.clone()),
        silences: Some(silences),
    }
}

/// Opens the console.
fn show(
    args: &WatchArgs,
    config: &Config,
    selection: &GroupSelection,
    environment: &Environment,
) -> Result<Exit, CliError> {
    let changes = GroupChanges::start(config, environment)?;
    let options = inspector::offer(inspector::of_config(config), changes.offer(console_options(config)?))?;
    let options = ConsoleOptions { layout: layout_file::of_cluster(config, environment), ..options };
    let (options, outlet) = in_console(options);
    let alerts = alerts(args, config, environment, &outlet)?;
    let server = bind(config)?;
    let attach_server = bind_attach(config)?;
    let mut recording = SessionRecording::create(config, "watch")?;
    let shown = cluster::run(async {
        let (watcher, first) = tokio::select! {
            opened = cluster::open(config, selection.clone()) => opened?,
            () = stop_signal() => return Ok(Exit::Stopped),
        };
        unmatched(selection, &first.snapshot);
        let handle = WatchHandle::spawn(watcher, first);
        let _served = serve(server, groups(&handle))?;
        let (evaluated, of_alerts) = watch::channel(Arc::default());
        let silences = alerts.silence_control(&handle.events);
        let offered = offered(&handle, of_alerts, silences.clone());
        let _offered = serve_groups(attach_server, config, offered, Some(inspector::of_config(config)))?;
        let (looks, control, events) = (handle.snapshots.clone(), handle.control.clone(), handle.events.clone());
        let options = ConsoleOptions { silences: Some(silences), ..options };
        console::show(options, looks, control, events, alerts, evaluated, &mut recording).await?;
        Ok(Exit::Done)
    });
    recording.finish();
    shown
}

/// Says on standard error why the watch ends without its condition.
fn explain_wait(wait: Option<&Wait>) {
    let Some(wait) = wait else { return };
    // A failed write to standard error is ignored: the exit code shows it, too.
    let _ = writeln!(io::stderr(), "kreplay: the condition is not satisfied: {}", wait.why_not());
}

/// Prints lines.
fn print(
    args: &WatchArgs,
    config: &Config,
    selection: &GroupSelection,
    environment: &Environment,
) -> Result<Exit, CliError> {
    let (evaluated, of_alerts) = watch::channel(Arc::default());
    let mut printer = Printer {
        is_json: args.format.is_json(),
        alerts: alerts(args, config, environment, &Outlet::StandardError)?,
        evaluated,
        every: config.run.progress_interval,
        next_summary: Instant::now(),
        next_event: 0,
    };
    let server = bind(config)?;
    let attach_server = bind_attach(config)?;
    let mut recording = SessionRecording::create(config, "watch")?;
    let outcome = cluster::run(async {
        let signal = stop_signal();
        tokio::pin!(signal);
        let (watcher, first) = tokio::select! {
            opened = cluster::open(config, selection.clone()) => opened?,
            () = &mut signal => return Ok(Exit::Stopped),
        };
        unmatched(selection, &first.snapshot);
        let handle = WatchHandle::spawn(watcher, first);
        let _served = serve(server, groups(&handle))?;
        let mut silences = printer.alerts.silences();
        let offered = offered(&handle, of_alerts.clone(), printer.alerts.silence_control(&handle.events));
        let _offered = serve_groups(attach_server, config, offered, Some(inspector::of_config(config)))?;
        let mut snapshots = handle.snapshots.clone();
        // Its snapshot holds as long as the sender lives.
        let (_session, feed) = console::feed_of(snapshots.clone(), of_alerts);
        recording.start(feed, Some(handle.events.clone()));
        let end = Instant::now() + args.duration.unwrap_or(LONGEST_WATCH).min(LONGEST_WATCH);
        let mut wait = args.until.clone().map(|until| Wait::new(until, config.watch.interval));
        // What has happened when the watch ends without its condition being true.
        let mut commands = args.plain.then(TypedLines::open);
        let without_condition = if wait.is_some() { Exit::Stopped } else { Exit::Done };
        loop {
            tokio::select! {
                changed = snapshots.changed() => {
                    changed.map_err(|_| CliError::Failed("the watch ended unexpectedly".to_owned()))?;
                }
                line = next_line(&mut commands) => {
                    match answer(&line, &snapshots.borrow()) {
                        Answer::Text(text) if write_answer(&text, printer.is_json)? => {}
                        Answer::Pause(pause) => handle.control.send(WatchCommand::Pause(pause)),
                        Answer::Text(_) | Answer::Stop => return Ok(without_condition),
                    }
                    continue;
                }
                // The alerts keep the other end.
                _ = silences.changed() => {
                    printer.silence();
                    continue;
                }
                () = sleep_until(end) => {
                    explain_wait(wait.as_ref());
                    return Ok(without_condition);
                }
                () = &mut signal => {
                    explain_wait(wait.as_ref());
                    return Ok(if args.duration.is_some() { Exit::Stopped } else { without_condition });
                }
            }
            let snapshot = snapshots.borrow_and_update().clone();
            let has_reader = printer.show(&handle, &snapshot)?;
            let missing = without_group(selection, &snapshot).first().copied();
            if wait.as_mut().is_some_and(|wait| wait.take(&snapshot, missing)) {
                return Ok(Exit::Done);
            }
            if !has_reader {
                return Ok(without_condition);
            }
        }
    });
    recording.finish();
    outcome
}
