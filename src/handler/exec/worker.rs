//! A worker's handler: keeps a child, gives it records, hears what it says of them.

use std::{
    io::{self, ErrorKind},
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use super::{
    child::{Child, Ending},
    probe::probe,
    source::Shared,
    trouble::Trouble,
    voice::Voice,
    window::Window,
};
use crate::handler::{
    Advice, Handler, LaneFailure, LaneRun,
    verdict::{Verdict, parse_line},
};

/// A child is looked at this often while it says nothing: it may have ended while others hold its pipes.
const LOOK: Duration = Duration::from_millis(200);
/// The wait before a child is started that follows one which acknowledged nothing; it doubles from one to the next.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest such wait.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// After so many children in a row that acknowledged nothing, the rest of a batch goes back to the run's schedule.
const PATIENCE: u32 = 5;
/// After so many that said what they must not, where no child of the run has ever acknowledged anything, the command itself
/// is doubted.
const DOUBT: u32 = 3;

/// A worker's handler.
pub(super) struct ExecHandler {
    shared: Arc<Shared>,
    voice: Voice,
    child: Option<Child>,
    /// It has acknowledged something.
    fruitful: bool,
    /// So many children in a row acknowledged nothing.
    fruitless: u32,
    /// The next child is not started before.
    not_before: Option<Instant>,
    next_id: u64,
}

impl Handler for ExecHandler {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let lengths = batch.iter().map(|run| run.records.len());
        let mut window = Window::new(lengths, self.shared.settings.pipeline, self.next_id);
        let mut in_vain = 0;
        while let Err(trouble) = self.work(batch, &mut window) {
            let error = trouble.to_string();
            self.end_child(&error);
            in_vain = if self.fruitless == 1 { 1 } else { in_vain + 1 };
            if let Some(fault) = self.fault_of_command(&trouble) {
                // No record is to blame.
                window.abandon(&fault, Advice::Stop);
                continue;
            }
            // One that ends by itself may have had enough of others.
            let certain = !self.fruitful || !matches!(trouble, Trouble::Ended { .. } | Trouble::Pipe(_));
            window.broken(&error, certain);
            if in_vain >= PATIENCE || matches!(trouble, Trouble::Start(_)) {
                window.abandon(&error, Advice::Retry);
            }
        }
        self.next_id = window.next_id();
        let failures = window.failures();
        let left: usize = failures.iter().map(|failure| batch[failure.run].records.len() - failure.done).sum();
        let all: usize = batch.iter().map(|run| run.records.len()).sum();
        self.shared.counts.acknowledged.fetch_add((all - left) as u64, Relaxed);
        failures
    }
}

impl ExecHandler {
    pub(super) fn new(shared: Arc<Shared>, worker: u32) -> Self {
        let voice = shared.voice.of(worker);
        Self { shared, voice, child: None, fruitful: false, fruitless: 0, not_before: None, next_id: 1 }
    }

    /// Works until nothing is left of the batch.
    fn work(&mut self, batch: &[LaneRun], window: &mut Window) -> Result<(), Trouble> {
        if window.is_done() {
            return Ok(());
        }
        // One that has ended between two batches had nothing in hand.
        if let Some(mut child) = self.child.take_if(|child| child.has_ended() || child.is_silent()) {
            let trouble = ended(&mut child);
            self.end_child(&trouble.to_string());
        }
        let child = match &mut self.child {
            Some(child) => child,
            none => {
                self.fruitful = false;
                none.insert(start(&self.shared, &self.voice, self.not_before.take())?)
            }
        };
        let timeout = self.shared.settings.timeout;
        let (mut heard, mut quiet) = (Instant::now(), false);
        // What it said since the last batch is about no record of this one.
        child.turn(Duration::ZERO).map_err(Trouble::Pipe)?;
        if let Some(line) = child.line() {
            hear(line.map_err(|_| Trouble::TooLong)?, window, &self.shared)?;
        }
        loop {
            give(child, batch, window, &self.shared);
            if window.is_done() {
                return Ok(());
            }
            // What it wrote before its end is read to its end.
            let gone = child.is_silent() || (quiet && (child.is_deaf() || child.has_ended()));
            let patience = if gone { Duration::ZERO } else { LOOK.min(timeout.saturating_sub(heard.elapsed())) };
            quiet = !child.turn(patience).map_err(Trouble::Pipe)?;
            while let Some(line) = child.line() {
                hear(line.map_err(|_| Trouble::TooLong)?, window, &self.shared)?;
                heard = Instant::now();
                (self.fruitful, self.fruitless) = (true, 0);
            }
            if gone && quiet {
                return Err(ended(child));
            }
            if heard.elapsed() >= timeout {
                return Err(Trouble::Hangs(timeout));
            }
        }
    }

