//! The end of a run: finishes the records in flight, commits the positions, and then reports the end.

use std::{
    thread::JoinHandle,
    time::{Duration, Instant},
};

use kreplay_model::{
    domain::number::{Count, by_count, counted},
    feed::{EventKind, RunState},
};

use super::{
    Reading, Run,
    handler_finish::{FinishError, HandlerFinish},
    stalemate::{self, Leftovers},
};
use crate::{
    handler::{PositionStore, RunEnd},
    replay::{engine::Engine, partition::Owner},
};

/// A run's end in progress.
pub(super) struct Ending {
    /// The final state.
    pub(super) state: RunState,
    /// When the run ends even if something has not finished.
    deadline: Instant,
    /// Whether all records in flight have finished within the drain timeout.
    is_drained: bool,
    /// Whether records were still in flight at the end of the drain timeout.
    has_stuck_records: bool,
}

/// How long members may take to commit their last positions and to leave, if records in flight have used up the drain
/// timeout.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);

impl Ending {
    fn new(state: RunState, drain_timeout: Duration, now: Instant) -> Self {
        Self { state, deadline: now + drain_timeout, is_drained: false, has_stuck_records: false }
    }

    /// Whether records in flight are still waited for.
    fn is_draining(&mut self, in_flight: u64, drain_timeout: Duration, now: Instant) -> bool {
        if self.has_stuck_records {
            return false;
        }
        if in_flight == 0 {
            if !std::mem::replace(&mut self.is_drained, true) {
                // Members still have to commit what has just finished.
                self.deadline = self.deadline.max(now + LEAVE_TIMEOUT.min(drain_timeout));
            }
            return false;
        }
        if now < self.deadline {
            return true;
        }
        self.has_stuck_records = true;
        self.deadline = now + LEAVE_TIMEOUT;
        false
    }

    fn is_late(&self, now: Instant) -> bool {
        now >= self.deadline
    }
}

impl Run {
    pub(super) fn check_end(&mut self, now: Instant) {
        if self.engine.status.has_failed() {
            self.begin_ending(RunState::Failed, now);
        } else if self.engine.partitions.finished_at().is_some() {
            self.report_nothing_left();
            self.begin_ending(RunState::Done, now);
        } else {
            self.check_failed_partitions(now);
        }
    }

    /// Fails the run if partitions have failed, and this process has nothing else left to do.
    fn check_failed_partitions(&mut self, now: Instant) {
        // Before the lanes: what leaves the buffer after this is in a lane by the next time.
        let is_reordering = self.engine.is_reordering();
        let (waiting, in_flight) = self.engine.scheduler.load();
        // Quarantined keys, and what waits for them, are decided first.
        let records = waiting + in_flight + self.engine.scheduler.quarantine_load().records;
        let is_busy = records > 0 || is_reordering;
        let left = if is_busy { Leftovers::default() } else { Leftovers::of(&self.engine.partitions) };
        let is_stalemate = self.is_stalemate(&left, now);
        if left.failed == 0 || left.open() > 0 && !is_stalemate {
            return;
        }
        let first = self.engine.status.unreadable().unwrap_or_default();
        let all = if left.failed == 1 { String::new() } else { format!(" ({} partitions in total)", left.failed) };
        let others = if is_stalemate {
            format!(
                "all other records of this process are handled, and {} of other processes made no progress for {} s",
                counted(left.open(), "partition"),
                stalemate::PATIENCE.as_secs()
            )
        } else {
            "all other records are handled".to_owned()
        };
        self.engine.fail(format!("{first}{all}; {others}"));
    }

    /// Whether the other processes may be waiting for this one, as this one waits for them. A run that follows the
    /// log never ends by itself. The time of a pause, and of a claim whose partitions are about to begin, does not
    /// count.
    fn is_stalemate(&mut self, left: &Leftovers, now: Instant) -> bool {
        let Engine { plan, scheduler, claims, group, .. } = &*self.engine;
        let counts = !plan.follow && !scheduler.is_paused() && !claims.are_pending();
        self.stalemate.is_reached(left, group.last_look().filter(|_| counts), now)
    }

