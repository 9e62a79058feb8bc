//! A run in this process, with or without a console that follows it.

use std::time::{Duration, Instant};

use kreplay::{
    bench::Job,
    console::{
        capture::Capture,
        theme::{Theme, ThemeChoice},
    },
    feed::{Feed, RunState, RunView},
    replay::Session,
};

use super::Outcome;

/// The minimum time between two frames of a console without input.
const MIN_FRAME_INTERVAL: Duration = Duration::from_millis(200);

/// Runs a job to its end, with or without a console that follows. Also returns the console's processor time in
/// seconds.
pub fn run(job: &Job, followed: bool) -> Outcome<(RunView, f64)> {
    let session = Session::spawn(job.options()?)?;
    let watcher = if followed { Some(follow(session.feed.clone())?) } else { None };
    let end = session.join();
    let cpu_s = match watcher {
        Some(watcher) => watcher.join().map_err(|_| "the follower panicked")?,
        None => 0.0,
    };
    if let Some(problem) = end.problem {
        return Err(problem.text.into());
    }
    let run = end.run.ok_or("there was no run")?;
    if run.state != RunState::Done || run.totals.handled != run.plan.records {
        return Err(format!("{} with {} of {} records", run.state, run.totals.handled, run.plan.records).into());
    }
    Ok((run, cpu_s))
}

/// Does what a console does with the feed, at the size of a large terminal. The thread returns its processor time.
fn follow(mut feed: Feed) -> Outcome<std::thread::JoinHandle<f64>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let theme = Theme::load(&ThemeChoice::default())?;
    Ok(std::thread::Builder::new().name("follower".into()).spawn(move || {
        let mut capture = Capture::new(160, 50, None);
        let mut drawn: Option<Instant> = None;
        runtime.block_on(async {
            while feed.snapshots.changed().await.is_ok() {
                let events = feed.events.since(capture.next_seq());
                let snapshot = feed.snapshots.borrow_and_update().clone();
                capture.take(snapshot, events);
                if drawn.is_none_or(|then| then.elapsed() >= MIN_FRAME_INTERVAL) {
                    drawn = Some(Instant::now());
                    std::hint::black_box(capture.frame(&theme));
                }
            }
        });
        thread_cpu_s().unwrap_or(f64::NAN)
    })?)
}

/// The calling thread's processor time, from `/proc/thread-self/schedstat` (nanoseconds in its first field).
fn thread_cpu_s() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e9)
}
