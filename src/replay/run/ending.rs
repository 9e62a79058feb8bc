//! How a run comes to its end: what is in hand is finished, the positions are committed, and then it is told.

use std::{sync::atomic::Ordering::Relaxed, thread::JoinHandle, time::Instant};

use super::{
    Reading, Run,
    finishing::{BadEnd, Finishing},
};
use crate::{
    feed::{EventKind, Owner, PartitionState, RunState},
    handler::{KeptBy, RunEnd},
};

/// An end under way.
pub(super) struct Ending {
    /// What the run will be then.
    pub(super) state: RunState,
    /// When it ends whatever is still going on.
    deadline: Instant,
}

impl Run {
    pub(super) fn look_for_the_end(&mut self, now: Instant) {
        if self.engine.failure().is_some() {
            self.begin_ending(RunState::Failed, now);
        } else if self.engine.finished_at().is_some() {
            self.tell_if_nothing_was_left();
            self.begin_ending(RunState::Done, now);
        } else {
            let (waiting, in_hand) = self.engine.board.load();
            // What is in quarantine, and what waits behind it, is decided first.
            if waiting + in_hand + self.engine.board.quarantine_load().records == 0 {
                let (mut failed, mut open) = (0, 0);
                for partition in self.engine.partitions.iter() {
                    let partition = partition.lock();
                    failed += usize::from(partition.state == PartitionState::Failed);
                    open += usize::from(partition.state != PartitionState::Failed && !partition.is_complete());
                }
                if open == 0 && failed > 0 {
                    let first = self.engine.unreadable().unwrap_or_default();
                    let all = if failed == 1 { String::new() } else { format!(" ({failed} partitions in all)") };
                    self.engine.fail(format!("{first}{all}; everything else is handled"));
                }
            }
        }
    }

    /// Says why a run that has come to its end has read nothing, where everything was dealt with before it began.
    fn tell_if_nothing_was_left(&self) {
        let offsets = self.engine.plan.records();
        let nothing_read = self.engine.partitions.iter().all(|partition| {
            let partition = partition.lock();
            let read_before = partition.already_handled + partition.repeated;
            partition.handled + partition.filtered + read_before + partition.passed_over + partition.lost == 0
        });
        if offsets == 0 || !nothing_read {
            return;
        }
        let text = match (self.engine.kept_by(), &self.engine.settings.group) {
            (KeptBy::Target, _) => {
                format!("all {offsets} are applied already: the handler's target stands at the end of the range")
            }
            (KeptBy::TargetsGroup, _) => format!("all {offsets} are in the target already"),
            (KeptBy::Run, Some(group)) => format!(
                "all {offsets} are dealt with already: group {group} has committed the end of the range; another --group reads it again"
            ),
            (KeptBy::Run, None) => return,
        };
        self.engine.events.push(EventKind::Notice { text });
    }

    pub(super) fn begin_ending(&mut self, state: RunState, now: Instant) {
        self.engine.board.stop();
        if state != RunState::Done {
            self.engine.end_without_matches();
        }
        self.engine.tell_of_times();
        self.state = RunState::Draining;
        self.ending = Some(Ending { state, deadline: now + self.engine.settings.drain_timeout });
    }

    pub(super) fn go_on_ending(&mut self, now: Instant) {
        if self.finishing.is_some() {
            return self.go_on_finishing();
        }
        let Some(ending) = &self.ending else { return };
        let (state, late) = (ending.state, now >= ending.deadline);
        let (_, in_hand) = self.engine.board.load();
        if in_hand > 0 && !late {
            return;
        }
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
        let all_gone = reading_done && workers_done;
        if !all_gone && !late {
            return;
        }
        if in_hand > 0 || !workers_done {
            self.engine.events.push(EventKind::Warning {
                text: "work in hand did not come to its end in time; the positions stay below it".into(),
            });
        } else if !reading_done {
            self.engine.events.push(EventKind::Warning {
                text: "the group was not left in good order in time; what was handled since the last commit will be repeated"
                    .into(),
            });
        }
        self.finish_handlers(state, now);
    }

