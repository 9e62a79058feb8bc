//! An owner of partitions: what it has to read, and how fast it does.

use super::COMMITS_NEEDED;
use crate::series::Series;

/// Steps into which the observed time is divided at most.
const MAX_STEPS: i64 = 60;

/// The observed time that counts, in milliseconds.
const OBSERVED_MS: i64 = 300_000;

/// The same in commit intervals, for consumers that commit rarely.
const OBSERVED_INTERVALS: i64 = 12;

/// Without a commit for this many usual intervals, the time since the last one counts too.
const MISSED_COMMITS: i64 = 3;

/// An owner of which no commit was seen for this time, and for [`MISSED_COMMITS`] usual intervals, has stopped, in
/// milliseconds.
const SILENCE_MS: i64 = 120_000;

/// A partition of an owner.
#[derive(Clone, Copy, Debug)]
pub struct OwnerPartition<'a> {
    /// Offsets that can be read now; 0 if they are no more than what arrives between commits.
    pub readable: u64,
    /// Since when it has had a backlog, in milliseconds since 1970. Before that time its owner had less to do than it
    /// can do, so that its pace then says nothing; `None` if it has had one all the time.
    pub backlogged_since_ms: Option<i64>,
    /// The committed offsets.
    pub committed: &'a Series,
    /// The ends of the log.
    pub end: &'a Series,
}

/// A member with its partitions, or a partition without owner.
#[derive(Clone, Debug)]
pub struct Owner<'a> {
    /// Its name.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<OwnerPartition<'a>>,
}

/// How fast the backlog of an owner shrinks. Of a partition without a backlog, what is read is what arrives: it says
/// nothing about the capacity of the owner, and its difference is 0. A partition that had a backlog during the observed
/// time counts for that time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pace {
    /// Offsets to read.
    pub backlog: f64,
    /// The length of a step in seconds.
    pub step_s: f64,
    /// For each step, the offsets read minus those that arrived.
    pub net: Vec<f64>,
    /// The usual time between commits in seconds.
    pub commit_interval_s: f64,
}

impl Pace {
    /// Offsets read minus those that arrived, per second.
    #[allow(clippy::cast_precision_loss, reason = "at most 60 steps")]
    pub(super) fn net_per_s(&self) -> f64 {
        self.net.iter().sum::<f64>() / (self.net.len() as f64 * self.step_s)
    }

    /// Seconds until the backlog is read at this pace; `None` if it never is.
    pub(super) fn time_s(&self) -> Option<f64> {
        let net = self.net_per_s();
        (net > 0.0).then(|| self.backlog / net)
    }
}

