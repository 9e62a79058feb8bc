//! Estimates the time left of a run and what limits its speed.

use std::time::{Duration, Instant};

use kreplay_model::{
    domain::{Lag, Ordering, RateLimit},
    feed::{Bottleneck, CurrentLimit, RunState, Totals},
};

use super::{
    Run,
    other_processes::{FallingLag, PartitionsElsewhere},
    pace::{Sample, SpeedSamples},
};
use crate::{
    handler::PositionStore,
    plan::{Pace, PartitionLeft, RunParameters, TimeLeft, WorkLeft, time_left},
};

/// How often the estimate is computed.
const UPDATE_INTERVAL: Duration = Duration::from_millis(250);
/// Computing the estimate takes at most 1/100 of a core: this many times its duration passes between two.
const CPU_TIME_FACTOR: u32 = 100;
/// With more lanes of partitions than this, unread records are counted without their lanes.
const MAX_LANES: usize = 262_144;

/// The measurements of a run and the estimate based on them.
#[derive(Debug, Default)]
pub(super) struct Outlook {
    samples: SpeedSamples,
    /// When the run was last seen running; `None` while it is not.
    last_running: Option<Instant>,
    /// Seconds during which the run was running.
    active_s: f64,
    /// What the measured speeds are valid for: workers, rate, and the assignments of partitions.
    valid_for: Option<(u32, Option<RateLimit>, u64)>,
    /// The lag of other processes whose positions a target's transactions commit.
    lag_elsewhere: Option<FallingLag>,
    next_update: Option<Instant>,
    estimate: Option<(Instant, TimeLeft)>,
    /// The highest speed measured so far, in records handled per second.
    best_per_s: Option<f64>,
    limit: Option<CurrentLimit>,
}

impl Outlook {
    /// The name of the key or partition that the last limit of this kind concerned.
    pub(super) fn name_of(&self, bound: Bottleneck) -> Option<String> {
        self.limit.as_ref().filter(|limit| limit.bottleneck == bound)?.name.clone()
    }
}

/// The current state of a run as seen from outside.
pub(super) struct RunObservation {
    /// Whether workers can have something to do.
    pub(super) can_progress: bool,
    /// Offsets read.
    pub(super) read: u64,
    /// The sum of the assignments' epochs. A different sum means that an assignment has changed.
    pub(super) assignments: u64,
    /// The partitions of other processes.
    pub(super) elsewhere: PartitionsElsewhere,
}

impl Run {
    /// The estimated time left in seconds, and what limits the run, if they can be estimated.
    pub(super) fn estimate_time_left(
        &mut self,
        now: Instant,
        totals: &Totals,
        observation: &RunObservation,
    ) -> (Option<f64>, Option<CurrentLimit>) {
        // The time before the first record does not count, unless only other processes have records.
        let has_none = observation.elsewhere.lag > 0 && totals.lag == Lag::Known(observation.elsewhere.lag);
        let begun = self.engine.scheduler.first_taken().is_some() || has_none;
        if self.state() != RunState::Running || !observation.can_progress || !begun {
            self.outlook.last_running = None;
            self.outlook.estimate = None;
            self.engine.group.set_own_end(None);
            return (None, self.outlook.limit.clone().filter(|_| self.state() == RunState::Running));
        }
        self.add_speed_sample(now, totals, observation);
        if self.outlook.next_update.is_none_or(|next_update| now >= next_update) {
            let begun = Instant::now();
            self.update_estimate(now, totals, observation);
            self.outlook.next_update = Some(now + UPDATE_INTERVAL.max(begun.elapsed() * CPU_TIME_FACTOR));
        }
        let left = self.outlook.estimate.map(|(at, estimate)| {
            let elapsed_s = now.saturating_duration_since(at).as_secs_f64();
            estimate.after(elapsed_s, totals.handled, self.outlook.best_per_s)
        });
        let left = left.filter(|_| !self.engine.plan.follow && totals.lag != Lag::Unknown);
        (left, self.outlook.limit.clone())
    }

