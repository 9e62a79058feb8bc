//! What is to be expected of a run: how long the rest of it takes, and what keeps it from being faster.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use super::{
    Run,
    pace::{Paces, Sample},
};
use crate::{
    domain::{Lag, Ordering, RateLimit},
    feed::{Bound, CurrentLimit, Owner, Prediction, RunState, Totals},
    plan::{Pace, PartitionLeft, Terms, WorkLeft, time_left},
};

/// How often the rest is worked out.
const EVERY: Duration = Duration::from_millis(250);
/// Nor more often than lets it take one part in so many of a core.
const PART: u32 = 100;
/// So many lanes of partitions are looked at one by one; with more, what is not read yet counts without its lanes.
const MOST_LANES: usize = 262_144;
/// Other processes are looked at for so long before their pace is believed.
const ELSEWHERE: Duration = Duration::from_secs(2);

/// What the run has been found to do, and what that lets one expect.
#[derive(Debug, Default)]
pub(super) struct Outlook {
    paces: Paces,
    /// When it was looked at last, while it went.
    last: Option<Instant>,
    /// Seconds for which it has gone.
    active_s: f64,
    /// What the paces hold for: workers, rate, and the assignments of partitions.
    ways: Option<(u32, Option<RateLimit>, u64)>,
    /// When other processes' partitions were seen first, and what was left of them.
    elsewhere: Option<(Instant, f64)>,
    /// The part of what lies above the positions that is not dealt with here; others are taken to be alike.
    open: f64,
    next: Option<Instant>,
    said: Option<(Instant, f64)>,
    limit: Option<CurrentLimit>,
}

impl Outlook {
    /// What the limit of this kind was about, when it was seen last.
    pub(super) fn name_of(&self, bound: Bound) -> Option<String> {
        self.limit.as_ref().filter(|limit| limit.bound == bound)?.name.clone()
    }
}

/// What a run looks like from outside at the moment.
pub(super) struct Seen {
    /// Whether workers can have something to do.
    pub(super) goes: bool,
    /// Offsets read.
    pub(super) read: u64,
    /// The assignments of partitions, added up: another sum says that one of them has changed.
    pub(super) assignments: u64,
    /// Offsets that are left of partitions of other processes, where that is known.
    pub(super) elsewhere: u64,
    /// Offsets that are left of those of this process, and those of them that are dealt with.
    pub(super) own: (u64, u64),
}

impl Run {
    /// Seconds that the work that is left will take, and what limits it, where that can be said.
    pub(super) fn look_ahead(
        &mut self,
        now: Instant,
        totals: &Totals,
        seen: &Seen,
    ) -> (Option<f64>, Option<CurrentLimit>) {
        // The time before the first record is no part of the pace.
        let begun = self.engine.board.first_taken().is_some();
        if self.state != RunState::Running || !seen.goes || !begun {
            self.outlook.last = None;
            self.outlook.said = None;
            return (None, self.outlook.limit.clone().filter(|_| self.state == RunState::Running));
        }
        self.note_pace(now, totals, seen);
        if self.outlook.next.is_none_or(|next| now >= next) {
            let begun = Instant::now();
            self.work_out(now, totals, seen);
            self.outlook.next = Some(now + EVERY.max(begun.elapsed() * PART));
        }
        let left =
            self.outlook.said.map(|(at, left)| (left - now.saturating_duration_since(at).as_secs_f64()).max(0.0));
        let left = left.filter(|_| !self.engine.plan.follow && totals.lag != Lag::Unknown);
        (left, self.outlook.limit.clone())
    }

