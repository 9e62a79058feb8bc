//! Executes the plan: creates topics, copies up to each sync point, verifies, carries offsets over. Each step can be
//! repeated.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use kreplay_engine::plan::held_back::{in_words, total};
use kreplay_kafka::{CatalogError, LogEnds, topic_limits};
use kreplay_model::domain::{
    TopicPartition,
    number::{Count, counted, counted_as},
};
use serde::Serialize;

use super::{
    carry_offsets::{Carried, CarryState, carry_offsets},
    copy::Copier,
    error::MigrateError,
    migration::{Migration, sections, span},
    plan::PlanContext,
    read::{check_topic_ids, read, recreation},
    sync_point_log::{SyncPointLog, SyncPoints},
    sync_points::is_passed,
    verify::Verified,
    view::{MigrationPlan, Progress},
    written_ends::WrittenEnds,
};
use crate::{
    Replication,
    create::{TopicState, create},
};

/// How often the old topics are polled with `--follow`.
const FOLLOW_POLL_INTERVAL: Duration = Duration::from_millis(500);
const SLEEP_STEP: Duration = Duration::from_millis(50);
/// How often the lag is reported while nothing happens.
const LAG_NOTICE_INTERVAL: Duration = Duration::from_secs(30);
/// The least time between two reports: each is preceded by a look at all topics of the cluster.
const MIN_NOTICE_INTERVAL: Duration = Duration::from_secs(5);
/// How often all positions are committed again with `--follow`. Kafka expires each of them some time after its last
/// commit (`offsets.retention.minutes`, a week by default).
const CONFIRM_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// For steps that must not be cancelled.
static NEVER_CANCELLED: AtomicBool = AtomicBool::new(false);

/// The result of a migration.
#[derive(Clone, Debug, Serialize)]
pub struct MigrationReport {
    /// The version of the report format.
    pub schema: u32,
    /// The group of the migration's positions, and the id of its transactions.
    pub id: String,
    /// Everything had been done before; nothing was changed.
    pub nothing_to_do: bool,
    /// Topics that were created.
    pub created: Vec<String>,
    /// The number of records copied by this command.
    pub copied: u64,
    /// The comparison of the old and new topics.
    pub verified: Verified,
    /// Offsets of the old topics that open transactions hold back. They are neither copied nor verified.
    pub held_back: u64,
    /// The held-back offsets as text; empty if there are none.
    #[serde(skip)]
    pub held_back_text: String,
    /// The carried-over offsets.
    pub groups: Vec<Carried>,
    /// The duration in seconds.
    pub elapsed_s: f64,
    /// What was planned.
    pub plan: MigrationPlan,
}

impl MigrationReport {
    /// Groups whose offsets were not carried over.
    #[must_use]
    pub fn not_carried(&self) -> Vec<&str> {
        let missing = |one: &&Carried| matches!(one.state, CarryState::Active | CarryState::Failed { .. });
        self.groups.iter().filter(missing).map(|one| one.group.as_str()).collect()
    }
}

