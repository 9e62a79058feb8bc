//! Measurements in a separate process, so that they include neither the broker nor earlier cases.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use kreplay::{
    feed::{RunState, report::peak_rss_bytes},
    handler::built_in,
    kafka::KafkaConfig,
    plan::Selection,
    replay::{self, Session},
};
use serde::{Deserialize, Serialize};

use super::{Outcome, trial::Trial};

/// The result of a child process.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct ChildResult {
    /// Peak memory (`VmHWM`), in MiB.
    pub peak_mib: f64,
    /// Peak memory before the run, in MiB.
    pub before_mib: f64,
    /// Milliseconds from the start of the run to the first record.
    pub first_record_ms: f64,
    /// Peak memory when the run is paused with full buffers, in MiB.
    pub paused_mib: f64,
    /// Seconds of processor time per second of being paused.
    pub paused_cpu: f64,
}

/// How long a paused run is measured.
const PAUSED_TIME: Duration = Duration::from_secs(2);

/// How long a run may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs a trial in another process. With `paused`, pauses it for a while to measure its idle cost.
pub fn run_in_child(trial: &Trial, topics: &str, paused: bool) -> Outcome<ChildResult> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--child", &trial.kafka.bootstrap_servers, topics])
        .args([trial.ordering.as_str(), &trial.workers.to_string(), if paused { "paused" } else { "running" }])
        .output()?;
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout)?)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().into())
    }
}

/// The child's side of [`run_in_child`].
pub fn run_as_child(words: &[String]) -> Outcome<()> {
    let [bootstrap, topics, ordering, workers, paused] = words else { return Err("invalid arguments".into()) };
    let trial = Trial {
        kafka: KafkaConfig { bootstrap_servers: bootstrap.clone(), ..KafkaConfig::default() },
        selection: Selection::matching(topics)?,
        ordering: ordering.parse()?,
        workers: workers.parse()?,
        handler: "null",
    };
    let mut found = ChildResult { before_mib: peak_mib(), ..ChildResult::default() };
    if paused == "paused" {
        found.paused_cpu = pause(&trial)?;
        found.paused_mib = peak_mib();
    }
    let run = trial.run()?;
    found.first_record_ms = (run.elapsed_s - run.handling_s) * 1e3;
    found.peak_mib = peak_mib();
    println!("{}", serde_json::to_string(&found)?);
    Ok(())
}

/// The processor time of a paused run with full buffers, per second.
fn pause(trial: &Trial) -> Outcome<f64> {
    let mut options = trial.options()?;
    options.settings.handler = built_in("simulate:100s")?;
    options.settings.drain_timeout = Duration::ZERO;
    let session = Session::spawn(options)?;
    let deadline = Instant::now() + START_TIMEOUT;
    while session.feed.snapshots.borrow().run.as_ref().is_none_or(|run| run.state != RunState::Running) {
        if Instant::now() > deadline {
            return Err("the run did not start".into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    session.control.send(replay::Command::Pause);
    std::thread::sleep(PAUSED_TIME);
    let (before, begun) = (cpu_s()?, Instant::now());
    std::thread::sleep(PAUSED_TIME);
    let cpu = (cpu_s()? - before) / begun.elapsed().as_secs_f64();
    session.control.send(replay::Command::Shutdown);
    drop(session.join());
    Ok(cpu)
}

#[allow(clippy::cast_precision_loss, reason = "bytes of one process")]
fn peak_mib() -> f64 {
    peak_rss_bytes().map_or(f64::NAN, |bytes| bytes as f64 / f64::from(1 << 20))
}

/// The processor time of this process in seconds, from `/proc/self/stat` (proc(5): fields 14 and 15, in hundredths).
fn cpu_s() -> Outcome<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("unknown form of /proc/self/stat")?;
    let ticks: f64 = fields.split(' ').skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / 100.0)
}