    fn add_speed_sample(&mut self, now: Instant, totals: &Totals, observation: &RunObservation) {
        let valid_for = Some((self.wanted_workers, self.rate, observation.assignments));
        if self.outlook.valid_for != valid_for {
            if self.outlook.valid_for.is_none_or(|(_, _, assignments)| assignments != observation.assignments) {
                self.outlook.lag_elsewhere = None;
            }
            self.outlook.valid_for = valid_for;
            self.outlook.samples.reset();
        }
        if let Some(last_running) = self.outlook.last_running.replace(now) {
            self.outlook.active_s += now.saturating_duration_since(last_running).as_secs_f64();
        }
        let sample = Sample {
            at_s: self.outlook.active_s,
            handled: totals.handled,
            busy_s: self.busy_seconds(),
            read: observation.read,
            is_buffer_full: self.engine.memory.is_half_full(),
            limited_s: self.engine.scheduler.limited().as_secs_f64(),
        };
        self.outlook.samples.note(sample);
    }

    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn update_estimate(&mut self, now: Instant, totals: &Totals, observation: &RunObservation) {
        let ordering = self.engine.settings.ordering;
        let work = self.work_left();
        let recent_speed = self.outlook.samples.recent_speed();
        let fastest = recent_speed.map(|speed| speed.handled_per_s).into_iter().chain(self.outlook.best_per_s);
        self.outlook.best_per_s = fastest.reduce(f64::max);
        let allowed_per_s = self.rate.map(|rate| match rate {
            RateLimit::Records(per_s) => per_s.get() as f64,
            RateLimit::Bytes(per_s) => per_s.get() as f64 * totals.handled as f64 / totals.bytes.max(1) as f64,
        });
        let pace = Pace {
            record_s: recent_speed
                .and_then(|recent_speed| recent_speed.record_s)
                .or_else(|| self.source.needs().expected_s),
            handled_per_s: recent_speed.map(|recent_speed| recent_speed.handled_per_s),
            read_per_s: recent_speed.and_then(|recent_speed| recent_speed.read_per_s),
            allowed_per_s,
        };
        let lane_owner = work.lanes.first().and_then(|(lane, _)| self.engine.scheduler.describe_lane(*lane));
        let terms = RunParameters {
            ordering,
            workers: if self.engine.settings.single_threaded { 1 } else { self.wanted_workers },
            batch: self.engine.settings.batch.get(),
            keyless_heaviest: matches!(lane_owner, Some((_, None))),
            workers_are_members: self.engine.settings.group.is_some(),
        };
        let own = time_left(&work, pace, terms);
        self.advise_rest(now, &work, pace, terms, own);
        if own.is_some_and(|own| own.elapsed_s <= 0.0) {
            self.outlook.limit = None;
        } else if let Some(own) = own {
            let held_back = recent_speed.is_some_and(|recent_speed| recent_speed.limited);
            let bound = if held_back && own.limit != Bottleneck::Key { Bottleneck::Rate } else { own.limit };
            let same = self.outlook.limit.as_ref().filter(|before| before.bottleneck == bound);
            let name =
                self.limit_name(bound, &work, lane_owner).or_else(|| same.and_then(|before| before.name.clone()));
            self.outlook.limit = Some(CurrentLimit { bottleneck: bound, name });
        }
        let mut left = own.map(|own| own.elapsed_s).filter(|left| left.is_finite());
        self.announce_own_end(now, left.filter(|_| observation.elsewhere.partitions > 0 && !self.engine.plan.follow));
        if observation.elsewhere.lag > 0 {
            // The end of the run is unknown as long as that of the other processes is.
            left = left.zip(self.seconds_left_elsewhere(now, observation.elsewhere)).map(|(own, other)| own.max(other));
        }
        let estimate = |left_s| TimeLeft { left_s, records: work.records(), handled: totals.handled };
        self.outlook.estimate = left.map(|left| (now, estimate(left)));
    }

    fn announce_own_end(&self, now: Instant, left_s: Option<f64>) {
        let left = left_s.and_then(|left_s| Duration::try_from_secs_f64(left_s).ok());
        self.engine.group.set_own_end(left.and_then(|left| now.checked_add(left)));
    }

    /// The seconds until the other processes of the group are done, if known.
    fn seconds_left_elsewhere(&mut self, now: Instant, elsewhere: PartitionsElsewhere) -> Option<f64> {
        if self.engine.position_store() != PositionStore::TargetGroup {
            return elsewhere.announced_seconds_left(now);
        }
        let falling = self.outlook.lag_elsewhere.get_or_insert(FallingLag::new(now, elsewhere.lag));
        falling.observe(now, elsewhere.lag);
        falling.seconds_left(now)
    }

    /// The work that is left in this process.
    fn work_left(&self) -> WorkLeft {
        let engine = &self.engine;
        let keyed = engine.settings.ordering == Ordering::Key && !engine.settings.single_threaded;
        let by_partition = engine.settings.ordering == Ordering::Partition;
        let mut quarantined_left = engine.scheduler.quarantine_load().records;
        let mut lanes = 0;
        let partitions: Vec<PartitionLeft> = (0_u32..)
            .zip(engine.partitions.iter())
            .map(|(index, partition)| {
                let partition = partition.lock();
                let unread = partition.unread();
                let waits = partition.unfinished();
                let quarantined_here = quarantined_left.min(waits);
                quarantined_left -= quarantined_here;
                let mut handled = Vec::new();
                if keyed && unread > 0 && lanes < MAX_LANES {
                    let lane = |group| {
                        if engine.ingress.is_keyless(group) { engine.partitions.own_lane(index) } else { group }
                    };
                    handled = partition.groups.counts().map(|(group, count)| (lane(group), count)).collect();
                    lanes += handled.len();
                }
                let owner = partition.owner.worker().filter(|_| by_partition);
                PartitionLeft {
                    unfinished: waits - quarantined_here,
                    unread,
                    share: partition.share_to_handle(),
                    handled,
                    owner,
                }
            })
            .collect();
        let backlog = if keyed { engine.scheduler.backlog() } else { Vec::new() };
        WorkLeft::new(&partitions, &backlog)
    }

    /// The key or partition that a limit concerns.
    fn limit_name(
        &self,
        bound: Bottleneck,
        work: &WorkLeft,
        lane_owner: Option<(u32, Option<String>)>,
    ) -> Option<String> {
        match (bound, self.engine.settings.ordering) {
            (Bottleneck::Key, _) => lane_owner.and_then(|(_, key)| key),
            (Bottleneck::Partition, Ordering::Key) => {
                lane_owner.map(|(partition, _)| self.engine.partitions.id(partition).to_string())
            }
            (Bottleneck::Partition, _) => {
                let fullest = (0_u32..).zip(&work.partitions).max_by_key(|(_, records)| **records)?;
                Some(self.engine.partitions.id(fullest.0).to_string())
            }
            _ => None,
        }
    }
}