    /// Reports why a finished run has read nothing, if every record was already settled before it started.
    fn report_nothing_left(&self) {
        let offsets = self.engine.plan.records();
        let nothing_read = self.engine.partitions.iter().all(|partition| {
            let partition = partition.lock();
            let read_before = partition.already_handled + partition.repeated;
            partition.handled + partition.filtered + read_before + partition.passed_over + partition.lost == 0
        });
        if offsets == 0 || !nothing_read {
            return;
        }
        let records = match offsets {
            1 => "the only record was".to_owned(),
            _ => format!("all {} records were", Count(offsets)),
        };
        let text = match (self.engine.position_store(), &self.engine.settings.group) {
            (PositionStore::Target, _) => {
                format!("{records} already applied: the target's positions are at the end of the range")
            }
            (PositionStore::TargetGroup, _) => match offsets {
                1 => "the only record is already in the target".to_owned(),
                _ => format!("all {} records are already in the target", Count(offsets)),
            },
            (PositionStore::Run, Some(group)) => format!(
                "{records} already handled: group {group} has committed the end of the range; another --group reads {} \
                 again",
                by_count(offsets, "it", "them")
            ),
            (PositionStore::Run, None) => return,
        };
        self.engine.events.notice(text);
    }

    pub(super) fn begin_ending(&mut self, state: RunState, now: Instant) {
        self.engine.scheduler.stop();
        if state != RunState::Done {
            let Engine { matches, partitions, counters, events, settings, .. } = &*self.engine;
            matches.report_early_end(partitions, counters, events, settings.group.is_some());
        }
        self.engine.ingress.report_timestamp_findings(&self.engine.partitions, &self.engine.events);
        self.state = RunState::Draining;
        self.ending = Some(Ending::new(state, self.engine.settings.drain_timeout, now));
    }

    pub(super) fn continue_ending(&mut self, now: Instant) {
        if self.handler_finish.is_some() {
            return self.poll_handler_finish();
        }
        let Some(ending) = &mut self.ending else { return };
        let state = ending.state;
        let (_, in_flight) = self.engine.scheduler.load();
        if ending.is_draining(in_flight, self.engine.settings.drain_timeout, now) {
            return;
        }
        let late = ending.is_late(now);
        self.engine.stop_reading();
        let reading_done = match &mut self.reading {
            Reading::Own(threads) => threads.iter().all(JoinHandle::is_finished),
            Reading::Group { members, .. } => {
                for (_, member) in members.iter() {
                    member.leave();
                }
                members.iter().all(|(_, member)| member.is_gone())
            }
        };
        let workers_done = self.workers.iter().all(|slot| slot.thread.as_ref().is_none_or(JoinHandle::is_finished));
        // A worker whose record is still in flight is not waited for.
        let all_gone = reading_done && (workers_done || in_flight > 0);
        if !all_gone && !late {
            return;
        }
        if in_flight > 0 || !workers_done {
            self.engine.events.warn(
                "records in flight did not finish within the drain timeout; they were not committed and will be \
                       handled again",
            );
        }
        if !reading_done {
            self.engine.events.warn(
                "could not leave the group within the timeout; records handled since the last commit will be \
                       handled again",
            );
        }
        self.finish_handlers(state, now);
    }

    /// Everything is handled. In a group the run is done only after the coordinator has acknowledged that.
    fn state_after_group_commit(&mut self, state: RunState) -> RunState {
        if state != RunState::Done {
            return state;
        }
        if self.engine.settings.group.is_none() || self.engine.position_store() == PositionStore::TargetGroup {
            return state;
        }
        let (partitions, count) = self.engine.partitions.unacknowledged();
        if count == 0 {
            return state;
        }
        let named: Vec<String> = partitions.iter().map(ToString::to_string).collect();
        let more = if count > named.len() { format!(" and {} more", count - named.len()) } else { String::new() };
        let text = format!(
            "all records are handled, but the group's coordinator has not acknowledged the last positions of {}{more}; \
             run the same command again when the coordinator is available: records above the committed positions will \
             be handled again",
            named.join(", ")
        );
        self.engine.events.error(text.clone());
        self.error.get_or_insert(text);
        RunState::Failed
    }

    /// A run that follows the log has no end. If it is stopped after it has settled everything it saw, it is done.
    fn state_when_following(&mut self, state: RunState) -> RunState {
        if !self.engine.plan.follow || state != RunState::Cancelled {
            return state;
        }
        let mut is_done = true;
        for partition in self.engine.partitions.iter() {
            let partition = partition.lock();
            let is_ours = partition.owner != Owner::None;
            // Nothing can be committed for a deleted topic; the handled records decide.
            let is_handled = partition.is_at_end() || partition.own_position() >= partition.end;
            if partition.has_failed() && (!is_handled || partition.log_is_gone()) {
                self.error = self.engine.status.unreadable();
                return RunState::Failed;
            }
            is_done &= !is_ours || partition.is_at_end() || partition.has_failed();
        }
        if is_done { RunState::Done } else { state }
    }

