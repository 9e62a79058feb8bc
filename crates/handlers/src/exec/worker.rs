//! The handler of one worker: runs a child process, sends it records and processes its answers.

use std::{
    io::{self, ErrorKind},
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use super::{
    child::{Child, ChildEnd},
    probe::probe,
    shared::ExecShared,
    stderr_log::StderrLog,
    trouble::ChildError,
    window::Window,
};
use crate::{
    Advice, Handler, LaneFailure, LaneRun, RecordFailure,
    verdict::{Verdict, parse_line},
};

/// How often a silent child is checked for its exit: another process may keep its pipes open.
const EXIT_POLL_INTERVAL: Duration = Duration::from_millis(200);
/// The delay before the restart after the second child in a row without an acknowledgement. Doubles with each further
/// one.
const MIN_RESTART_DELAY: Duration = Duration::from_millis(100);
/// The maximum restart delay.
const MAX_RESTART_DELAY: Duration = Duration::from_secs(5);
/// After this number of children in a row without an acknowledgement, the rest of a batch is failed without blaming its
/// records, and retried by the run's schedule.
const MAX_FRUITLESS_RESTARTS: u32 = 5;
/// After this number of protocol violations, if no child of the run has ever acknowledged a record, the command itself
/// is considered faulty.
const MIN_VIOLATIONS_TO_STOP: u32 = 3;

/// The handler of one worker.
pub(super) struct ExecHandler {
    shared: Arc<ExecShared>,
    stderr_log: StderrLog,
    child: Option<Child>,
    /// Whether the current child has acknowledged a record.
    has_acknowledged: bool,
    /// The number of children in a row that acknowledged nothing.
    restarts_without_ack: u32,
    /// The earliest time at which the next child is started.
    not_before: Option<Instant>,
    next_id: u64,
}

impl Handler for ExecHandler {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let lengths = batch.iter().map(|run| run.records.len());
        let mut window = Window::new(lengths, self.shared.settings.pipeline, self.next_id);
        let mut fruitless_restarts = 0;
        while let Err(cause) = self.work(batch, &mut window) {
            let error = cause.to_string();
            self.end_child(&error);
            fruitless_restarts = if self.restarts_without_ack == 1 { 1 } else { fruitless_restarts + 1 };
            if let Some(fault) = self.command_fault(&cause) {
                // The command is faulty, not a record.
                window.fail_left(RecordFailure::new(fault, Advice::Stop));
                continue;
            }
            // A child that exited may have failed because of an earlier record.
            let conclusive =
                !self.has_acknowledged || !matches!(cause, ChildError::Exited { .. } | ChildError::Pipe(_));
            window.child_failed(&error, conclusive);
            if fruitless_restarts >= MAX_FRUITLESS_RESTARTS || matches!(cause, ChildError::Start(_)) {
                // None of these records was found to be the cause.
                window.fail_left(RecordFailure::new(error, Advice::Unable));
            }
        }
        self.next_id = window.next_id();
        let failures = window.failures();
        let unhandled: usize = failures.iter().map(|failure| batch[failure.run].records.len() - failure.done).sum();
        let total: usize = batch.iter().map(|run| run.records.len()).sum();
        self.shared.counts.acknowledged.fetch_add((total - unhandled) as u64, Relaxed);
        failures
    }
}

impl ExecHandler {
    pub(super) fn new(shared: Arc<ExecShared>, worker: u32) -> Self {
        let stderr_log = shared.stderr_log.of(worker);
        Self {
            shared,
            stderr_log,
            child: None,
            has_acknowledged: false,
            restarts_without_ack: 0,
            not_before: None,
            next_id: 1,
        }
    }

    /// Works until the batch is finished or the child has to be replaced.
    fn work(&mut self, batch: &[LaneRun], window: &mut Window) -> Result<(), ChildError> {
        if window.is_done() {
            return Ok(());
        }
        // A child that ended between two batches had no record in flight.
        if let Some(mut child) = self.child.take_if(|child| child.has_exited() || child.stdout_closed()) {
            let cause = exit_error(&mut child);
            self.end_child(&cause.to_string());
        }
        let child = match &mut self.child {
            Some(child) => child,
            none => {
                self.has_acknowledged = false;
                none.insert(start(&self.shared, &self.stderr_log, self.not_before.take())?)
            }
        };
        let timeout = self.shared.settings.timeout;
        let (mut last_answer, mut idle) = (Instant::now(), false);
        // What the child wrote since the last batch does not belong to a record of this one.
        child.exchange(Duration::ZERO).map_err(ChildError::Pipe)?;
        if let Some(line) = child.line() {
            handle_answer(line.map_err(|_| ChildError::LineTooLong)?, window, &self.shared)?;
        }
        loop {
            send_records(child, batch, window, &self.shared);
            if window.is_done() {
                return Ok(());
            }
            // A child that is ending is read until its output is exhausted.
            let closing = child.stdout_closed() || (idle && (child.stdin_closed() || child.has_exited()));
            let wait = if closing {
                Duration::ZERO
            } else {
                EXIT_POLL_INTERVAL.min(timeout.saturating_sub(last_answer.elapsed()))
            };
            idle = !child.exchange(wait).map_err(ChildError::Pipe)?;
            while let Some(line) = child.line() {
                handle_answer(line.map_err(|_| ChildError::LineTooLong)?, window, &self.shared)?;
                last_answer = Instant::now();
                (self.has_acknowledged, self.restarts_without_ack) = (true, 0);
            }
            if closing && idle {
                return Err(exit_error(child));
            }
            if last_answer.elapsed() >= timeout {
                return Err(ChildError::TimedOut(timeout));
            }
        }
    }

