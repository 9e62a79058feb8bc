//! Measurements in a child process: the parent's side and the child's side.

use std::{
    io::{Read, Write},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread::sleep,
    time::{Duration, Instant},
};

use kreplay_engine::replay::{self, Session};
use kreplay_kafka::producer::Producer;
use kreplay_model::{
    domain::number::counted_as,
    feed::{Bottleneck, RunState, report::peak_rss_bytes},
};

use super::{
    BenchError, Job, Measurement,
    job::{PausedCost, Resource},
    processors::{self, ProcessorWatch},
    setup,
};

/// How often either side checks for the end.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// A process that exceeds its own time limit by this much is killed.
const KILL_GRACE: Duration = Duration::from_secs(30);
/// How long a paused run fills its buffers, and then how long it is measured.
const PAUSE_TIME: Duration = Duration::from_secs(2);

/// Runs a job in a child process.
///
/// # Errors
/// The process cannot be started, or the measurement failed; [`BenchError::Stopped`] if `stop` is set.
pub fn run_in_child(job: &Job, case: &str, stop: &AtomicBool) -> Result<Measurement, BenchError> {
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
    let deadline = Instant::now() + Duration::from_secs(job.within_s) + KILL_GRACE;
    // The result is one short line that fits into the pipe, so it can be read at the end.
    let ended = loop {
        if child.try_wait()?.is_some() {
            break true;
        }
        if stop.load(Relaxed) || Instant::now() > deadline {
            // Fails if it has just ended.
            drop(child.kill());
            break false;
        }
        sleep(POLL_INTERVAL);
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
        let reason = text.lines().next_back().unwrap_or("it ended without a message").trim_start_matches("kreplay: ");
        return Err(failed(reason.into()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(format!("its result cannot be read: {error}")))
}

/// Runs the job read from `input`. Returns the result as JSON.
///
/// # Errors
/// The job is invalid, or the measurement failed; one sentence.
pub fn run_as_child(input: &mut impl Read) -> Result<String, String> {
    let mut text = Vec::new();
    input.read_to_end(&mut text).map_err(|error| error.to_string())?;
    let job: Job =
        serde_json::from_slice(&text).map_err(|_| "`bench --measure` is for internal use only; omit it".to_owned())?;
    serde_json::to_string(&run(&job)?).map_err(|error| error.to_string())
}

/// Produces the job's number of records from memory.
fn produce(job: &Job, to: &str) -> Result<Measurement, String> {
    let records = job.stop_after.ok_or("the job has no number of records")?;
    let producer = Producer::new(&job.bootstrap_servers, &job.properties).map_err(|error| error.to_string())?;
    let (watch, begun) = (ProcessorWatch::begin(), Instant::now());
    let bytes = setup::fill(&producer, to, records, Duration::from_secs(job.within_s)).map_err(|e| e.to_string())?;
    let handling_s = begun.elapsed().as_secs_f64();
    let usage = watch.end();
    let limit = Resource::of(usage.own_share(handling_s), usage.machine, Some(Bottleneck::Handler));
    let peak_rss_bytes = peak_rss_bytes();
    Ok(Measurement {
        handled: records,
        bytes,
        handling_s,
        elapsed_s: handling_s,
        cpu_s: usage.cpu_s,
        peak_rss_bytes,
        limit,
        ..Measurement::default()
    })
}

fn run(job: &Job) -> Result<Measurement, String> {
    if let Some(to) = &job.produce_to {
        return produce(job, to);
    }
    let paused = if job.pause { Some(pause(job)?) } else { None };
    let options = job.options().map_err(|error| error.to_string())?;
    let watch = ProcessorWatch::begin();
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
        sleep(POLL_INTERVAL);
    }
    let end = session.join();
    let usage = watch.end();
    if let Some(problem) = end.problem {
        return Err(problem.text);
    }
    let run = end.run.ok_or("there was no run")?;
    if late {
        return Err(format!(
            "only {} handled within {} s; measure fewer with --records",
            counted_as(run.totals.handled, "record was", "records were"),
            job.within_s
        ));
    }
    if run.state == RunState::Failed {
        return Err(run.error.unwrap_or_else(|| "the run failed".into()));
    }
    if run.totals.handled == 0 {
        return Err("no records were handled; the topics may be empty".into());
    }
    Ok(Measurement {
        handled: run.totals.handled,
        bytes: run.totals.bytes,
        handling_s: run.handling_s,
        elapsed_s: run.elapsed_s,
        cpu_s: usage.cpu_s,
        limit: Resource::of(usage.own_share(run.handling_s), usage.machine, run.ideal.map(|it| it.limit)),
        peak_rss_bytes: peak_rss_bytes(),
        latency_ms: run.journey,
        commit_s: run.commit_s,
        digest: (run.state == RunState::Done).then_some(run.digest),
        paused,
    })
}

/// Pauses a run whose buffers are full, because its handler does not end, and measures what it costs.
fn pause(job: &Job) -> Result<PausedCost, String> {
    let endless = Job { handler: "simulate:100s".into(), ..job.clone() };
    let mut options = endless.options().map_err(|error| error.to_string())?;
    options.settings.drain_timeout = Duration::ZERO;
    let session = Session::spawn(options).map_err(|error| error.to_string())?;
    let deadline = Instant::now() + Duration::from_secs(job.within_s);
    while session.feed.snapshots.borrow().run.as_ref().is_none_or(|run| run.state != RunState::Running) {
        if Instant::now() > deadline {
            return Err(format!("the run did not start within {} s", job.within_s));
        }
        sleep(POLL_INTERVAL);
    }
    session.control.send(replay::Command::Pause);
    sleep(PAUSE_TIME);
    let (before, begun) = (processors::cpu_s(), Instant::now());
    sleep(PAUSE_TIME);
    let cores = before.zip(processors::cpu_s()).map(|(from, to)| (to - from) / begun.elapsed().as_secs_f64());
    session.control.send(replay::Command::Shutdown);
    drop(session.join());
    Ok(PausedCost { cores, peak_rss_bytes: peak_rss_bytes() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_input_is_refused() {
        assert!(run_as_child(&mut &b"{}"[..]).unwrap_err().contains("internal use"));
    }
}
