//! Measurements that need a process of their own, so that neither the broker nor an earlier case is in them.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use kreplay::{
    feed::{RunState, report::peak_rss_bytes},
    kafka::KafkaConfig,
    plan::Selection,
    replay::{self, Session},
};
use serde::{Deserialize, Serialize};

use super::{Outcome, trial::Trial};

/// What a process of its own found out.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Found {
    /// The most memory it ever used (`VmHWM`), in MiB.
    pub peak_mib: f64,
    /// The same before its run.
    pub before_mib: f64,
    /// From the run's start to the first record taken, in milliseconds.
    pub first_record_ms: f64,
    /// The most memory used by the time it was paused, with buffers as full as they get.
    pub paused_mib: f64,
    /// Seconds of processor time in a second of being paused.
    pub paused_cpu: f64,
}

/// How long a paused run is watched.
const WATCHED: Duration = Duration::from_secs(2);

/// However slow the machine, nothing takes longer.
const WITHIN: Duration = Duration::from_secs(60);

/// Has a trial run in another process. `paused` holds it for a while, to see what it costs to do nothing.
pub fn ask(trial: &Trial, topics: &str, paused: bool) -> Outcome<Found> {
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

/// Does what [`ask`] asked for.
pub fn answer(words: &[String]) -> Outcome<()> {
    let [bootstrap, topics, ordering, workers, paused] = words else { return Err("wrong words".into()) };
    let trial = Trial {
        kafka: KafkaConfig { bootstrap_servers: bootstrap.clone(), ..KafkaConfig::default() },
        selection: Selection::matching(topics)?,
        ordering: ordering.parse()?,
        workers: workers.parse()?,
        handler: "null",
    };
    let mut found = Found { before_mib: peak_mib(), ..Found::default() };
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

/// What a run costs that handles nothing, once it has read what it may.
fn pause(trial: &Trial) -> Outcome<f64> {
    let mut options = trial.options()?;
    options.settings.handler = "simulate:100s".parse()?;
    options.settings.drain_timeout = Duration::ZERO;
    let session = Session::spawn(options)?;
    let deadline = Instant::now() + WITHIN;
    while session.feed.snapshots.borrow().run.as_ref().is_none_or(|run| run.state != RunState::Running) {
        if Instant::now() > deadline {
            return Err("the run did not start".into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    session.control.send(replay::Command::Pause);
    std::thread::sleep(WATCHED);
    let (before, begun) = (cpu_s()?, Instant::now());
    std::thread::sleep(WATCHED);
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