impl Owner<'_> {
    /// Offsets to read, over all partitions.
    #[allow(clippy::cast_precision_loss, reason = "a backlog")]
    pub(super) fn backlog(&self) -> f64 {
        self.partitions.iter().map(|partition| partition.readable as f64).sum()
    }

    /// The observed pace, or the number of commits seen if that is too small.
    pub(super) fn pace(&self, now_ms: i64) -> Result<Pace, u32> {
        let busy: Vec<&OwnerPartition<'_>> = self.partitions.iter().filter(|p| p.readable > 0).collect();
        let began = busy.iter().filter_map(|p| p.committed.began_ms()).min().ok_or(0_u32)?;
        let since = busy.iter().map(|p| p.backlogged_since_ms.unwrap_or(began)).min().unwrap_or(began).max(began);
        let commits = |p: &OwnerPartition<'_>| p.committed.changes().iter().filter(|p| p.at_ms >= since).count();
        let seen = u32::try_from(busy.iter().map(|p| commits(p)).max().unwrap_or(0)).unwrap_or(u32::MAX);
        let last = busy.iter().filter_map(|p| p.committed.last_change_ms()).max();
        let now = busy.iter().filter_map(|p| p.committed.seen_ms()).max().unwrap_or(now_ms);
        let interval = busy.iter().filter_map(|p| p.committed.median_interval_ms()).min();
        let silence = SILENCE_MS.max(interval.unwrap_or(0).saturating_mul(MISSED_COMMITS));
        if now - last.unwrap_or(began).max(since) > silence {
            return Ok(self.measured(now - silence, now, 1, 0));
        }
        if seen < COMMITS_NEEDED {
            return Err(seen);
        }
        let interval = interval.ok_or(seen)?.max(1);
        let last = last.ok_or(seen)?;
        let to = if now - last > interval * MISSED_COMMITS { now } else { last };
        let first = busy.iter().filter_map(|p| p.committed.changes().first()).map(|p| p.at_ms).min().ok_or(seen)?;
        let from = first.max(since).max(to - OBSERVED_MS.max(interval * OBSERVED_INTERVALS));
        let steps = ((to - from) / interval).clamp(1, MAX_STEPS);
        Ok(self.measured(from, to, steps, interval))
    }

    /// The pace between two times.
    #[allow(clippy::cast_precision_loss, reason = "durations and rates")]
    fn measured(&self, from: i64, to: i64, steps: i64, interval: i64) -> Pace {
        let at = |step: i64| from + (to - from) * step / steps;
        let growth = |series: &Series, step: i64| {
            let before = series.interpolated(at(step)).or_else(|| Some(series.points().first()?.offset as f64));
            series.interpolated(at(step + 1)).zip(before).map_or(0.0, |(after, before)| after - before)
        };
        let net = |step| self.partitions.iter().map(|p| growth(p.committed, step) - growth(p.end, step)).sum();
        Pace {
            backlog: self.backlog(),
            step_s: ((to - from).max(1)) as f64 / 1000.0 / steps as f64,
            net: (0..steps).map(net).collect(),
            commit_interval_s: interval as f64 / 1000.0,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        clippy::float_cmp,
        reason = "small numbers in tests"
    )]

    use super::*;

    /// A consumer at `out` offsets per second that commits every 5 s, of a log that grows by `inflow` per second.
    fn series(out: i64, inflow: i64, seconds: i64) -> (Series, Series) {
        let (mut committed, mut end) = (Series::default(), Series::default());
        for second in 0..=seconds {
            committed.add(second * 1000, second / 5 * 5 * out);
            end.add(second * 1000, 1_000_000 + second * inflow);
        }
        (committed, end)
    }

    fn owner(parts: &[(u64, (Series, Series))]) -> Owner<'_> {
        let partitions = parts.iter().map(|(readable, (committed, end))| OwnerPartition {
            readable: *readable,
            backlogged_since_ms: None,
            committed,
            end,
        });
        Owner { name: "a".into(), partitions: partitions.collect() }
    }

    #[test]
    fn four_commits_are_too_few() {
        let parts = [(100, series(10, 0, 24))];
        assert_eq!(owner(&parts).pace(24_000), Err(4));
        let parts = [(100, series(10, 0, 25))];
        assert!(owner(&parts).pace(25_000).is_ok());
    }

    #[test]
    fn what_arrives_counts_against_what_is_read() {
        let parts = [(1_000, series(30, 10, 100))];
        let pace = owner(&parts).pace(100_000).unwrap();
        assert!((pace.net_per_s() - 20.0).abs() < 0.01, "{pace:?}");
        assert!((pace.time_s().unwrap() - 50.0).abs() < 0.1);
    }

    #[test]
    fn partitions_without_a_backlog_say_nothing_about_capacity() {
        let parts = [(1_000, series(30, 10, 100)), (0, series(500, 500, 100))];
        let pace = owner(&parts).pace(100_000).unwrap();
        assert!((pace.net_per_s() - 20.0).abs() < 0.01, "{pace:?}");
    }

    #[test]
    fn the_pace_before_a_backlog_does_not_count() {
        let (mut committed, mut end) = (Series::default(), Series::default());
        for second in 0..=200 {
            // An idle time, then a burst of 1,000 that is read with 20/s.
            committed.add(second * 1000, (second - 100).max(0) / 5 * 100);
            end.add(second * 1000, if second < 100 { 0 } else { 10_000 });
        }
        let mut partition =
            OwnerPartition { readable: 8_000, backlogged_since_ms: Some(100_000), committed: &committed, end: &end };
        let pace = |partition| Owner { name: "a".into(), partitions: vec![partition] }.pace(200_000);
        assert!((pace(partition).unwrap().net_per_s() - 20.0).abs() < 0.1);
        partition.backlogged_since_ms = Some(190_000);
        assert_eq!(pace(partition), Err(3));
    }

    #[test]
    fn an_owner_without_commits_stands_still() {
        let parts = [(1_000, series(0, 10, 121))];
        assert_eq!(owner(&parts).pace(121_000).unwrap().time_s(), None);
        let parts = [(1_000, series(0, 10, 119))];
        assert_eq!(owner(&parts).pace(119_000), Err(0));
    }

    #[test]
    fn a_consumer_that_commits_rarely_does_not_stand_still_between_its_commits() {
        // 90,000 every 3 min, for an hour.
        let pace = |seconds: i64| {
            let (mut committed, mut end) = (Series::default(), Series::default());
            for second in 0..=seconds {
                committed.add(second * 1000, second.min(3_600) / 180 * 90_000);
                end.add(second * 1000, 20_000_000);
            }
            let parts = [(10_000_000, (committed, end))];
            owner(&parts).pace(seconds * 1000).unwrap()
        };
        assert!((pace(3_600 + 130).net_per_s() - 500.0).abs() < 1.0);
        assert_eq!(pace(3_600 + 600).time_s(), None);
    }
}
