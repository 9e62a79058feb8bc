//! The interval of the time to catch up against simulated consumers.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "small numbers in tests"
)]

use kreplay_model::watch::{EtaVerdict, EtaView};

use super::{Owner, OwnerPartition, estimate};
use crate::random::Random;
use crate::series::Series;

const TICK_MS: i64 = 200;
const LOOK_MS: i64 = 2_000;

/// A member with two partitions, whose speed varies.
struct Member {
    capacity: f64,
    /// The present deviation of the speed, as a fraction.
    deviation: f64,
    inflow: f64,
    /// Read, committed and end of each partition.
    partitions: Vec<(f64, f64, f64)>,
    series: Vec<(Series, Series)>,
    commit_ms: i64,
}

impl Member {
    fn new(random: &mut Random, load: f64) -> Self {
        let capacity = 200.0 + 800.0 * unit(random);
        let backlog = capacity * (60.0 + 600.0 * unit(random));
        let share = 0.3 + 0.4 * unit(random);
        Self {
            capacity,
            deviation: 0.0,
            inflow: capacity * load * (0.5 + unit(random)).min(1.0),
            partitions: vec![(0.0, 0.0, backlog * share), (0.0, 0.0, backlog * (1.0 - share))],
            series: vec![Default::default(), Default::default()],
            commit_ms: 2_000 + i64::try_from(random.below(4_000)).unwrap(),
        }
    }

    fn tick(&mut self, now_ms: i64, random: &mut Random) {
        let seconds = TICK_MS as f64 / 1000.0;
        // A speed that deviates by a fifth for some seconds.
        self.deviation = 0.96 * self.deviation + 0.28 * 0.2 * normal(random);
        let mut budget = self.capacity * (1.0 + self.deviation).max(0.05) * seconds;
        for (_, _, end) in &mut self.partitions {
            *end += self.inflow / 2.0 * seconds * (1.0 + 0.3 * normal(random)).max(0.0);
        }
        // Half for each partition; what one does not need is left for the other.
        for share in [2.0, 1.0, 1.0] {
            for (read, _, end) in &mut self.partitions {
                let taken = (budget / share).min(*end - *read);
                *read += taken;
                budget -= taken;
            }
        }
        for (read, committed, _) in &mut self.partitions {
            if now_ms % self.commit_ms < TICK_MS {
                *committed = *read;
            }
        }
    }

    fn look(&mut self, now_ms: i64) {
        for ((_, committed, end), (commits, ends)) in self.partitions.iter().zip(&mut self.series) {
            commits.add(now_ms, *committed as i64);
            ends.add(now_ms, *end as i64);
        }
    }

    /// Whether it has caught up: what is left arrived since the last commit.
    fn is_done(&self) -> bool {
        self.partitions
            .iter()
            .all(|(_, committed, end)| end - committed <= self.inflow * self.commit_ms as f64 / 1000.0)
    }

    fn owner(&self, name: usize) -> Owner<'_> {
        let partitions =
            self.partitions.iter().zip(&self.series).map(|((_, committed, end), (commits, ends))| OwnerPartition {
                readable: (end - committed) as u64,
                backlogged_since_ms: None,
                committed: commits,
                end: ends,
            });
        Owner { name: format!("member {name}"), partitions: partitions.collect() }
    }
}

fn unit(random: &mut Random) -> f64 {
    (random.next() >> 11) as f64 / (1_u64 << 53) as f64
}

/// A normal deviate: the sum of twelve uniform ones.
fn normal(random: &mut Random) -> f64 {
    (0..12).map(|_| unit(random)).sum::<f64>() - 6.0
}

