//! Records a feed in a thread of its own.

use std::{
    collections::VecDeque,
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use chrono::Utc;
use kreplay_model::{
    feed::EventLog,
    recording::{Frame, RecentFrames},
};

use crate::{Censor, RecordingWriter, Source, WriteError};

/// The shortest time between two frames. Sessions publish snapshots as often.
const FRAME_INTERVAL: Duration = Duration::from_millis(100);
/// The longest time between two frames, if a frame takes long.
const MAX_FRAME_INTERVAL: Duration = Duration::from_secs(1);
/// Recording takes at most one part in this many of the time of a core.
const TIME_PARTS: u32 = 10;
/// Without a frame for this long, the recording has a gap that is reported.
const LONGEST_GAP: Duration = Duration::from_secs(2);
/// Frames that wait while the past is written, at most.
const MAX_WAITING_FRAMES: usize = 300;
/// How long the past is still written after the stop.
const PAST_GRACE: Duration = Duration::from_secs(3);
/// How long the end of a command waits for the end of its recording.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Records a feed until [`Recorder::finish`]. It only reads the latest values, so it cannot slow down what it records,
/// and none of its errors ends a run.
#[derive(Debug)]
pub struct Recorder {
    stop: Sender<()>,
    ended: Receiver<Summary>,
    thread: JoinHandle<()>,
}

/// What was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The number of frames.
    pub frames: u64,
    /// The size of the file in bytes.
    pub bytes: u64,
    /// What is missing, and why, in one sentence.
    pub problem: Option<String>,
}

impl Recorder {
    /// Starts recording. Problems are reported once, as warnings in `events`.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(writer: RecordingWriter, source: Source, censor: Censor, events: EventLog) -> io::Result<Self> {
        Self::start_after(RecentFrames::default(), writer, source, censor, events)
    }

    /// The same, but writes frames of the past first. `source` has to leave out their events.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start_after(
        past: RecentFrames,
        writer: RecordingWriter,
        source: Source,
        censor: Censor,
        events: EventLog,
    ) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let (end, ended) = channel();
        let mut task = Task {
            writer,
            source,
            censor,
            events,
            now_ms: || Utc::now().timestamp_millis(),
            last_frame: Instant::now(),
            problem: None,
        };
        let run = move || {
            task.record(&past, &stopped);
            // The command has given up waiting if this fails.
            let _ = end.send(task.finish());
        };
        let thread = thread::Builder::new().name("recorder".into()).spawn(run)?;
        Ok(Self { stop, ended, thread })
    }

    /// Whether recording has ended early, because a frame could not be written.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Records the last values, and completes the file.
    #[must_use]
    pub fn finish(self) -> Summary {
        drop(self.stop);
        self.ended.recv_timeout(END_TIMEOUT).unwrap_or_else(|_| Summary {
            problem: Some(format!("recording did not end within {} s", END_TIMEOUT.as_secs())),
            ..Summary::default()
        })
    }
}

struct Task {
    writer: RecordingWriter,
    source: Source,
    censor: Censor,
    events: EventLog,
    /// The time of the system clock in milliseconds since 1970. Snapshots and events have it, too; an [`Instant`]
    /// would fall behind them while the machine sleeps.
    now_ms: fn() -> i64,
    last_frame: Instant,
    problem: Option<String>,
}