    /// Kills the child and sets when the next one may start.
    fn end_child(&mut self, error: &str) {
        self.child = None;
        self.shared.counts.ended.fetch_add(1, Relaxed);
        self.stderr_log.warn(error);
        // The first failure does not count: the child may have handled thousands of records.
        let doubled =
            self.restarts_without_ack.checked_sub(1).map(|times| MIN_RESTART_DELAY * 2_u32.pow(times.min(10)));
        self.not_before = doubled.map(|wait| Instant::now() + wait.min(MAX_RESTART_DELAY));
        self.restarts_without_ack += 1;
    }

    /// Why the command itself is faulty, independent of records; `None` if another child may succeed.
    fn command_fault(&self, cause: &ChildError) -> Option<String> {
        if let ChildError::Start(error) = cause {
            return is_permanent(error).then(|| cause.to_string());
        }
        if self.shared.any_acknowledged.load(Relaxed) {
            return None;
        }
        let fault = if cause.is_protocol_violation() {
            if self.restarts_without_ack < MIN_VIOLATIONS_TO_STOP {
                return None;
            }
            cause.to_string()
        } else if matches!(cause, ChildError::Exited { .. }) && !self.shared.probe_passed.load(Relaxed) {
            // Probed at the first exit, before any record uses up its retries on a command that cannot work.
            match probe(&self.shared.command, &self.stderr_log) {
                Ok(()) => {
                    self.shared.probe_passed.store(true, Relaxed);
                    return None;
                }
                Err(fault) => format!("it also fails when started without records: {fault}"),
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
            ChildEnd::Exited(status) if status.success() => {}
            ChildEnd::Exited(status) => {
                self.stderr_log.warn(&format!("the command failed after its input was closed ({status})"));
            }
            ChildEnd::Terminated => self
                .stderr_log
                .warn("the command did not exit after its input ended (exec.stop_timeout) and was terminated"),
        }
    }
}

fn start(shared: &ExecShared, stderr_log: &StderrLog, not_before: Option<Instant>) -> Result<Child, ChildError> {
    if let Some(until) = not_before {
        thread::sleep(until.saturating_duration_since(Instant::now()));
    }
    let child = Child::start(&shared.command, stderr_log.clone()).map_err(ChildError::Start)?;
    shared.counts.started.fetch_add(1, Relaxed);
    Ok(child)
}

/// Whether starting the command again would fail in the same way.
fn is_permanent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied)
        || error.raw_os_error() == Some(libc::ENOEXEC)
}

fn exit_error(child: &mut Child) -> ChildError {
    let status = child.reap();
    ChildError::Exited { status, last_line: child.last_line() }
}

/// Sends records as long as the child has room and records may be sent.
fn send_records(child: &mut Child, batch: &[LaneRun], window: &mut Window, shared: &ExecShared) {
    while child.has_room()
        && let Some((id, at)) = window.next()
    {
        let lane = &batch[at.run];
        if let Err(failure) = shared.append(child.pending(), id, lane.lane, &lane.records[at.index]) {
            window.fail(at, failure);
        }
    }
}

fn handle_answer(line: &[u8], window: &mut Window, shared: &ExecShared) -> Result<(), ChildError> {
    let redactor = &shared.stderr_log.redactor;
    let (id, verdict) =
        parse_line(line, redactor).map_err(|reason| ChildError::invalid_line(line, &reason, redactor))?;
    if verdict != Verdict::Handled {
        shared.counts.refused.fetch_add(1, Relaxed);
    }
    window.acknowledge(id, verdict).map_err(ChildError::UnexpectedAck)?;
    shared.any_acknowledged.store(true, Relaxed);
    Ok(())
}
