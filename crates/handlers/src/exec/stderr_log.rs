//! The standard error of child processes, forwarded to the event log at a bounded rate.

use std::{
    io::{BufRead, BufReader},
    process::ChildStderr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use kreplay_model::{
    domain::{Redactor, TokenBucket},
    feed::{EventKind, EventLog},
};
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::verdict::redacted_excerpt;

/// The number of lines that may pass at once, for all children together.
const BURST_LINES: f64 = 20.0;
/// The rate at which further lines may pass, for all children together.
const LINES_PER_SECOND: f64 = 2.0;
/// Longer lines are cut to this length before secrets in them are masked, so it is larger than most secrets.
const MAX_STDERR_LINE_BYTES: usize = 16 << 10;
/// The stack size of a reader thread.
const STACK_BYTES: usize = 128 * 1024;
/// How long a reader of standard error is waited for after its child has exited. A descendant may keep it open.
const END_TIMEOUT: Duration = Duration::from_millis(200);

/// Limits the number of lines. The caller passes the time.
#[derive(Debug)]
struct LineLimit {
    bucket: TokenBucket,
    suppressed: u64,
}

impl LineLimit {
    fn new(now: Instant) -> Self {
        Self { bucket: TokenBucket::full(LINES_PER_SECOND, BURST_LINES, now), suppressed: 0 }
    }

    /// `None` if a line at this time must be suppressed; otherwise the number of lines suppressed before it.
    fn spend(&mut self, now: Instant) -> Option<u64> {
        if self.bucket.level(now) < 1.0 {
            self.suppressed += 1;
            return None;
        }
        self.bucket.take(1.0);
        Some(std::mem::take(&mut self.suppressed))
    }
}

/// The event log of one worker's children.
#[derive(Clone, Debug)]
pub(super) struct StderrLog {
    worker: u32,
    events: EventLog,
    limits: Arc<LineLimits>,
    pub(super) redactor: Redactor,
}

#[derive(Debug)]
struct LineLimits {
    lines: Mutex<LineLimit>,
    warnings: Mutex<LineLimit>,
}

impl StderrLog {
    /// `redactor` masks secrets that a child may print.
    pub(super) fn new(events: EventLog, redactor: Redactor) -> Self {
        let limit = || Mutex::new(LineLimit::new(Instant::now()));
        Self { worker: 0, events, limits: Arc::new(LineLimits { lines: limit(), warnings: limit() }), redactor }
    }

    /// The log for another worker, with the same limits.
    pub(super) fn of(&self, worker: u32) -> Self {
        Self { worker, ..self.clone() }
    }

    /// Logs a line of a child's standard error.
    fn line(&self, line: &str) {
        let spent = self.limits.lines.lock().spend(Instant::now());
        if let Some(suppressed) = spent {
            self.suppressed(suppressed, "lines of child stderr");
            self.events.push(EventKind::Notice { text: format!("exec, worker {}: {line}", self.worker) });
        }
    }

    /// Logs a warning about a child.
    pub(super) fn warn(&self, text: &str) {
        let spent = self.limits.warnings.lock().spend(Instant::now());
        if let Some(suppressed) = spent {
            self.suppressed(suppressed, "warnings about children");
            self.events.push(EventKind::Warning { text: format!("exec, worker {}: {text}", self.worker) });
        }
    }

    /// Reports the number of suppressed lines at the end of the run.
    pub(super) fn finish(&self) {
        self.suppressed(std::mem::take(&mut self.limits.lines.lock().suppressed), "lines of child stderr");
        self.suppressed(std::mem::take(&mut self.limits.warnings.lock().suppressed), "warnings about children");
    }

    fn suppressed(&self, count: u64, what: &str) {
        if count > 0 {
            self.events.push(EventKind::Notice { text: format!("exec: {count} more {what} were not shown") });
        }
    }
}

/// Reads the standard error of one child until it is closed.
#[derive(Debug)]
pub(super) struct StderrReader {
    state: Arc<ReaderState>,
}

#[derive(Debug, Default)]
struct ReaderState {
    last: Mutex<LastLine>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct LastLine {
    line: String,
    closed: bool,
}

impl StderrReader {
    pub(super) fn start(pipe: Option<ChildStderr>, log: StderrLog) -> Self {
        let state = Arc::new(ReaderState::default());
        let reader = Self { state: Arc::clone(&state) };
        let Some(pipe) = pipe else { return reader };
        let thread = thread::Builder::new().name(format!("stderr-{}", log.worker)).stack_size(STACK_BYTES);
        // If no thread can be started, the pipe is closed, so that the child does not block on a full pipe.
        let started = thread.spawn(move || {
            read_lines(BufReader::new(pipe), |line| {
                let line = redacted_excerpt(&String::from_utf8_lossy(line), &log.redactor);
                if line.trim().is_empty() {
                    return;
                }
                log.line(&line);
                state.last.lock().line = line;
            });
            state.last.lock().closed = true;
            state.ended.notify_all();
        });
        drop(started);
        reader
    }

    /// The last line. Waits up to [`END_TIMEOUT`] for the end of standard error.
    pub(super) fn last_line(&self) -> String {
        self.ended().line.clone()
    }

    /// Waits up to [`END_TIMEOUT`] until all lines of a child that has exited are logged.
    pub(super) fn finish(&self) {
        drop(self.ended());
    }

    fn ended(&self) -> MutexGuard<'_, LastLine> {
        let mut last = self.state.last.lock();
        self.state.ended.wait_while_for(&mut last, |last| !last.closed, END_TIMEOUT);
        last
    }
}

/// Calls `on_line` for each line, cut to [`MAX_STDERR_LINE_BYTES`].
fn read_lines(mut pipe: impl BufRead, mut on_line: impl FnMut(&[u8])) {
    let mut line = Vec::new();
    loop {
        let bytes = match pipe.fill_buf() {
            Ok([]) => break,
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = &bytes[..end.unwrap_or(bytes.len())];
        line.extend_from_slice(&part[..part.len().min(MAX_STDERR_LINE_BYTES - line.len().min(MAX_STDERR_LINE_BYTES))]);
        let used = end.map_or(bytes.len(), |end| end + 1);
        pipe.consume(used);
        if end.is_some() {
            on_line(line.trim_ascii_end());
            line.clear();
        }
    }
    if !line.is_empty() {
        on_line(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_pass_at_a_bounded_rate_and_suppressed_ones_are_counted() {
        let start = Instant::now();
        let mut limit = LineLimit::new(start);
        let mut reported = 0;
        let mut passed = 0;
        for ms in 0..10_000 {
            if let Some(suppressed) = limit.spend(start + Duration::from_millis(ms)) {
                passed += 1;
                reported += suppressed;
            }
        }
        assert_eq!(passed, 20 + 19);
        assert_eq!(reported + limit.suppressed + passed, 10_000);
    }

    #[test]
    fn long_lines_are_cut_and_the_last_needs_no_line_feed() {
        let long = vec![b'x'; 3 * MAX_STDERR_LINE_BYTES];
        let text = [b"one\r\n\n".as_slice(), &long, b"\nlast"].concat();
        let mut lines = Vec::new();
        read_lines(BufReader::with_capacity(7, text.as_slice()), |line| lines.push(line.to_vec()));
        assert_eq!(lines, [b"one".to_vec(), Vec::new(), vec![b'x'; MAX_STDERR_LINE_BYTES], b"last".to_vec()]);
    }
}