impl Task {
    /// Records the past, and then frames until the stop, or until a frame cannot be written.
    fn record(&mut self, past: &RecentFrames, stopped: &Receiver<()>) {
        if let Err(error) = self.write_past(past, stopped) {
            self.report(format!("recording ended early: {error}; nothing else is affected"));
            return;
        }
        let mut next = Instant::now();
        loop {
            let wait = next.saturating_duration_since(Instant::now());
            let is_last = stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout);
            let begin = Instant::now();
            if let Err(error) = self.write_frame() {
                self.report(format!("recording ended early: {error}; nothing else is affected"));
                return;
            }
            if is_last {
                return;
            }
            let interval = (begin.elapsed() * TIME_PARTS).clamp(FRAME_INTERVAL, MAX_FRAME_INTERVAL);
            next = begin + interval;
        }
    }

    /// Writes the past. What the feed says meanwhile follows it, unless that takes very long.
    fn write_past(&mut self, past: &RecentFrames, stopped: &Receiver<()>) -> Result<(), WriteError> {
        let mut waiting = VecDeque::new();
        let (mut next, mut stopped_at) = (self.last_frame, None::<Instant>);
        for frame in past.iter() {
            self.writer.write(&self.censor.apply(frame))?;
            if Instant::now() >= next && waiting.len() < MAX_WAITING_FRAMES {
                waiting.push_back(self.frame());
                self.last_frame = Instant::now();
                next = Instant::now() + FRAME_INTERVAL;
            }
            if stopped.try_recv() == Err(TryRecvError::Disconnected)
                && stopped_at.get_or_insert_with(Instant::now).elapsed() > PAST_GRACE
            {
                self.report("the recording lacks a part of the past: writing it takes too long".to_owned());
                break;
            }
        }
        waiting.iter().try_for_each(|frame| self.writer.write(frame))
    }

    fn write_frame(&mut self) -> Result<(), WriteError> {
        let gap = self.last_frame.elapsed();
        let frame = self.frame();
        self.writer.write(&frame)?;
        self.last_frame = Instant::now();
        if gap > LONGEST_GAP && self.problem.is_none() {
            self.report(format!("the recording has no frames for {:.1} s: writing takes too long", gap.as_secs_f64()));
        }
        Ok(())
    }

    fn frame(&mut self) -> Frame {
        // If the clock is set back, the encoder keeps the moment of the frame before.
        self.censor.apply(self.source.frame((self.now_ms)()))
    }

    fn report(&mut self, problem: String) {
        self.events.warn(problem.clone());
        self.problem = Some(problem);
    }

    fn finish(&mut self) -> Summary {
        if let Err(error) = self.writer.finish() {
            self.problem.get_or_insert_with(|| format!("the recording has no index: {error}"));
        }
        Summary { frames: self.writer.frames(), bytes: self.writer.bytes(), problem: self.problem.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    };

    use chrono::DateTime;
    use kreplay_model::{
        feed::{EventKind, Feed, Snapshot},
        recording::Past as _,
    };
    use tokio::sync::watch;

    use super::*;
    use crate::{About, Recording, fixture::START_MS};

    const AFTER_SLEEP_MS: i64 = START_MS + 3_600_000;

    static NOW_MS: AtomicI64 = AtomicI64::new(START_MS);

    fn snapshot(at_ms: i64) -> Arc<Snapshot> {
        Arc::new(Snapshot { at: DateTime::from_timestamp_millis(at_ms), ..Snapshot::default() })
    }

    #[test]
    fn frames_have_the_times_of_their_snapshots_although_the_machine_slept_and_do_not_go_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.krec");
        let (sender, snapshots) = watch::channel(snapshot(START_MS));
        let events = EventLog::default();
        let feed = Feed { snapshots, events: events.clone(), groups: None, alerts: None };
        let mut task = Task {
            writer: RecordingWriter::create(&path, &About::now("run"), u64::MAX).unwrap(),
            source: Source::new(feed, None),
            censor: Censor::default(),
            events: events.clone(),
            now_ms: || NOW_MS.load(Relaxed),
            last_frame: Instant::now(),
            problem: None,
        };
        task.write_frame().unwrap();
        NOW_MS.store(AFTER_SLEEP_MS, Relaxed);
        sender.send_replace(snapshot(AFTER_SLEEP_MS));
        task.write_frame().unwrap();
        NOW_MS.store(START_MS, Relaxed);
        events.push(EventKind::Paused);
        task.write_frame().unwrap();
        assert_eq!(task.finish().problem, None);

        let recording = Recording::open(&path).unwrap();
        assert_eq!(recording.range(), Some((START_MS, AFTER_SLEEP_MS)));
        let shown = |at_ms| {
            let state = recording.state_at(at_ms).unwrap();
            (state.snapshot, state.events.len())
        };
        assert_eq!(shown(AFTER_SLEEP_MS - 1), (Some(snapshot(START_MS)), 0));
        assert_eq!(shown(AFTER_SLEEP_MS), (Some(snapshot(AFTER_SLEEP_MS)), 1));
    }
}
