//! When a group will have caught up.
//!
//! Each owner drains its own backlog: the group is done when its slowest owner is. The interval comes from simulated
//! drains that repeat what was observed, in random order.

mod drain;
mod owner;
#[cfg(test)]
mod simulation_test;

use kreplay_model::watch::{EtaVerdict, EtaView};

use drain::Drain;
use owner::Pace;
pub use owner::{Owner, OwnerPartition};

use crate::random::Random;

/// Commits that must be seen of each owner with a backlog.
pub const COMMITS_NEEDED: u32 = 5;

/// Simulated drains.
const DRAINS: usize = 200;

/// A drain that takes longer than this never ends, in seconds: 30 days.
const NEVER_AFTER_S: f64 = 30.0 * 86_400.0;

/// More simulated drains than this fraction must not end for the verdict "never".
const MAJORITY: f64 = 0.5;

/// The time until all owners have caught up, from `now_ms`. The same owners and seed always give the same result.
#[must_use]
pub fn eta(owners: &[Owner<'_>], now_ms: i64, seed: u64) -> EtaView {
    let busy: Vec<&Owner<'_>> = owners.iter().filter(|owner| owner.backlog() > 0.0).collect();
    let unknown = EtaView { commits_needed: COMMITS_NEEDED, ..EtaView::default() };
    if busy.is_empty() {
        let done = EtaView { value_s: Some(0.0), low_s: Some(0.0), high_s: Some(0.0), ..unknown };
        return EtaView { verdict: EtaVerdict::Done, ..done };
    }
    let mut paces = Vec::new();
    let mut fewest: Option<u32> = None;
    for owner in busy {
        match owner.pace(now_ms) {
            Ok(pace) => paces.push((owner, pace)),
            Err(commits) => fewest = Some(fewest.map_or(commits, |fewest| fewest.min(commits))),
        }
    }
    if fewest.is_some() {
        return EtaView { commits_seen: fewest, ..unknown };
    }
    known(&paces, seed, &unknown)
}

fn known(paces: &[(&Owner<'_>, Pace)], seed: u64, base: &EtaView) -> EtaView {
    let times = paces.iter().map(|(owner, pace)| (pace.time_s().unwrap_or(f64::INFINITY), owner));
    let slowest = times.max_by(|a, b| a.0.total_cmp(&b.0));
    let sum = |get: fn(&Pace) -> f64| paces.iter().map(|(_, pace)| get(pace)).sum::<f64>();
    let net = sum(Pace::net_per_s);
    let interval_s = paces.iter().map(|(_, pace)| pace.commit_interval_s).fold(0.0, f64::max);

    let mut random = Random::new(seed);
    let drains: Vec<Drain<'_>> = paces.iter().map(|(_, pace)| Drain::new(pace)).collect();
    let mut ends: Vec<f64> = (0..DRAINS)
        .map(|_| drains.iter().map(|drain| drain.time_s(&mut random)).fold(0.0, f64::max))
        .map(|end| if end > NEVER_AFTER_S { f64::INFINITY } else { end })
        .collect();
    ends.sort_by(f64::total_cmp);
    let percentile = |hundredths: usize| ends.get(hundredths * DRAINS / 100).copied().filter(|end| end.is_finite());
    #[allow(clippy::cast_precision_loss, reason = "at most 200")]
    let never_share = ends.iter().filter(|end| end.is_infinite()).count() as f64 / DRAINS as f64;

    let base = EtaView {
        slowest: slowest.map(|(_, owner)| owner.name.clone()),
        shared_evenly_s: (net > 0.0).then(|| sum(|pace| pace.backlog) / net),
        never_share: Some(never_share),
        ..base.clone()
    };
    if never_share > MAJORITY {
        return EtaView { verdict: EtaVerdict::Never, ..base };
    }
    // The observed rates may not suffice although most simulated drains end: then the median is the best value.
    let value = slowest.map(|(time, _)| time).filter(|time| *time <= NEVER_AFTER_S).or_else(|| percentile(50));
    EtaView {
        value_s: value,
        low_s: percentile(10).zip(value).map(|(low, value)| low.min(value)),
        // The end of a drain is seen only at a commit.
        high_s: percentile(90).zip(value).map(|(high, value)| high.max(value) + interval_s),
        verdict: EtaVerdict::Known,
        ..base
    }
}