    fn finish_handlers(&mut self, state: RunState, now: Instant) {
        self.close_dead_letters();
        self.error = self.engine.status.failure().or(self.error.take());
        let state = self.state_after_group_commit(state);
        let state = self.state_when_following(state);
        let end = RunEnd {
            complete: state == RunState::Done,
            handled: self.engine.partitions.handled(),
            passed_over: self.engine.counters.passed_over(),
        };
        // Without a group the run ends with the last record; in a group, the positions had to be committed first.
        let ended_at = match (&self.reading, self.engine.partitions.finished_at()) {
            (Reading::Own(_), Some(finished)) => finished,
            _ => now,
        };
        self.handler_finish = Some(HandlerFinish::begin(&self.engine, &self.source, end, state, ended_at));
        self.poll_handler_finish();
    }

    /// Checks whether the handlers have finished, and then ends the run.
    pub(super) fn poll_handler_finish(&mut self) {
        let Some(handler_finish) = &mut self.handler_finish else { return };
        let Some((result, took)) = handler_finish.poll(&self.engine) else { return };
        let (state, end) = (handler_finish.state, handler_finish.ended_at + took);
        self.handler_finish = None;
        self.state = state;
        if let Err(FinishError { text, class }) = result {
            self.engine.events.error(text.clone());
            if self.error.is_none() {
                self.engine.status.note_class(class);
                self.error = Some(text);
            }
            self.state = RunState::Failed;
        }
        self.conclude(end);
    }

    fn conclude(&mut self, end: Instant) {
        self.ended_at = Some(end);
        let elapsed_s = self.elapsed_s(end);
        if let Some(checkpoint_thread) = self.checkpoint_thread.take()
            && !checkpoint_thread.end(self.journal_totals(end))
        {
            self.engine.events.warn(
                "the last checkpoint was not written in time; records handled after the previous one are \
                       repeated when the run is resumed",
            );
        }
        self.engine.events.push(EventKind::Finished { run_id: self.id.clone(), state: self.state, elapsed_s });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

    /// The state at a second with this number of records in flight: whether they are waited for, and whether the run
    /// ends even if members have not left.
    fn at(ending: &mut Ending, begun: Instant, second: u64, in_flight: u64) -> (bool, bool) {
        let now = begun + Duration::from_secs(second);
        (ending.is_draining(in_flight, DRAIN_TIMEOUT, now), ending.is_late(now))
    }

    #[test]
    fn members_have_time_to_commit_records_that_finish_at_the_last_moment() {
        let begun = Instant::now();
        let mut ending = Ending::new(RunState::Cancelled, DRAIN_TIMEOUT, begun);
        assert_eq!(at(&mut ending, begun, 29, 1), (true, false));
        // The handler returns between these two looks.
        assert_eq!(at(&mut ending, begun, 30, 0), (false, false));
        assert_eq!(at(&mut ending, begun, 39, 0), (false, false));
        assert_eq!(at(&mut ending, begun, 40, 0), (false, true));
    }

    #[test]
    fn members_have_the_whole_drain_timeout_if_nothing_is_in_flight() {
        let begun = Instant::now();
        let mut ending = Ending::new(RunState::Done, DRAIN_TIMEOUT, begun);
        assert_eq!(at(&mut ending, begun, 0, 0), (false, false));
        assert_eq!(at(&mut ending, begun, 29, 0), (false, false));
        assert_eq!(at(&mut ending, begun, 30, 0), (false, true));
    }

    #[test]
    fn members_have_time_to_commit_the_other_records_if_a_handler_does_not_return() {
        let begun = Instant::now();
        let mut ending = Ending::new(RunState::Cancelled, DRAIN_TIMEOUT, begun);
        assert_eq!(at(&mut ending, begun, 30, 1), (false, false));
        assert_eq!(at(&mut ending, begun, 39, 1), (false, false));
        assert_eq!(at(&mut ending, begun, 40, 0), (false, true));
    }
}
