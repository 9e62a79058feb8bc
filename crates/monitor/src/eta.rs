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

/// The time to catch up of a group, and of each of its owners.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// Of the group: the time until all owners have caught up.
    pub group: EtaView,
    /// Of each owner, in the order of the owners; `None` without a backlog, or while its pace is not known.
    pub owners: Vec<Option<EtaView>>,
}

/// The time to catch up, from `now_ms`. The same owners and seed always give the same result.
#[must_use]
pub fn estimate(owners: &[Owner<'_>], now_ms: i64, seed: u64) -> Estimate {
    let paces: Vec<Option<Result<Pace, u32>>> =
        owners.iter().map(|owner| (owner.backlog() > 0.0).then(|| owner.pace(now_ms))).collect();
    let known: Vec<(&Owner<'_>, &Pace)> =
        owners.iter().zip(&paces).filter_map(|(owner, pace)| Some((owner, pace.as_ref()?.as_ref().ok()?))).collect();
    let (together, each) = simulated(&known, seed);
    let unknown = EtaView { commits_needed: COMMITS_NEEDED, ..EtaView::default() };
    let fewest = paces.iter().flatten().filter_map(|pace| pace.as_ref().err().copied()).min();
    let group = if paces.iter().all(Option::is_none) {
        let done = EtaView { value_s: Some(0.0), low_s: Some(0.0), high_s: Some(0.0), ..unknown.clone() };
        EtaView { verdict: EtaVerdict::Done, ..done }
    } else if fewest.is_some() {
        EtaView { commits_seen: fewest, ..unknown.clone() }
    } else {
        whole(&known, &together, &unknown)
    };
    let mut each = each.into_iter();
    let owners = paces.iter().map(|pace| {
        let pace = pace.as_ref()?.as_ref().ok()?;
        Some(each.next()?.eta(pace.time_s(), pace.commit_interval_s, &unknown))
    });
    Estimate { group, owners: owners.collect() }
}

/// The estimate of a group whose owners all have a pace.
fn whole(paces: &[(&Owner<'_>, &Pace)], together: &Ends, base: &EtaView) -> EtaView {
    let times = paces.iter().map(|(owner, pace)| (pace.time_s().unwrap_or(f64::INFINITY), *owner));
    let slowest = times.max_by(|a, b| a.0.total_cmp(&b.0));
    let sum = |get: fn(&Pace) -> f64| paces.iter().map(|(_, pace)| get(pace)).sum::<f64>();
    let net = sum(Pace::net_per_s);
    let interval_s = paces.iter().map(|(_, pace)| pace.commit_interval_s).fold(0.0, f64::max);
    let base = EtaView {
        slowest: slowest.map(|(_, owner)| owner.name.clone()),
        shared_evenly_s: (net > 0.0).then(|| sum(|pace| pace.backlog) / net),
        ..base.clone()
    };
    together.eta(slowest.map(|(time, _)| time), interval_s, &base)
}

/// Simulated drains: when all owners have caught up, and when each of them has.
fn simulated(paces: &[(&Owner<'_>, &Pace)], seed: u64) -> (Ends, Vec<Ends>) {
    let mut random = Random::new(seed);
    let drains: Vec<Drain<'_>> = paces.iter().map(|(_, pace)| Drain::new(pace)).collect();
    let mut together = Vec::with_capacity(DRAINS);
    let mut each = vec![Vec::new(); drains.len()];
    for _ in 0..DRAINS {
        let mut last = 0.0_f64;
        for (drain, ends) in drains.iter().zip(&mut each) {
            let end = drain.time_s(&mut random);
            ends.push(end);
            last = last.max(end);
        }
        together.push(last);
    }
    (Ends::new(together), each.into_iter().map(Ends::new).collect())
}

/// The ends of simulated drains in seconds, in ascending order; infinite where a drain never ends.
struct Ends(Vec<f64>);

impl Ends {
    fn new(mut ends: Vec<f64>) -> Self {
        for end in &mut ends {
            if *end > NEVER_AFTER_S {
                *end = f64::INFINITY;
            }
        }
        ends.sort_by(f64::total_cmp);
        Self(ends)
    }

    fn percentile(&self, hundredths: usize) -> Option<f64> {
        self.0.get(hundredths * DRAINS / 100).copied().filter(|end| end.is_finite())
    }

    #[allow(clippy::cast_precision_loss, reason = "at most 200")]
    fn never_share(&self) -> f64 {
        self.0.iter().filter(|end| end.is_infinite()).count() as f64 / DRAINS as f64
    }

    /// The estimate. `time_s` is the time at the observed rates.
    fn eta(&self, time_s: Option<f64>, interval_s: f64, base: &EtaView) -> EtaView {
        let never_share = self.never_share();
        let base = EtaView { never_share: Some(never_share), ..base.clone() };
        if never_share > MAJORITY {
            return EtaView { verdict: EtaVerdict::Never, ..base };
        }
        // The observed rates may not suffice although most simulated drains end: then the median is the best value.
        let value = time_s.filter(|time| *time <= NEVER_AFTER_S).or_else(|| self.percentile(50));
        EtaView {
            value_s: value,
            low_s: self.percentile(10).zip(value).map(|(low, value)| low.min(value)),
            // The end of a drain is seen only at a commit.
            high_s: self.percentile(90).zip(value).map(|(high, value)| high.max(value) + interval_s),
            verdict: EtaVerdict::Known,
            ..base
        }
    }
}
