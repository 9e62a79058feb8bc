//! `kreplay demo --watch`: consumer groups of a simulated cluster.

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use clap::Args;
use kreplay_attach::{GroupSource, Server};
use kreplay_console::{ConsoleOptions, state::ChangeAccess};
use kreplay_model::watch::{AlertsSnapshot, WatchCommand, WatchControl, WatchLog, WatchSnapshot};
use kreplay_monitor::{observer::Observation, simulation::CLUSTER_NAME};
use kreplay_notify::Outlet;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{
    cli::{
        CliError, Exit, ReportArgs,
        alerting::{GroupAlerts, Silencer, in_console},
        console_options::{console_options, is_terminal},
        metrics::{bind, serve},
        plain::TypedLines,
        print,
        recording::SessionRecording,
        serve::{bind as bind_attach, serve_groups},
        signals::stop_signal,
        watch::{
            commands::{Answer, answer, next_line},
            console,
            output::{LONGEST_WATCH, write, write_answer, write_json_line},
        },
    },
    config::Config,
    demo::{FASTER, WatchDemo, watched_groups},
    metrics::{MetricsServer, Sources},
    watch::{event_line, overview, parse_duration},
};

/// Why groups cannot be changed.
const SIMULATED: &str = "this is a simulated cluster; its groups cannot be changed";
/// The seed without `--seed`.
const DEFAULT_SEED: u64 = 1;

/// The flags of a simulated watch.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Watch")]
pub struct WatchDemoArgs {
    /// Watch consumer groups of a simulated cluster instead of replaying; nothing is contacted or started
    ///
    /// Producers, members and commits are simulated; all figures and verdicts are computed as on a real cluster. Each
    /// verdict occurs within the first 3 minutes: until then, simulated time runs 5 times as fast as the clock.
    #[arg(long, conflicts_with_all = ["datasets", "events", "partitions", "work", "skew", "report", "output"])]
    #[arg(conflicts_with_all = ["from", "to", "keys", "key_template"])]
    #[arg(conflicts_with_all = ["concurrency", "max_concurrency", "single_threaded", "rate", "ordering", "batch"])]
    #[arg(conflicts_with_all = ["handler", "shadow", "tier", "on_retention", "group", "on_failure", "quarantine"])]
    #[arg(conflicts_with = "no_journal")]
    pub watch: bool,
    /// Seed of the simulation [default: 1]
    #[arg(long, value_name = "N", requires = "watch")]
    seed: Option<u64>,
    /// Print the groups after 390 simulated seconds, when most verdicts apply, and exit
    #[arg(long, requires = "watch", conflicts_with_all = ["duration", "metrics", "serve", "record", "plain", "silence"])]
    once: bool,
    /// How long to watch, in real time [default: until stopped]
    #[arg(long = "for", id = "duration", value_name = "DURATION", requires = "watch", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Print JSON: one object per line, for each observation
    #[arg(long, requires = "watch")]
    json: bool,
}

/// Shows the groups of a simulated cluster.
pub(super) fn execute(args: &WatchDemoArgs, config: &Config, report: &ReportArgs) -> Result<Exit, CliError> {
    let seed = args.seed.unwrap_or(DEFAULT_SEED);
    if args.once {
        let snapshot = watched_groups(seed, Utc::now());
        if args.json {
            write_json_line(&snapshot, &AlertsSnapshot::default())?;
        } else {
            print(&overview(&snapshot))?;
        }
        return Ok(Exit::Done);
    }
    let servers = (bind(config)?, bind_attach(config)?);
    let mut recording = SessionRecording::create(config, "demo --watch")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
    let demo = WatchDemo::new(seed, Utc::now());
    if args.duration.is_none() && !args.json && report.allows_console() && is_terminal() {
        let shown = runtime.block_on(show(demo, config, report, servers, &mut recording));
        recording.finish();
        return shown;
    }
    let printed = runtime.block_on(follow(demo, args, config, report, servers, &mut recording));
    recording.finish();
    printed
}

/// The servers for metrics and for consoles that attach, if they are configured.
type Servers = (Option<MetricsServer>, Option<Server>);

