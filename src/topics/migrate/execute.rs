//! Does what the plan says: creates, copies stop by stop, reads back, carries over. Each step can be repeated.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{
    carry::{Carried, CarryState, carry},
    copy::Copier,
    error::MigrateError,
    migration::{Migration, WITHIN, sections, span},
    plan::Known,
    read::{check, read},
    stops::{StopLog, Stops},
    verify::Verified,
    view::{MigrationPlan, Progress},
};
use crate::{
    domain::TopicPartition,
    kafka::{Catalog, LogEnds, topic_limits},
    plan::held_back::{in_words, total},
    topics::{
        Replication,
        create::{TopicState, create},
    },
};

/// How often the old topics are looked at while they are followed.
const LOOK: Duration = Duration::from_millis(500);
const SLICE: Duration = Duration::from_millis(50);
/// How often it is said how things are while nothing happens.
const SAY: Duration = Duration::from_secs(30);

/// Nobody tells this one to stop.
static NEVER: AtomicBool = AtomicBool::new(false);

/// What a migration has done.
#[derive(Clone, Debug, Serialize)]
pub struct MigrationReport {
    /// Its version.
    pub schema: u32,
    /// The group of its positions, and its transactions.
    pub id: String,
    /// Everything was done before; nothing was changed.
    pub nothing_to_do: bool,
    /// Topics that were created.
    pub created: Vec<String>,
    /// Records that were copied now.
    pub copied: u64,
    /// Old and new topics, held against each other.
    pub verified: Verified,
    /// Offsets of the old topics that open transactions hold back: they are neither copied nor verified.
    pub held_back: u64,
    /// Which those are, in words; empty where there are none.
    #[serde(skip)]
    pub held_back_in_words: String,
    /// The groups.
    pub groups: Vec<Carried>,
    /// How long it took.
    pub elapsed_s: f64,
    /// What was planned.
    pub plan: MigrationPlan,
}

impl MigrationReport {
    /// Groups whose offsets are not where they should be.
    #[must_use]
    pub fn not_carried(&self) -> Vec<&str> {
        let missing = |one: &&Carried| matches!(one.state, CarryState::Active | CarryState::Failed { .. });
        self.groups.iter().filter(missing).map(|one| one.group.as_str()).collect()
    }
}