    fn note_pace(&mut self, now: Instant, totals: &Totals, seen: &Seen) {
        let ways = Some((self.target, self.rate, seen.assignments));
        if self.outlook.ways != ways {
            self.outlook.ways = ways;
            self.outlook.paces.reset();
            self.outlook.elsewhere = None;
        }
        if let Some(last) = self.outlook.last.replace(now) {
            self.outlook.active_s += now.saturating_duration_since(last).as_secs_f64();
        }
        let sample = Sample {
            at_s: self.outlook.active_s,
            handled: totals.handled,
            busy_s: self.busy_seconds(),
            read: seen.read,
            full: self.engine.held.load(Relaxed) > self.engine.settings.buffer_bytes / 2,
            limited_s: self.engine.board.limited().as_secs_f64(),
        };
        self.outlook.paces.note(sample);
    }

    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn work_out(&mut self, now: Instant, totals: &Totals, seen: &Seen) {
        let ordering = self.engine.settings.ordering;
        let work = self.work_left();
        let lately = self.outlook.paces.lately();
        let allowed_per_s = self.rate.map(|rate| match rate {
            RateLimit::Records(per_s) => per_s.get() as f64,
            RateLimit::Bytes(per_s) => per_s.get() as f64 * totals.handled as f64 / totals.bytes.max(1) as f64,
        });
        let pace = Pace {
            record_s: lately.and_then(|lately| lately.record_s).or_else(|| self.source.expected_s()),
            handled_per_s: lately.map(|lately| lately.handled_per_s),
            read_per_s: lately.and_then(|lately| lately.read_per_s),
            allowed_per_s,
        };
        let whose = work.lanes.first().and_then(|(lane, _)| self.engine.board.whose(*lane));
        let terms = Terms {
            ordering,
            workers: if self.engine.settings.single_threaded { 1 } else { self.target },
            batch: self.engine.settings.batch.get(),
            keyless_heaviest: matches!(whose, Some((_, None))),
        };
        let own = time_left(&work, pace, terms);
        if own.is_some_and(|own| own.elapsed_s <= 0.0) {
            self.outlook.limit = None;
        } else if let Some(own) = own {
            let held_back = lately.is_some_and(|lately| lately.limited);
            let bound = if held_back && own.limit != Bound::Key { Bound::Rate } else { own.limit };
            let same = self.outlook.limit.as_ref().filter(|before| before.bound == bound);
            let name = self.named(bound, &work, whose).or_else(|| same.and_then(|before| before.name.clone()));
            self.outlook.limit = Some(CurrentLimit { bound, name });
        }
        let left = match (own, seen.elsewhere) {
            (own, 0) => own.map(|own| own.elapsed_s),
            (Some(own), _) => self.left_elsewhere(now, seen, own).map(|other| own.elapsed_s.max(other)),
            (None, _) => None,
        };
        self.outlook.said = left.filter(|left| left.is_finite()).map(|left| (now, left));
    }

    /// What is left to be handled here.
    fn work_left(&self) -> WorkLeft {
        let engine = &self.engine;
        let keyed = engine.settings.ordering == Ordering::Key && !engine.settings.single_threaded;
        let by_partition = engine.settings.ordering == Ordering::Partition;
        let mut aside = engine.board.quarantine_load().records;
        let mut lanes = 0;
        let partitions: Vec<PartitionLeft> = (0_u32..)
            .zip(engine.partitions.iter())
            .map(|(index, partition)| {
                let partition = partition.lock();
                let unread = partition.unread();
                let waits = partition.unfinished();
                let apart = aside.min(waits);
                aside -= apart;
                let mut handled = Vec::new();
                if keyed && unread > 0 && lanes < MOST_LANES {
                    let lane = |group| if engine.is_keyless(group) { engine.own_lane(index) } else { group };
                    handled = partition.groups.counts().map(|(group, count)| (lane(group), count)).collect();
                    lanes += handled.len();
                }
                let owner = match &partition.owner {
                    Owner::Worker(worker) if by_partition => Some(*worker),
                    Owner::Member(name) if by_partition => {
                        name.rsplit('-').next().and_then(|number| number.parse().ok())
                    }
                    _ => None,
                };
                PartitionLeft { unfinished: waits - apart, unread, share: partition.share_to_handle(), handled, owner }
            })
            .collect();
        let backlog = if keyed { engine.board.backlog() } else { Vec::new() };
        WorkLeft::new(&partitions, &backlog)
    }

    /// The key or the partition that a limit is about.
    fn named(&self, bound: Bound, work: &WorkLeft, whose: Option<(u32, Option<String>)>) -> Option<String> {
        match (bound, self.engine.settings.ordering) {
            (Bound::Key, _) => whose.and_then(|(_, key)| key),
            (Bound::Partition, Ordering::Key) => whose.map(|(partition, _)| self.engine.id(partition).to_string()),
            (Bound::Partition, _) => {
                let fullest = (0_u32..).zip(&work.partitions).max_by_key(|(_, records)| **records)?;
                Some(self.engine.id(fullest.0).to_string())
            }
            _ => None,
        }
    }

    /// Seconds that other processes of the group will need for their partitions. What they have committed trails behind what
    /// they have handled, as it does here: by as much, where they go about it in the same way.
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn left_elsewhere(&mut self, now: Instant, seen: &Seen, own: Prediction) -> Option<f64> {
        let (lag, ahead) = seen.own;
        if lag > 0 {
            self.outlook.open = lag.saturating_sub(ahead) as f64 / lag as f64;
        }
        let open = self.outlook.open;
        let left = seen.elsewhere as f64 * open;
        let (since, at_first) = *self.outlook.elsewhere.get_or_insert((now, left));
        let seconds = now.saturating_duration_since(since);
        if seconds >= ELSEWHERE && left < at_first {
            return Some(left * seconds.as_secs_f64() / (at_first - left));
        }
        // Until that is seen: as fast as it goes here.
        let here = lag.saturating_sub(ahead);
        (here > 0).then(|| own.elapsed_s * left / here as f64)
    }
}