impl Migration<'_> {
    /// Executes the migration. With `follow`, copies until it is stopped, and then finishes.
    ///
    /// # Errors
    /// Obstacles, one sentence each, or a failed step. The same call continues from there.
    pub fn execute(&mut self, replication: Replication) -> Result<MigrationReport, MigrateError> {
        let begun = Instant::now();
        let (mut plan, context) = self.plan_with_context()?;
        if !plan.obstacles.is_empty() {
            return Err(MigrateError::Refused(plan.obstacles.join("\n")));
        }
        if plan.progress == Progress::Complete
            && !self.options.follow
            && let Some(verified) = plan.verified
        {
            return self.carry_only(plan, verified, &context, begun);
        }
        for warning in &plan.warnings {
            self.listener.notice(&format!("warning: {warning}"));
        }
        let created = self.create(replication)?;
        for one in plan.new.iter_mut().filter(|one| created.contains(&one.topic)) {
            one.state = TopicState::Created;
        }
        let new = self.all_new_partitions()?;
        let mut state = self.take_over(&context, new)?;
        self.listener.notice(&format!("copying as {}; if stopped, run the same command again to continue", plan.id));
        let copied = self.copy_all(&mut state, &context)?;
        state.written_ends.wait_until_readable(&self.catalog(), &state.new, self.cancel)?;
        let groups = self.groups()?;
        let compared = self.compare_topics(&state.positions, &groups)?;
        if !compared.verified.is_equal() {
            return Err(MigrateError::Refused(difference_error(&compared.verified)));
        }
        self.check_old_topics()?;
        let held_back = self.held_back()?;
        self.listener.notice(&format!(
            "verified: {}, digest {:016x} in the old topics and in the new ones",
            counted(compared.verified.new_records, "record"),
            compared.verified.new_digest
        ));
        let held_back_text = in_words(&held_back);
        if !held_back.is_empty() {
            self.listener.notice(&format!("not copied and not verified: {}", held_back_note(&held_back_text)));
        }
        let groups = carry_offsets(self, &groups, &compared.new, &compared.translated, false)?;
        Ok(MigrationReport {
            schema: 1,
            id: plan.id.clone(),
            nothing_to_do: false,
            created,
            copied,
            verified: compared.verified,
            held_back: total(&held_back),
            held_back_text,
            groups,
            elapsed_s: begun.elapsed().as_secs_f64(),
            plan,
        })
    }

    /// Everything is copied. Carries offsets over if that is not done.
    fn carry_only(
        &mut self,
        mut plan: MigrationPlan,
        verified: Verified,
        context: &PlanContext,
        begun: Instant,
    ) -> Result<MigrationReport, MigrateError> {
        let would = |one: &Carried| one.state == CarryState::WouldBeCarried;
        let (verified, groups) = if plan.carried.iter().any(would) {
            // Since the plan was made, groups may have read on, and other clients may have written to the new topics.
            let groups = self.groups()?;
            let ends: Vec<i64> = context.logs.iter().map(|log| log.end.get()).collect();
            let compared = self.compare_topics(&ends, &groups)?;
            if !compared.verified.is_equal() {
                return Err(MigrateError::Refused(difference_error(&compared.verified)));
            }
            self.check_old_topics()?;
            (compared.verified, carry_offsets(self, &groups, &compared.new, &compared.translated, false)?)
        } else {
            (verified, std::mem::take(&mut plan.carried))
        };
        let held_back = self.held_back()?;
        let nothing_to_do = are_done_before(&groups);
        Ok(MigrationReport {
            schema: 1,
            id: plan.id.clone(),
            nothing_to_do,
            created: Vec::new(),
            copied: 0,
            verified,
            held_back: total(&held_back),
            held_back_text: in_words(&held_back),
            groups,
            elapsed_s: begun.elapsed().as_secs_f64(),
            plan,
        })
    }

    fn create(&mut self, replication: Replication) -> Result<Vec<String>, MigrateError> {
        let outcomes = create(self.client, &self.routes.wanted(), replication, false, self.options.timeout)?;
        let mut created = Vec::new();
        for one in outcomes {
            match one.state {
                TopicState::Created => created.push(one.topic),
                TopicState::Exists => {}
                TopicState::Failed { reason } => {
                    return Err(MigrateError::Refused(format!("topic {} cannot be created: {reason}", one.topic)));
                }
                TopicState::Invisible { seconds } => {
                    return Err(CatalogError::NotVisible { topic: one.topic, seconds }.into());
                }
                TopicState::Missing | TopicState::Differs { .. } => {
                    return Err(MigrateError::Refused(format!(
                        "another client has created topic {} with another number of partitions; run the same command \
                         again",
                        one.topic
                    )));
                }
            }
        }
        if !created.is_empty() {
            self.listener.notice(&format!("created {}", created.join(", ")));
        }
        Ok(created)
    }

    /// Takes over the migration and determines its progress.
    fn take_over(&mut self, context: &PlanContext, new: Vec<TopicPartition>) -> Result<CopyState, MigrateError> {
        let config = self.client.config();
        let topics: Vec<&str> = self.routes.targets().iter().map(|target| target.topic.as_str()).collect();
        let limits = topic_limits(config, &topics, self.options.timeout);
        let copier = Copier::new(config, &self.id(), limits, self.options.timestamps)?;
        let log = SyncPointLog::new(config, &self.id(), self.options.timeout)?;
        let written_ends = WrittenEnds::new(config, self.options.timeout)?;
        let positions = copier.positions(&self.old)?;
        let low: Vec<i64> = context.logs.iter().map(|log| log.low.get()).collect();
        let mut starts: Vec<i64> =
            positions.iter().zip(&low).map(|(at, low)| if at.is_some() { i64::MIN } else { *low }).collect();
        let never_written = written_ends.now(&new)?.iter().all(|end| *end == 0);
        let mut is_new = positions.iter().all(Option::is_none);
        let mut positions: Vec<i64> = positions.into_iter().zip(&low).map(|(at, low)| at.unwrap_or(*low)).collect();
        if never_written && !is_new {
            self.listener.notice("the new topics were recreated, so everything is copied again");
            copier.reset_positions(&self.old, &low)?;
            starts = vec![i64::MIN; low.len()];
            (positions, is_new) = (low, true);
        }
        if !is_new {
            self.listener.notice("continuing a migration that was started before");
            written_ends.wait_until_readable(&self.catalog(), &new, self.cancel)?;
            let so_far = self.compare_topics(&positions, &[])?.verified;
            if !so_far.is_equal() {
                return Err(MigrateError::Refused(difference_error(&so_far)));
            }
            // Lost sync points cannot be made up for: later records may be copied already.
            let sync_points = log.load(&self.old, &new)?.unwrap_or_default();
            return Ok(CopyState { copier, log, written_ends, sync_points, new, positions, starts });
        }
        // An aborted transaction leaves markers in the log, but no readable records.
        if !never_written && self.compare_topics(&positions, &[])?.verified.new_records > 0 {
            return Err(MigrateError::Refused(
                "the new topics are not empty, but nothing of this migration was copied yet; empty them or choose \
                 other names"
                    .into(),
            ));
        }
        let sync_points = SyncPoints { points: context.sync_plan.points.clone(), ends: Vec::new() };
        log.save(&self.old, &new, &sync_points)?;
        Ok(CopyState { copier, log, written_ends, sync_points, new, positions, starts })
    }

    /// Copies up to each sync point, and then the rest.
    fn copy_all(&mut self, state: &mut CopyState, context: &PlanContext) -> Result<u64, MigrateError> {
        let cancel = self.cancel;
        let mut copied = 0;
        for point in state.sync_points.ends.len()..state.sync_points.points.len() {
            let to = state.sync_points.points[point].clone();
            if is_passed(&to, &state.positions, &state.starts) {
                // The ends now include records above the sync point. A group that starts there would skip them.
                state.sync_points.add_unknown_ends(state.new.len());
                continue;
            }
            let what = format!("copying up to sync point {} of {}", point + 1, state.sync_points.points.len());
            copied += self.copy(state, &context.logs, &to, &what, cancel)?;
            state.record_ends(&self.old)?;
        }
        let ends: Vec<i64> = context.logs.iter().map(|log| log.end.get()).collect();
        copied += self.copy(state, &context.logs, &ends, "copying", cancel)?;
        if self.options.follow {
            copied += self.follow(state)?;
            // The first signal means: finish. A second one ends the process.
            self.cancel = &NEVER_CANCELLED;
        }
        Ok(copied)
    }

    fn copy(
        &mut self,
        state: &mut CopyState,
        logs: &[LogEnds],
        to: &[i64],
        what: &str,
        cancel: &AtomicBool,
    ) -> Result<u64, MigrateError> {
        let mut sections = sections(logs, Some(&state.positions), to);
        for (section, position) in sections.iter_mut().zip(&state.positions) {
            // Records that retention removes before they are copied must not be lost silently.
            if section.from.get() > *position && section.from < section.end {
                return Err(MigrateError::Refused(format!(
                    "retention has removed records of {} from offset {position} on before they were copied; raise the \
                     retention of the old topics, delete the new ones, and migrate again",
                    section.id
                )));
            }
            section.end = section.end.max(section.from);
        }
        let offsets = span(&sections);
        if offsets == 0 {
            return Ok(0);
        }
        self.listener.step(what, offsets);
        let config = self.config();
        let mut on_progress = |records| self.listener.progress(records);
        let mut pass = state.copier.pass(&mut self.routes, &sections, &self.topic_of, &mut on_progress);
        let copied = match read(&config, &sections, &self.ids, self.options.timeout, cancel, &mut pass) {
            Ok(()) => pass.finish()?,
            Err(error) => {
                pass.abort();
                return Err(error);
            }
        };
        for (position, section) in state.positions.iter_mut().zip(&sections) {
            *position = (*position).max(section.end.get());
        }
        Ok(copied)
    }

    /// Copies new records of the old topics until it is stopped, and then the rest.
    fn follow(&mut self, state: &mut CopyState) -> Result<u64, MigrateError> {
        let (mut copied, mut was_at_end, mut last_notice) = (0, false, None::<Instant>);
        let mut last_confirmed = Instant::now();
        loop {
            let last = self.cancel.load(Relaxed);
            if last_confirmed.elapsed() >= CONFIRM_INTERVAL {
                state.confirm(&self.old)?;
                last_confirmed = Instant::now();
            }
            check_topic_ids(&self.catalog(), &self.ids)?;
            // A topic may be deleted between these requests.
            let explained = |error| recreation(&self.catalog(), &self.ids, self.cancel).unwrap_or(error);
            let logs = self.logs().map_err(explained)?;
            let ends: Vec<i64> = logs.iter().map(|log| log.end.get()).collect();
            let lag: u64 =
                ends.iter().zip(&state.positions).map(|(end, at)| u64::try_from(end - at).unwrap_or(0)).sum();
            if lag > 0 {
                // If it is stopped during this copy, the records found so far are still copied.
                copied += self.copy(state, &logs, &ends, "following", &NEVER_CANCELLED)?;
                was_at_end = false;
            } else if last_notice
                .is_none_or(|at| at.elapsed() >= if was_at_end { LAG_NOTICE_INTERVAL } else { MIN_NOTICE_INTERVAL })
            {
                // Otherwise added topics would be noticed only after producers and consumers have been stopped.
                self.check_old_topics()?;
                (was_at_end, last_notice) = (true, Some(Instant::now()));
                self.listener.notice(
                    "lag is zero: to cut over, stop the producers and the consumers of the old topics, wait for this \
                     message again, and press Ctrl-C",
                );
            }
            if last && lag == 0 {
                return Ok(copied);
            }
            let next_poll = Instant::now() + FOLLOW_POLL_INTERVAL;
            while !last && lag == 0 && Instant::now() < next_poll && !self.cancel.load(Relaxed) {
                std::thread::sleep(SLEEP_STEP);
            }
        }
    }
}