    /// Ends what is left of a child, and says when the next one may start.
    fn end_child(&mut self, error: &str) {
        self.child = None;
        self.shared.counts.ended.fetch_add(1, Relaxed);
        self.voice.trouble(error);
        // The first one is forgiven: it may have handled thousands of records.
        let doubled = self.fruitless.checked_sub(1).map(|times| FIRST_WAIT * 2_u32.pow(times.min(10)));
        self.not_before = doubled.map(|wait| Instant::now() + wait.min(LONGEST_WAIT));
        self.fruitless += 1;
    }

    /// What is wrong with the command itself, whatever records it gets: no other will do better.
    fn fault_of_command(&self, trouble: &Trouble) -> Option<String> {
        if let Trouble::Start(error) = trouble {
            return is_hopeless(error).then(|| trouble.to_string());
        }
        if self.shared.proved.load(Relaxed) {
            return None;
        }
        let fault = if trouble.is_violation() {
            if self.fruitless < DOUBT {
                return None;
            }
            trouble.to_string()
        } else if matches!(trouble, Trouble::Ended { .. }) && !self.shared.passed.load(Relaxed) {
            // At the first end: before any record has used up its retries on a command that cannot work.
            match probe(&self.shared.command, &self.voice) {
                Ok(()) => {
                    self.shared.passed.store(true, Relaxed);
                    return None;
                }
                Err(fault) => format!("without any records, too, {fault}"),
            }
        } else {
            return None;
        };
        Some(format!("`{}` has never acknowledged a record; {fault}", self.shared.command.shown()))
    }
}

impl Drop for ExecHandler {
    fn drop(&mut self) {
        let Some(child) = self.child.take() else { return };
        match child.finish(self.shared.settings.stop_timeout) {
            Ending::Itself(status) if status.success() => {}
            Ending::Itself(status) => self.voice.trouble(&format!("at its end the command failed ({status})")),
            Ending::Forced => self.voice.trouble("the command did not end when its input ended, and was ended"),
        }
    }
}

fn start(shared: &Shared, voice: &Voice, not_before: Option<Instant>) -> Result<Child, Trouble> {
    if let Some(until) = not_before {
        thread::sleep(until.saturating_duration_since(Instant::now()));
    }
    let child = Child::start(&shared.command, voice.clone()).map_err(Trouble::Start)?;
    shared.counts.started.fetch_add(1, Relaxed);
    Ok(child)
}

/// Another attempt would meet the same file.
fn is_hopeless(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied)
        || error.raw_os_error() == Some(libc::ENOEXEC)
}

fn ended(child: &mut Child) -> Trouble {
    let status = child.collect();
    Trouble::Ended { status, said: child.last_words() }
}

/// Gives a child as much as it may have and as there is room for.
fn give(child: &mut Child, batch: &[LaneRun], window: &mut Window, shared: &Shared) {
    while child.has_room()
        && let Some((id, place)) = window.next()
    {
        let lane = &batch[place.run];
        if let Err(error) = shared.append(child.waiting(), id, lane.lane, &lane.records[place.index]) {
            window.fail(place, error, Advice::Retry);
        }
    }
}

fn hear(line: &[u8], window: &mut Window, shared: &Shared) -> Result<(), Trouble> {
    let (id, mut verdict) = parse_line(line).map_err(|reason| {
        let line = shared.voice.censor.censored(&String::from_utf8_lossy(line));
        Trouble::garbage(line.as_bytes(), &reason)
    })?;
    verdict.censor(&shared.voice.censor);
    if verdict != Verdict::Handled {
        shared.counts.refused.fetch_add(1, Relaxed);
    }
    window.acknowledge(id, verdict).map_err(Trouble::Stray)?;
    shared.proved.store(true, Relaxed);
    Ok(())
}