/// Opens the console on the simulation.
async fn show(
    mut demo: WatchDemo,
    config: &Config,
    report: &ReportArgs,
    servers: Servers,
    recording: &mut SessionRecording,
) -> Result<Exit, CliError> {
    let (options, outlet) = in_console(console_options(config)?);
    // Silences of a simulated cluster are not kept.
    let alerts = GroupAlerts::start(config, &outlet, Silencer::start(config, None, &report.silence)?)?;
    let events = WatchLog::default();
    let look = |demo: &mut WatchDemo| {
        let Observation { snapshot, events: happened, .. } = demo.look();
        events.extend(happened);
        Arc::new(snapshot)
    };
    let (sender, groups) = watch::channel(look(&mut demo));
    let _served = serve(servers.0, Sources { groups: Some(groups.clone()), ..Sources::default() })?;
    let (control, mut commands) = WatchControl::channel();
    let (evaluated, of_alerts) = watch::channel(Arc::default());
    let silences = alerts.silence_control(&events);
    let offered = GroupSource {
        snapshots: groups.clone(),
        events: events.clone(),
        alerts: Some(of_alerts),
        control: Some(control.clone()),
        silences: Some(silences.clone()),
    };
    let _offered = serve_groups(servers.1, config, offered, None)?;
    let options = ConsoleOptions {
        change_access: ChangeAccess::Unavailable(SIMULATED.into()),
        silences: Some(silences),
        ..options
    };
    let simulate = async {
        let mut is_paused = false;
        let mut next = Instant::now() + demo.wait();
        loop {
            tokio::select! {
                () = sleep_until(next), if !is_paused => {
                    sender.send_replace(look(&mut demo));
                    next = Instant::now() + demo.wait();
                }
                command = commands.recv() => match command {
                    Some(WatchCommand::Pause(pause)) => {
                        is_paused = pause;
                        sender.send_if_modified(|latest| WatchSnapshot::note_pause(latest, pause));
                    }
                    // All groups are simulated at each look, whichever are visible.
                    Some(WatchCommand::LookAt(_)) => {}
                    Some(WatchCommand::Refresh) => next = Instant::now(),
                    None => std::future::pending().await,
                },
            }
        }
    };
    tokio::select! {
        shown = console::show(options, groups, control, events.clone(), alerts, evaluated, recording) => {
            shown.map(|()| Exit::Done)
        }
        () = simulate => Ok(Exit::Done),
    }
}

/// Prints each look until the time is over, the first signal, or the reader has closed its pipe.
async fn follow(
    mut demo: WatchDemo,
    args: &WatchDemoArgs,
    config: &Config,
    report: &ReportArgs,
    servers: Servers,
    recording: &mut SessionRecording,
) -> Result<Exit, CliError> {
    let silencer = Silencer::start(config, None, &report.silence)?;
    let mut alerts = GroupAlerts::start(config, &Outlet::StandardError, silencer)?;
    let (sender, groups) = watch::channel(Arc::new(demo.look().snapshot));
    let _served = serve(servers.0, Sources { groups: Some(groups.clone()), ..Sources::default() })?;
    let (log, (evaluated, of_alerts)) = (WatchLog::default(), watch::channel(Arc::default()));
    let mut silence_changes = alerts.silences();
    let offered = GroupSource {
        snapshots: groups.clone(),
        events: log.clone(),
        alerts: Some(of_alerts.clone()),
        control: None,
        silences: Some(alerts.silence_control(&log)),
    };
    let _offered = serve_groups(servers.1, config, offered, None)?;
    // Its snapshot holds as long as the sender lives.
    let (_session, feed) = console::feed_of(groups, of_alerts);
    recording.start(feed, Some(log.clone()));
    let signal = stop_signal();
    tokio::pin!(signal);
    let end = Instant::now() + args.duration.unwrap_or(LONGEST_WATCH).min(LONGEST_WATCH);
    let pace = format!("{CLUSTER_NAME}: at first, simulated time runs {FASTER} times as fast as the clock\n");
    if !args.json && !write(&pace)? {
        return Ok(Exit::Done);
    }
    let mut commands = report.plain.then(TypedLines::open);
    let mut is_paused = false;
    let mut next = Instant::now() + demo.wait();
    loop {
        tokio::select! {
            () = sleep_until(next), if !is_paused => next = Instant::now() + demo.wait(),
            // The alerts keep the other end.
            _ = silence_changes.changed() => {
                evaluated.send_replace(Arc::new(alerts.snapshot()));
                continue;
            }
            line = next_line(&mut commands) => {
                // The borrow must end before the snapshot is replaced.
                let answer = answer(&line, &sender.borrow());
                match answer {
                    Answer::Text(text) if write_answer(&text, args.json)? => {}
                    Answer::Pause(pause) => {
                        is_paused = pause;
                        sender.send_if_modified(|latest| WatchSnapshot::note_pause(latest, pause));
                    }
                    Answer::Text(_) | Answer::Stop => return Ok(Exit::Done),
                }
                continue;
            }
            // A process that was suspended past the end still takes a look that was due before. This cannot go on for
            // ever: after each look, the next one is due later.
            () = sleep_until(end), if is_paused || next > end => return Ok(Exit::Done),
            () = &mut signal => return Ok(if args.duration.is_some() { Exit::Stopped } else { Exit::Done }),
        }
        let Observation { snapshot, events, .. } = demo.look();
        let changes = alerts.take(&snapshot);
        log.extend(events.iter().chain(&changes).cloned());
        evaluated.send_replace(Arc::new(alerts.snapshot()));
        let snapshot = Arc::new(snapshot);
        sender.send_replace(snapshot.clone());
        let has_reader = if args.json {
            write_json_line(&snapshot, &alerts.snapshot())?
        } else {
            write(&events.iter().chain(&changes).map(event_line).collect::<String>())?
        };
        if !has_reader {
            return Ok(Exit::Done);
        }
    }
}