/// The state of a migration that was taken over.
struct CopyState {
    copier: Copier,
    log: SyncPointLog,
    written_ends: WrittenEnds,
    sync_points: SyncPoints,
    new: Vec<TopicPartition>,
    /// The position of each old partition.
    positions: Vec<i64>,
    /// Where copying each old partition began; `i64::MIN` if its position was committed before.
    starts: Vec<i64>,
}

impl CopyState {
    /// Records the ends of the new partitions at a sync point that was reached.
    fn record_ends(&mut self, old: &[TopicPartition]) -> Result<(), MigrateError> {
        self.sync_points.ends.push(self.written_ends.now(&self.new)?);
        // Confirmed after the ends were read: if another process has taken over while this one was suspended, they are
        // those of a later moment. A group that starts there would skip records.
        self.confirm(old)
    }

    /// Commits the positions and the sync points again. The positions come first, because only their commit fails if
    /// another process has taken over.
    fn confirm(&self, old: &[TopicPartition]) -> Result<(), MigrateError> {
        // A partition of which nothing was copied needs no position: its log may still lose its first records.
        let begun = old.iter().zip(&self.positions).zip(&self.starts).filter(|((_, at), start)| at > start);
        let (ids, at): (Vec<TopicPartition>, Vec<i64>) = begun.map(|((id, at), _)| (id.clone(), *at)).unzip();
        if ids.is_empty() {
            // Without any position, the transaction would not reach the coordinator, which tells whether another
            // process has taken over.
            self.copier.confirm_positions(&old[..old.len().min(1)], &self.positions)?;
        } else {
            self.copier.confirm_positions(&ids, &at)?;
        }
        self.log.save(old, &self.new, &self.sync_points)
    }
}

