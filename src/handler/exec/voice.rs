//! What children say on their standard error, for the event log: bounded, and not more than a log can take.

use std::{
    io::{BufRead, BufReader},
    process::ChildStderr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use crate::{
    feed::{EventKind, EventLog},
    handler::verdict::short,
};

/// So many lines may come at once …
const BURST: f64 = 20.0;
/// … and so many in a second after that, of all children together.
const PER_SECOND: f64 = 2.0;
/// Bytes of a line that are kept.
const LONGEST: usize = 2000;
/// A listener needs little.
const STACK_BYTES: usize = 128 * 1024;
/// How long the last words of a child are waited for.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Says how many lines may pass: a token bucket. The caller passes the time.
#[derive(Debug)]
struct Budget {
    tokens: f64,
    since: Duration,
    suppressed: u64,
}

impl Budget {
    /// Whether a line may pass at this time since the beginning, and how many did not since the last that did.
    fn spend(&mut self, now: Duration) -> Option<u64> {
        self.tokens = (self.tokens + now.saturating_sub(self.since).as_secs_f64() * PER_SECOND).min(BURST);
        self.since = now;
        if self.tokens < 1.0 {
            self.suppressed += 1;
            return None;
        }
        self.tokens -= 1.0;
        Some(std::mem::take(&mut self.suppressed))
    }
}

/// Where a worker's children are heard.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    worker: u32,
    events: EventLog,
    shared: Arc<Shared>,
    secrets: Arc<[String]>,
}

#[derive(Debug)]
struct Shared {
    begun: Instant,
    lines: Mutex<Budget>,
    troubles: Mutex<Budget>,
}

impl Voice {
    /// With texts that nobody may see, though a child may say them.
    pub(super) fn new(events: EventLog, secrets: Arc<[String]>) -> Self {
        let budget = || Mutex::new(Budget { tokens: BURST, since: Duration::ZERO, suppressed: 0 });
        let shared = Shared { begun: Instant::now(), lines: budget(), troubles: budget() };
        Self { worker: 0, events, shared: Arc::new(shared), secrets }
    }

    /// The same for another worker.
    pub(super) fn of(&self, worker: u32) -> Self {
        Self { worker, ..self.clone() }
    }

    /// A text of a child with the secrets that it was given taken out.
    pub(super) fn censored(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, crate::domain::MASK))
    }

    /// A line of a child's standard error.
    fn line(&self, line: &str) {
        let spent = self.shared.lines.lock().spend(self.shared.begun.elapsed());
        if let Some(suppressed) = spent {
            self.suppressed(suppressed, "lines of children's standard error");
            self.events.push(EventKind::Notice { text: format!("exec, worker {}: {line}", self.worker) });
        }
    }

    /// Something that happened to a child.
    pub(super) fn trouble(&self, text: &str) {
        let spent = self.shared.troubles.lock().spend(self.shared.begun.elapsed());
        if let Some(suppressed) = spent {
            self.suppressed(suppressed, "troubles with children");
            self.events.push(EventKind::Warning { text: format!("exec, worker {}: {text}", self.worker) });
        }
    }

    /// At the end: what was not told.
    pub(super) fn finish(&self) {
        self.suppressed(std::mem::take(&mut self.shared.lines.lock().suppressed), "lines of children's standard error");
        self.suppressed(std::mem::take(&mut self.shared.troubles.lock().suppressed), "troubles with children");
    }

    fn suppressed(&self, count: u64, what: &str) {
        if count > 0 {
            self.events.push(EventKind::Notice { text: format!("exec: {count} more {what} were not shown") });
        }
    }
}

/// Hears the standard error of one child until it is closed.
#[derive(Debug)]
pub(super) struct Listener {
    heard: Arc<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    last: Mutex<Last>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Last {
    line: String,
    closed: bool,
}

impl Listener {
    pub(super) fn start(pipe: Option<ChildStderr>, voice: Voice) -> Self {
        let heard = Arc::new(Heard::default());
        let listener = Self { heard: Arc::clone(&heard) };
        let Some(pipe) = pipe else { return listener };
        let thread = thread::Builder::new().name(format!("stderr-{}", voice.worker)).stack_size(STACK_BYTES);
        // Without a thread a child that says much would stop; with its pipe closed it does not.
        let started = thread.spawn(move || {
            listen(BufReader::new(pipe), |line| {
                let line = short(&voice.censored(&String::from_utf8_lossy(line)));
                if line.trim().is_empty() {
                    return;
                }
                voice.line(&line);
                heard.last.lock().line = line;
            });
            heard.last.lock().closed = true;
            heard.ended.notify_all();
        });
        drop(started);
        listener
    }

    /// The last line, once all is heard or a moment has passed.
    pub(super) fn last_words(&self) -> String {
        let mut last = self.heard.last.lock();
        if !last.closed {
            self.heard.ended.wait_for(&mut last, LAST_WORDS);
        }
        last.line.clone()
    }
}

/// Reads lines until the end, and cuts those that are too long.
fn listen(mut pipe: impl BufRead, mut say: impl FnMut(&[u8])) {
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
        line.extend_from_slice(&part[..part.len().min(LONGEST - line.len().min(LONGEST))]);
        let used = end.map_or(bytes.len(), |end| end + 1);
        pipe.consume(used);
        if end.is_some() {
            say(line.trim_ascii_end());
            line.clear();
        }
    }
    if !line.is_empty() {
        say(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_pass_at_a_bounded_rate_and_none_is_forgotten() {
        let mut budget = Budget { tokens: BURST, since: Duration::ZERO, suppressed: 0 };
        let mut told = 0;
        let mut passed = 0;
        for ms in 0..10_000 {
            if let Some(suppressed) = budget.spend(Duration::from_millis(ms)) {
                passed += 1;
                told += suppressed;
            }
        }
        assert_eq!(passed, 20 + 19);
        assert_eq!(told + budget.suppressed + passed, 10_000);
    }

    #[test]
    fn lines_are_cut_and_the_last_needs_no_end() {
        let long = [b'x'; 3 * LONGEST];
        let text = [b"one\r\n\n".as_slice(), &long, b"\nlast"].concat();
        let mut lines = Vec::new();
        listen(BufReader::with_capacity(7, text.as_slice()), |line| lines.push(line.to_vec()));
        assert_eq!(lines, [b"one".to_vec(), Vec::new(), vec![b'x'; LONGEST], b"last".to_vec()]);
    }

    #[test]
    fn a_secret_that_a_child_says_is_not_repeated() {
        let voice = Voice::new(EventLog::default(), ["hunter2".to_owned()].into());
        assert_eq!(voice.censored("password hunter2!"), "password ***!");
    }
}