/// Watches members for a while and gives what is predicted, and the seconds that it then took.
fn simulate(seed: u64, load: f64, watched_ms: i64) -> (EtaView, Option<f64>) {
    let mut random = Random::new(seed);
    let count = 1 + random.below(4);
    let mut members: Vec<Member> = (0..count).map(|_| Member::new(&mut random, load)).collect();
    let mut predicted = None;
    for now_ms in (0..watched_ms + 7_200_000).step_by(TICK_MS as usize) {
        for member in &mut members {
            member.tick(now_ms, &mut random);
        }
        if now_ms <= watched_ms && now_ms % LOOK_MS == 0 {
            for member in &mut members {
                member.look(now_ms);
            }
        }
        if now_ms == watched_ms {
            let owners: Vec<Owner<'_>> = members.iter().zip(0..).map(|(member, name)| member.owner(name)).collect();
            predicted = Some(estimate(&owners, now_ms, 1).group);
        }
        if now_ms > watched_ms && members.iter().all(Member::is_done) {
            return (predicted.unwrap(), Some((now_ms - watched_ms) as f64 / 1000.0));
        }
    }
    (predicted.unwrap(), None)
}

#[test]
fn four_of_five_drains_end_within_the_interval() {
    for watched_ms in [40_000, 90_000, 240_000] {
        let mut inside = 0;
        let mut all = 0;
        for seed in 0..50 {
            let (predicted, took) = simulate(1_000 + seed, 0.5, watched_ms);
            let (Some(took), EtaVerdict::Known) = (took, predicted.verdict) else { continue };
            all += 1;
            let is_before = predicted.high_s.is_none_or(|high| took <= high);
            inside += i32::from(is_before && predicted.low_s.unwrap() <= took);
        }
        assert!(all >= 35, "{all}");
        let percent = inside * 100 / all;
        assert!((70..=95).contains(&percent), "{percent} % of {all} drains ended within the interval");
    }
}

#[test]
fn groups_that_never_catch_up_are_reported_as_such() {
    for seed in 0..20 {
        let (predicted, took) = simulate(2_000 + seed, 2.6, 120_000);
        assert_eq!((predicted.verdict, took), (EtaVerdict::Never, None), "{predicted:?}");
        assert_eq!(predicted.value_s, None);
    }
}

#[test]
fn the_slowest_owner_decides_and_skew_has_a_price() {
    let series = |rate: i64| {
        let (mut committed, mut end) = (Series::default(), Series::default());
        for second in 0..=100 {
            committed.add(second * 1000, second / 5 * 5 * rate);
            end.add(second * 1000, 1_000_000);
        }
        (committed, end)
    };
    let (fast, slow) = (series(90), series(10));
    let owner = |name: &str, readable, (committed, end)| Owner {
        name: name.into(),
        partitions: vec![OwnerPartition { readable, backlogged_since_ms: None, committed, end }],
    };
    let owners = [owner("fast", 1_000, (&fast.0, &fast.1)), owner("slow", 1_000, (&slow.0, &slow.1))];
    let estimate_of = |owners: &[Owner<'_>]| estimate(owners, 100_000, 1);
    let found = estimate_of(&owners).group;
    assert_eq!(found.slowest.as_deref(), Some("slow"));
    assert!((found.value_s.unwrap() - 100.0).abs() < 1.0, "{found:?}");
    assert!((found.shared_evenly_s.unwrap() - 20.0).abs() < 0.5, "{found:?}");
    assert_eq!(estimate_of(&[]).group.verdict, EtaVerdict::Done);
}

#[test]
fn each_owner_has_its_own_time_also_while_that_of_another_one_is_not_known() {
    let (mut committed, mut new, mut end) = (Series::default(), Series::default(), Series::default());
    for second in 0..=100 {
        committed.add(second * 1000, second / 5 * 50);
        end.add(second * 1000, 1_000_000);
    }
    new.add(100_000, 0);
    let owner = |readable, committed| Owner {
        name: "a".into(),
        partitions: vec![OwnerPartition { readable, backlogged_since_ms: None, committed, end: &end }],
    };
    let found = estimate(&[owner(0, &committed), owner(1_000, &committed), owner(1_000, &new)], 100_000, 1);
    assert_eq!((found.group.verdict, found.group.commits_seen), (EtaVerdict::NotKnownYet, Some(0)));
    let values: Vec<Option<f64>> = found.owners.iter().map(|eta| eta.as_ref()?.value_s).collect();
    assert_eq!((values[0], values[2]), (None, None));
    assert!((values[1].unwrap() - 100.0).abs() < 1.0, "{values:?}");
}