/// Whether nothing was left to do for these groups.
fn are_done_before(groups: &[Carried]) -> bool {
    groups.iter().all(|one| matches!(one.state, CarryState::AlreadyCarried | CarryState::HasItsOwn))
}

/// The message about offsets that open transactions hold back.
pub(super) fn held_back_note(held_back: &str) -> String {
    format!("open transactions hold back {held_back}; once they have ended, the same command copies the rest")
}

fn difference_error(verified: &Verified) -> String {
    let Verified { old_records, new_records, keys_missing, keys_surplus, keys_changed, .. } = verified;
    format!(
        "the new topics differ from the old ones: {} in the old topics and {} in the new ones; {} records, {} too \
         many, {} other records or another order. Another client has written to the new topics, or retention or \
         compaction has removed records. No offsets were carried over",
        counted(*old_records, "record"),
        Count(*new_records),
        counted_as(*keys_missing, "key lacks", "keys lack"),
        counted_as(*keys_surplus, "has", "have"),
        counted_as(*keys_changed, "has", "have")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_were_not_carried_over_are_left_to_do() {
        let done = |states: &[CarryState]| {
            let carried = |state: &CarryState| Carried {
                group: "g".into(),
                state: state.clone(),
                to_read: 0,
                again: 0,
                offsets: Vec::new(),
            };
            are_done_before(&states.iter().map(carried).collect::<Vec<_>>())
        };
        assert!(done(&[]) && done(&[CarryState::AlreadyCarried, CarryState::HasItsOwn]));
        let failed = CarryState::Failed { reason: "no".into() };
        for state in [CarryState::Carried, CarryState::Active, failed] {
            assert!(!done(&[CarryState::AlreadyCarried, state]));
        }
    }
}