    /// Everything is handled; in a group the run is done when the coordinator has acknowledged that.
    fn state_by_the_group(&mut self, state: RunState) -> RunState {
        if state != RunState::Done {
            return state;
        }
        let (partitions, count) = self.engine.unacknowledged();
        if count == 0 {
            return state;
        }
        let named: Vec<String> = partitions.iter().map(ToString::to_string).collect();
        let more = if count > named.len() { format!(" and {} more", count - named.len()) } else { String::new() };
        let text = format!(
            "everything is handled, but the group's coordinator has not acknowledged the last positions of {}{more}; run the \
             same command again when it answers: it repeats what is above the committed positions",
            named.join(", ")
        );
        self.engine.events.push(EventKind::Error { text: text.clone() });
        self.error.get_or_insert(text);
        RunState::Failed
    }

    /// A run that follows the log has no end of its own. Stopped with everything dealt with that it saw, it is done.
    fn state_of_following(&mut self, state: RunState) -> RunState {
        if !self.engine.plan.follow || state != RunState::Cancelled {
            return state;
        }
        let mut is_done = true;
        for partition in self.engine.partitions.iter() {
            let partition = partition.lock();
            let is_ours = partition.owner != Owner::Nobody;
            // Of a topic that is gone nothing can be committed any more: what was handled of it decides.
            let is_handled = partition.is_at_end() || partition.own_position() >= partition.end;
            if partition.has_failed() && (!is_handled || partition.log_is_gone()) {
                self.error = self.engine.unreadable();
                return RunState::Failed;
            }
            is_done &= !is_ours || partition.is_at_end() || partition.has_failed();
        }
        if is_done { RunState::Done } else { state }
    }

    fn finish_handlers(&mut self, state: RunState, now: Instant) {
        self.close_dead_letters();
        self.error = self.engine.failure().or(self.error.take());
        let state = self.state_by_the_group(state);
        let state = self.state_of_following(state);
        let end = RunEnd {
            complete: state == RunState::Done,
            handled: self.engine.handled(),
            passed_over: self.engine.skipped.load(Relaxed) + self.engine.dead_lettered.load(Relaxed),
        };
        // Without a group nothing is left to do after the last record; with one, the positions had to be committed.
        let over = match (&self.reading, self.engine.finished_at()) {
            (Reading::Own(_), Some(finished)) => finished,
            _ => now,
        };
        self.finishing = Some(Finishing::begin(&self.engine, &self.source, end, state, over));
        self.go_on_finishing();
    }

    /// Looks whether the handlers are at their end, and with them the run.
    pub(super) fn go_on_finishing(&mut self) {
        let Some(finishing) = &mut self.finishing else { return };
        let Some((result, took)) = finishing.look(&self.engine) else { return };
        let (state, end) = (finishing.state, finishing.over + took);
        self.finishing = None;
        self.state = state;
        if let Err(BadEnd { text, usage }) = result {
            self.engine.events.push(EventKind::Error { text: text.clone() });
            if self.error.is_none() {
                self.engine.note_usage(usage);
                self.error = Some(text);
            }
            self.state = RunState::Failed;
        }
        self.conclude(end);
    }

    fn conclude(&mut self, end: Instant) {
        self.over = Some(end);
        let elapsed_s = self.elapsed_s(end);
        if let Some(recorder) = self.recorder.take()
            && !recorder.end(self.figures(end))
        {
            self.engine.events.push(EventKind::Warning {
                text: "the journal's last entry was not written in time; what came after the one before it is repeated when \
                       the run is resumed"
                    .into(),
            });
        }
        self.engine.events.push(EventKind::Finished { run_id: self.id.clone(), state: self.state, elapsed_s });
    }
}
