//! A measurement in a process of its own: asked for by one side, made by the other.

use std::{
    io::{Read, Write},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread::sleep,
    time::{Duration, Instant},
};

use super::{BenchError, Found, Job, job::Resource, stage};
use crate::{
    feed::{Bound, RunState, report::peak_rss_bytes},
    kafka::producer::Producer,
    replay::{self, Session},
};

/// How often both sides look whether it is over.
const LOOK: Duration = Duration::from_millis(20);
/// A process that has not ended by itself so long after its own bound is killed.
const GRACE: Duration = Duration::from_secs(30);

/// Has a job done in another process.
///
/// # Errors
/// The process cannot be started, or says what went wrong; [`BenchError::Stopped`] when `stop` is set meanwhile.
pub fn ask(job: &Job, case: &str, stop: &AtomicBool) -> Result<Found, BenchError> {
    let failed = |reason: String| BenchError::Case { case: case.into(), reason };
    let mut child = Command::new(std::env::current_exe()?)
        .args(["bench", "--measure"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let written = child
        .stdin
        .take()
        .map_or(Ok(()), |mut stdin| stdin.write_all(&serde_json::to_vec(job).map_err(std::io::Error::from)?));
    let deadline = Instant::now() + Duration::from_secs(job.within_s) + GRACE;
    // The answer is one short line, which the pipe holds: reading can wait for the end.
    let ended = loop {
        if child.try_wait()?.is_some() {
            break true;
        }
        if stop.load(Relaxed) || Instant::now() > deadline {
            // It may have ended just now.
            drop(child.kill());
            break false;
        }
        sleep(LOOK);
    };
    let output = child.wait_with_output()?;
    if stop.load(Relaxed) {
        return Err(BenchError::Stopped);
    }
    if !ended {
        return Err(failed(format!("it did not end within {} s", job.within_s)));
    }
    written?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let reason = text.lines().next_back().unwrap_or("it ended without a word").trim_start_matches("kreplay: ");
        return Err(failed(reason.into()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(format!("its answer cannot be read: {error}")))
}

/// Does the job that comes in on `input`, and returns the answer to be written.
///
/// # Errors
/// What went wrong, in one sentence.
pub fn answer(input: &mut impl Read) -> Result<String, String> {
    let mut text = Vec::new();
    input.read_to_end(&mut text).map_err(|error| error.to_string())?;
    let job: Job = serde_json::from_slice(&text)
        .map_err(|_| "`bench --measure` is what kreplay says to itself; leave it out".to_owned())?;
    serde_json::to_string(&run(&job)?).map_err(|error| error.to_string())
}

#[allow(clippy::cast_precision_loss, reason = "a handful of processors")]
fn busy(cpu_s: Option<f64>, handling_s: f64) -> Option<f64> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Some(cpu_s? / (handling_s.max(1e-9) * cores as f64))
}

/// Produces as many records as the job names, from memory.
fn produce(job: &Job, to: &str) -> Result<Found, String> {
    let records = job.stop_after.ok_or("it says nothing of how many records")?;
    let producer = Producer::new(&job.bootstrap_servers, &job.properties).map_err(|error| error.to_string())?;
    let begun = Instant::now();
    let bytes = stage::fill(&producer, to, records, Duration::from_secs(job.within_s)).map_err(|e| e.to_string())?;
    let handling_s = begun.elapsed().as_secs_f64();
    let cpu_s = cpu_s();
    let limit = Resource::of(busy(cpu_s, handling_s), Some(Bound::Handler));
    let peak_rss_bytes = peak_rss_bytes();
    Ok(Found {
        handled: records,
        bytes,
        handling_s,
        elapsed_s: handling_s,
        cpu_s,
        peak_rss_bytes,
        limit,
        ..Found::default()
    })
}

fn run(job: &Job) -> Result<Found, String> {
    if let Some(to) = &job.produce_to {
        return produce(job, to);
    }
    let options = job.options().map_err(|error| error.to_string())?;
    let session = Session::spawn(options).map_err(|error| error.to_string())?;
    let deadline = Instant::now() + Duration::from_secs(job.within_s);
    let mut late = false;
    while session.feed.snapshots.has_changed().is_ok() {
        let enough = job.stop_after.is_some_and(|records| {
            session.feed.snapshots.borrow().run.as_ref().is_some_and(|run| run.totals.handled >= records)
        });
        late = Instant::now() > deadline;
        if enough || late {
            session.control.send(replay::Command::Shutdown);
            break;
        }
        sleep(LOOK);
    }
    let end = session.join();
    if let Some(problem) = end.problem {
        return Err(problem.text);
    }
    let run = end.run.ok_or("there was no run")?;
    if late {
        return Err(format!("only {} records were handled within {} s", run.totals.handled, job.within_s));
    }
    if run.state == RunState::Failed {
        return Err(run.error.unwrap_or_else(|| "the run failed".into()));
    }
    if run.totals.handled == 0 {
        return Err("there are no records to measure with".into());
    }
    let cpu_s = cpu_s();
    Ok(Found {
        handled: run.totals.handled,
        bytes: run.totals.bytes,
        handling_s: run.handling_s,
        elapsed_s: run.elapsed_s,
        cpu_s,
        limit: Resource::of(busy(cpu_s, run.handling_s), run.predicted.map(|it| it.limit)),
        peak_rss_bytes: peak_rss_bytes(),
        latency_ms: run.journey,
        commit_s: run.commit_s,
        digest: (run.state == RunState::Done).then_some(run.digest),
    })
}

/// The processor time of this process in seconds, from `/proc/self/stat` (proc(5): fields 14 and 15, in hundredths).
fn cpu_s() -> Option<f64> {
    parse_cpu_s(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

fn parse_cpu_s(stat: &str) -> Option<f64> {
    // The name, in brackets, may hold blanks and brackets itself.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut ticks = fields.split(' ').skip(11).map(str::parse::<f64>);
    Some((ticks.next()?.ok()? + ticks.next()?.ok()?) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_any_name() {
        let stat = "1234 (a) b (c) R 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 9 0 1 2 3";
        assert_eq!(parse_cpu_s(stat), Some(1.75));
        assert_eq!(parse_cpu_s("1 (x) R 1 2"), None);
    }

    #[test]
    fn only_kreplay_itself_asks_for_a_measurement() {
        assert!(answer(&mut &b"{}"[..]).unwrap_err().contains("leave it out"));
    }
}
