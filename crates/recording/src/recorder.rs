//! Records a feed in a thread of its own.

use std::{
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use chrono::Utc;
use kreplay_model::{feed::EventLog, recording::Frame};

use crate::{Censor, RecordingWriter, Source, WriteError};

/// The shortest time between two frames. Sessions publish snapshots as often.
const FRAME_INTERVAL: Duration = Duration::from_millis(100);
/// The longest time between two frames, if a frame takes long.
const MAX_FRAME_INTERVAL: Duration = Duration::from_secs(1);
/// Recording takes at most one part in this many of the time of a core.
const TIME_PARTS: u32 = 10;
/// Without a frame for this long, the recording has a gap that is reported.
const LONGEST_GAP: Duration = Duration::from_secs(2);
/// How long the end of a command waits for the end of its recording.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Records a feed until [`Recorder::finish`]. It only reads the latest values, so it cannot slow down what it records,
/// and none of its errors ends a run.
#[derive(Debug)]
pub struct Recorder {
    stop: Sender<()>,
    ended: Receiver<Summary>,
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
        let (stop, stopped) = channel();
        let (end, ended) = channel();
        let mut task = Task {
            writer,
            source,
            censor,
            events,
            began: Instant::now(),
            began_ms: Utc::now().timestamp_millis(),
            last_frame: Instant::now(),
            problem: None,
        };
        let run = move || {
            task.record(&stopped);
            // The command has given up waiting if this fails.
            let _ = end.send(task.finish());
        };
        thread::Builder::new().name("recorder".into()).spawn(run)?;
        Ok(Self { stop, ended })
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
    began: Instant,
    /// The time of the system clock then. Later moments are measured from it, so that they do not go back.
    began_ms: i64,
    last_frame: Instant,
    problem: Option<String>,
}

impl Task {
    /// Records frames until the stop, or until a frame cannot be written.
    fn record(&mut self, stopped: &Receiver<()>) {
        let mut next = self.began;
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
        let elapsed_ms = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.censor.apply(self.source.frame(self.began_ms.saturating_add(elapsed_ms)))
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
