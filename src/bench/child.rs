//! A measurement in a process of its own: asked for by one side, made by the other.

use std::{
    io::{Read, Write},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread::sleep,
    time::{Duration, Instant},
};

use super::{BenchError, Found, Job, job::Resource, processors::Watch, stage};
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

/// Produces as many records as the job names, from memory.
fn produce(job: &Job, to: &str) -> Result<Found, String> {
    let records = job.stop_after.ok_or("it says nothing of how many records")?;
    let producer = Producer::new(&job.bootstrap_servers, &job.properties).map_err(|error| error.to_string())?;
    let (watch, begun) = (Watch::begin(), Instant::now());
    let bytes = stage::fill(&producer, to, records, Duration::from_secs(job.within_s)).map_err(|e| e.to_string())?;
    let handling_s = begun.elapsed().as_secs_f64();
    let busy = watch.end();
    let limit = Resource::of(busy.own(handling_s), busy.all, Some(Bound::Handler));
    let peak_rss_bytes = peak_rss_bytes();
    Ok(Found {
        handled: records,
        bytes,
        handling_s,
        elapsed_s: handling_s,
        cpu_s: busy.cpu_s,
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
    let watch = Watch::begin();
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
    let busy = watch.end();
    if let Some(problem) = end.problem {
        return Err(problem.text);
    }
    let run = end.run.ok_or("there was no run")?;
    if late {
        return Err(format!(
            "only {} records were handled within {} s; measure fewer with --records",
            run.totals.handled, job.within_s
        ));
    }
    if run.state == RunState::Failed {
        return Err(run.error.unwrap_or_else(|| "the run failed".into()));
    }
    if run.totals.handled == 0 {
        return Err("there are no records to measure with".into());
    }
    Ok(Found {
        handled: run.totals.handled,
        bytes: run.totals.bytes,
        handling_s: run.handling_s,
        elapsed_s: run.elapsed_s,
        cpu_s: busy.cpu_s,
        limit: Resource::of(busy.own(run.handling_s), busy.all, run.ideal.map(|it| it.limit)),
        peak_rss_bytes: peak_rss_bytes(),
        latency_ms: run.journey,
        commit_s: run.commit_s,
        digest: (run.state == RunState::Done).then_some(run.digest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_kreplay_itself_asks_for_a_measurement() {
        assert!(answer(&mut &b"{}"[..]).unwrap_err().contains("leave it out"));
    }
}