impl Migration<'_> {
    /// Migrates. With `follow` it copies until it is told to stop, and then comes to its end.
    ///
    /// # Errors
    /// What is in the way, one sentence each; whatever fails on the way. The same call goes on from there.
    pub fn execute(&mut self, replication: Replication) -> Result<MigrationReport, MigrateError> {
        let begun = Instant::now();
        let (mut plan, known) = self.make()?;
        if !plan.obstacles.is_empty() {
            return Err(MigrateError::Refused(plan.obstacles.join("\n")));
        }
        if plan.progress == Progress::Complete
            && !self.options.follow
            && let Some(verified) = plan.verified
        {
            return self.carry_only(plan, verified, &known, begun);
        }
        for warning in &plan.warnings {
            self.tell.notice(&format!("warning: {warning}"));
        }
        let created = self.create(replication)?;
        for one in plan.new.iter_mut().filter(|one| created.contains(&one.topic)) {
            one.state = TopicState::Created;
        }
        let (new, _) = self.new_partitions()?;
        let mut copying = self.copying(&known, new)?;
        self.tell.notice(&format!("copying as {}; stopped at any point, the same command goes on", plan.id));
        let copied = self.copy_all(&mut copying, &known)?;
        let examined = {
            let groups = self.groups()?;
            let to: Vec<i64> = copying.positions.clone();
            (self.examine(&to, &groups)?, groups)
        };
        let (examined, groups) = examined;
        if !examined.verified.is_equal() {
            return Err(MigrateError::Refused(differs(&examined.verified)));
        }
        let held_back = self.held_back()?;
        self.tell.notice(&format!(
            "verified: {} records, digest {:016x} in the old topics and in the new ones",
            examined.verified.new_records, examined.verified.new_digest
        ));
        let held_back_in_words = in_words(&held_back);
        if !held_back.is_empty() {
            self.tell.notice(&format!("not copied and not verified: {}", not_copied(&held_back_in_words)));
        }
        let groups = carry(self, &groups, &examined.new, &examined.translated, false)?;
        Ok(MigrationReport {
            schema: 1,
            id: plan.id.clone(),
            nothing_to_do: false,
            created,
            copied,
            verified: examined.verified,
            held_back: total(&held_back),
            held_back_in_words,
            groups,
            elapsed_s: begun.elapsed().as_secs_f64(),
            plan,
        })
    }

    /// Everything is copied; only the groups may be left.
    fn carry_only(
        &mut self,
        mut plan: MigrationPlan,
        verified: Verified,
        known: &Known,
        begun: Instant,
    ) -> Result<MigrationReport, MigrateError> {
        let would = |one: &Carried| one.state == CarryState::WouldBeCarried;
        let groups = if plan.carried.iter().any(would) {
            let ends: Vec<i64> = known.logs.iter().map(|log| log.end.get()).collect();
            let examined = self.examine(&ends, &known.groups)?;
            carry(self, &known.groups, &examined.new, &examined.translated, false)?
        } else {
            std::mem::take(&mut plan.carried)
        };
        let held_back = self.held_back()?;
        let nothing_to_do = groups.iter().all(|one| one.state != CarryState::Carried);
        Ok(MigrationReport {
            schema: 1,
            id: plan.id.clone(),
            nothing_to_do,
            created: Vec::new(),
            copied: 0,
            verified,
            held_back: total(&held_back),
            held_back_in_words: in_words(&held_back),
            groups,
            elapsed_s: begun.elapsed().as_secs_f64(),
            plan,
        })
    }

    fn create(&mut self, replication: Replication) -> Result<Vec<String>, MigrateError> {
        let outcomes = create(self.client, &self.routes.wanted(), replication, false, WITHIN)?;
        let mut created = Vec::new();
        for one in outcomes {
            match one.state {
                TopicState::Created => created.push(one.topic),
                TopicState::Exists => {}
                TopicState::Failed { reason } => {
                    return Err(MigrateError::Refused(format!("topic {} cannot be created: {reason}", one.topic)));
                }
                TopicState::Missing | TopicState::Differs { .. } => {
                    return Err(MigrateError::Refused(format!(
                        "topic {} was made by somebody else meanwhile, with another number of partitions",
                        one.topic
                    )));
                }
            }
        }
        if !created.is_empty() {
            self.tell.notice(&format!("created {}", created.join(", ")));
        }
        Ok(created)
    }

    /// Takes the migration over, and finds out where it stands.
    fn copying(&mut self, known: &Known, new: Vec<TopicPartition>) -> Result<Copying, MigrateError> {
        let config = self.client.config();
        let topics: Vec<&str> = self.routes.targets().iter().map(|target| target.topic.as_str()).collect();
        let limits = topic_limits(config, &topics, WITHIN);
        let copier = Copier::new(config, &self.id(), limits, self.options.timestamps)?;
        let log = StopLog::new(config, &self.id(), WITHIN)?;
        let positions = copier.positions(&self.old)?;
        let low: Vec<i64> = known.logs.iter().map(|log| log.low.get()).collect();
        let ends = Catalog::new(self.client, WITHIN).log_ends(&new)?;
        let never_written = ends.iter().all(|log| log.end.get() == 0);
        let mut fresh = positions.iter().all(Option::is_none);
        let mut positions: Vec<i64> = positions.into_iter().zip(&low).map(|(at, low)| at.unwrap_or(*low)).collect();
        if never_written && !fresh {
            self.tell.notice("the new topics are made anew, so everything is copied again");
            copier.begin_again(&self.old, &low)?;
            (positions, fresh) = (low, true);
        }
        if !fresh {
            self.tell.notice("going on with a migration that was begun before");
            let so_far = self.examine(&positions, &[])?.verified;
            if !so_far.is_equal() {
                return Err(MigrateError::Refused(differs(&so_far)));
            }
            // Stops that are forgotten cannot be made any more: what is above them may be copied already.
            let stops = log.load(&self.old, &new)?.unwrap_or_default();
            return Ok(Copying { copier, log, stops, new, positions });
        }
        // A transaction that was killed leaves something in the log, and nothing that can be read.
        if !never_written && self.examine(&positions, &[])?.verified.new_records > 0 {
            return Err(MigrateError::Refused(
                "somebody has written to the new topics, which have to be empty before the first record is copied"
                    .into(),
            ));
        }
        let stops = Stops { cuts: known.passage.stops.clone(), ends: Vec::new() };
        log.save(&self.old, &new, &stops)?;
        Ok(Copying { copier, log, stops, new, positions })
    }

    /// Copies up to each stop, and then all there is.
    fn copy_all(&mut self, copying: &mut Copying, known: &Known) -> Result<u64, MigrateError> {
        let cancel = self.cancel;
        let mut copied = 0;
        for stop in copying.stops.ends.len()..copying.stops.cuts.len() {
            let to = copying.stops.cuts[stop].clone();
            let what = format!("copying up to stop {} of {}", stop + 1, copying.stops.cuts.len());
            copied += self.copy(copying, &known.logs, &to, &what, cancel)?;
            copying.note(self.client, &self.old)?;
        }
        let ends: Vec<i64> = known.logs.iter().map(|log| log.end.get()).collect();
        copied += self.copy(copying, &known.logs, &ends, "copying", cancel)?;
        if self.options.follow {
            copied += self.follow(copying)?;
            // It was told to come to its end, which the rest is; told twice, the process ends.
            self.cancel = &NEVER;
        }
        Ok(copied)
    }

    fn copy(
        &mut self,
        copying: &mut Copying,
        logs: &[LogEnds],
        to: &[i64],
        what: &str,
        cancel: &AtomicBool,
    ) -> Result<u64, MigrateError> {
        let mut sections = sections(logs, Some(&copying.positions), to);
        for (section, position) in sections.iter_mut().zip(&copying.positions) {
            // Retention must not open a hole that nobody hears of.
            if section.from.get() > *position && section.from < section.end {
                return Err(MigrateError::Refused(format!(
                    "retention has removed records of {} from offset {position} on, before they were copied",
                    section.id
                )));
            }
            section.end = section.end.max(section.from);
        }
        let offsets = span(&sections);
        if offsets == 0 {
            return Ok(0);
        }
        self.tell.step(what, offsets);
        let config = self.config();
        let mut tell = |records| self.tell.progress(records);
        let mut pass = copying.copier.pass(&mut self.routes, &sections, &self.topic_of, &mut tell);
        let copied = match read(&config, &sections, &self.ids, cancel, &mut pass) {
            Ok(()) => pass.finish()?,
            Err(error) => {
                pass.give_up();
                return Err(error);
            }
        };
        for (position, section) in copying.positions.iter_mut().zip(&sections) {
            *position = (*position).max(section.end.get());
        }
        Ok(copied)
    }

    /// Copies what is written to the old topics until it is told to stop, and then what is still there.
    fn follow(&mut self, copying: &mut Copying) -> Result<u64, MigrateError> {
        let (mut copied, mut was_at_end, mut said) = (0, false, Instant::now());
        loop {
            let last = self.cancel.load(Relaxed);
            check(self.client, &self.ids)?;
            let logs = self.logs()?;
            let ends: Vec<i64> = logs.iter().map(|log| log.end.get()).collect();
            let lag: u64 =
                ends.iter().zip(&copying.positions).map(|(end, at)| u64::try_from(end - at).unwrap_or(0)).sum();
            if lag > 0 {
                // What is told to stop meanwhile ends with what was there.
                copied += self.copy(copying, &logs, &ends, "following", &NEVER)?;
                was_at_end = false;
            } else if !was_at_end || said.elapsed() >= SAY {
                (was_at_end, said) = (true, Instant::now());
                self.tell.notice(
                    "lag is zero: to cut over, stop the producers and the consumers of the old topics, wait until this says so \
                     again, and press Ctrl-C",
                );
            }
            if last && lag == 0 {
                return Ok(copied);
            }
            let look = Instant::now() + LOOK;
            while !last && lag == 0 && Instant::now() < look && !self.cancel.load(Relaxed) {
                std::thread::sleep(SLICE);
            }
        }
    }
}

