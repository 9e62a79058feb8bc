//! `kreplay demo --watch`: consumer groups of a simulated cluster.

use std::{
    fmt::Write as _,
    io::{self, Write},
    time::Duration,
};

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use kreplay_engine::plan::RangeStart;
use kreplay_model::watch::{WatchEvent, WatchSnapshot};
use kreplay_monitor::{observer::Observation, simulation::CLUSTER_NAME};
use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    cli::{CliError, Exit, print, work::stop_signal},
    demo::{FASTER, WatchDemo, watched_groups},
};

/// The seed without `--seed`.
const DEFAULT_SEED: u64 = 1;

/// A watch without an end.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// The flags of a simulated watch.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Watch")]
pub struct WatchDemoArgs {
    /// Watch consumer groups of a simulated cluster instead of replaying; nothing is contacted or started
    ///
    /// Producers, members and commits are simulated; all figures and verdicts are computed as on a real cluster. Each
    /// verdict occurs within the first 3 minutes: until then, simulated time is 5 times as fast as the clock.
    #[arg(long, conflicts_with_all = ["datasets", "events", "partitions", "work", "skew", "report", "output"])]
    pub watch: bool,
    /// Seed of the simulation [default: 1]
    #[arg(long, value_name = "N", requires = "watch")]
    seed: Option<u64>,
    /// Print the groups after 390 simulated seconds, when most verdicts hold, and end
    #[arg(long, requires = "watch", conflicts_with = "duration")]
    once: bool,
    /// How long to watch, by the clock [default: until stopped]
    #[arg(long = "for", id = "duration", value_name = "DURATION", requires = "watch", value_parser = duration)]
    duration: Option<Duration>,
    /// Print JSON: an object for each look, one a line
    #[arg(long, requires = "watch")]
    json: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    match format!("-{text}").parse::<RangeStart>() {
        Ok(RangeStart::Ago(duration)) => Ok(duration),
        _ => Err("not a duration; write 90s, 2h or 1d12h".to_owned()),
    }
}

/// Shows the groups of a simulated cluster.
pub(super) fn execute(args: &WatchDemoArgs) -> Result<Exit, CliError> {
    let seed = args.seed.unwrap_or(DEFAULT_SEED);
    if args.once {
        let snapshot = watched_groups(seed, Utc::now());
        print(&if args.json { json_line(&snapshot)? } else { verdicts(&snapshot) })?;
        return Ok(Exit::Done);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
    runtime.block_on(follow(WatchDemo::new(seed, Utc::now()), args))
}

/// Prints each look until the time is over, the first signal, or the reader has closed its pipe.
async fn follow(mut demo: WatchDemo, args: &WatchDemoArgs) -> Result<Exit, CliError> {
    let signal = stop_signal();
    tokio::pin!(signal);
    let end = Instant::now() + args.duration.unwrap_or(FOR_EVER).min(FOR_EVER);
    if !args.json && write(&format!("{CLUSTER_NAME}: at first, time is {FASTER} times as fast as the clock\n"))? {
        return Ok(Exit::Done);
    }
    loop {
        tokio::select! {
            () = sleep(demo.wait()) => {}
            () = sleep_until(end) => return Ok(Exit::Done),
            () = &mut signal => return Ok(if args.duration.is_some() { Exit::Stopped } else { Exit::Done }),
        }
        let Observation { snapshot, events, .. } = demo.look();
        let text = if args.json { json_line(&snapshot)? } else { events.iter().map(event_line).collect() };
        if write(&text)? {
            return Ok(Exit::Done);
        }
    }
}

/// Writes to standard output. Returns whether its reader is gone.
fn write(text: &str) -> Result<bool, CliError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(true),
        Err(source) => Err(CliError::Output { target: None, source }),
        Ok(()) => Ok(false),
    }
}

fn json_line(snapshot: &WatchSnapshot) -> Result<String, CliError> {
    let text = serde_json::to_string(snapshot);
    let text = text.map_err(|error| CliError::Failed(format!("the groups cannot be written: {error}")))?;
    Ok(text + "\n")
}

fn event_line(event: &WatchEvent) -> String {
    format!("{} {}: {}\n", time(event.at), event.group, event.kind)
}

/// The verdict of each group, the worst first.
fn verdicts(snapshot: &WatchSnapshot) -> String {
    let mut groups: Vec<_> = snapshot.groups.iter().collect();
    groups.sort_by_key(|group| group.verdict.kind);
    let width = groups.iter().map(|group| group.group.len()).max().unwrap_or(0);
    let mut text = format!("{} at {}\n", snapshot.cluster, time(snapshot.at));
    for group in groups {
        let lag = group.lag.total.map_or_else(|| "unknown".to_owned(), |lag| lag.to_string());
        let verdict = &group.verdict;
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:width$}  lag {lag:>9}  {}: {}", group.group, verdict.text, verdict.evidence);
    }
    text
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