/// A migration that has been taken over.
struct Copying {
    copier: Copier,
    log: StopLog,
    stops: Stops,
    new: Vec<TopicPartition>,
    /// Up to where each old partition is copied.
    positions: Vec<i64>,
}

impl Copying {
    /// Notes where the new partitions end, now that a stop is reached.
    fn note(&mut self, client: &crate::kafka::Client, old: &[TopicPartition]) -> Result<(), MigrateError> {
        let ends = Catalog::new(client, WITHIN).log_ends(&self.new)?;
        self.stops.ends.push(ends.iter().map(|log| log.end.get()).collect());
        self.log.save(old, &self.new, &self.stops)
    }
}

/// What is said of offsets that open transactions hold back.
pub(super) fn not_copied(held_back: &str) -> String {
    format!("open transactions hold back {held_back}; when they have ended, the same command copies the rest")
}

fn differs(verified: &Verified) -> String {
    let Verified { old_records, new_records, keys_missing, keys_surplus, keys_changed, .. } = verified;
    format!(
        "the new topics do not hold what was copied: {old_records} records in the old ones and {new_records} in the new ones, \
         {keys_missing} keys lack records, {keys_surplus} have too many, {keys_changed} have others or another order; somebody else \
         has written to the new topics, or retention or compaction has removed records; no offsets were carried over"
    )
}
