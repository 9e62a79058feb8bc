//! Runs the measurements in interleaved rounds.

use std::sync::atomic::AtomicBool;

use super::{BenchError, Case, Job, Measurement, Section, run_in_child};

/// A case and its measurements.
#[derive(Clone, Debug, PartialEq)]
pub struct Rounds {
    /// The case.
    pub case: Case,
    /// One measurement per round.
    pub found: Vec<Measurement>,
}

/// A measurement that is about to start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Round<'a> {
    /// Its number, from 1.
    pub number: usize,
    /// The total number of measurements.
    pub of: usize,
    /// The case.
    pub case: &'a Case,
}

/// Measures every case `rounds` times. Rounds are interleaved: each case once, then each case again.
///
/// `job` creates the job of a case. It receives the number of the measurement, so that each can have its own group.
/// `begin` is called before each measurement.
///
/// # Errors
/// The first failed measurement or `job`, or different digests of the same topic.
pub fn measure(
    cases: &[Case],
    rounds: usize,
    stop: &AtomicBool,
    mut job: impl FnMut(&Case, usize) -> Result<Job, BenchError>,
    mut begin: impl FnMut(Round<'_>),
) -> Result<Vec<Rounds>, BenchError> {
    let mut all: Vec<Rounds> = cases.iter().map(|case| Rounds { case: case.clone(), found: Vec::new() }).collect();
    let of = cases.len() * rounds;
    for number in 0..of {
        let at = number % cases.len();
        let case = &cases[at];
        begin(Round { number: number + 1, of, case });
        let found = run_in_child(&job(case, number)?, &case.to_string(), stop)?;
        check(&all, case, &found)?;
        all[at].found.push(found);
    }
    Ok(all)
}

/// Checks that all measurements of all records of a topic have the same digest: tiers differ only in speed.
fn check(before: &[Rounds], case: &Case, found: &Measurement) -> Result<(), BenchError> {
    let same_topic = before.iter().filter(|one| one.case.topic == case.topic);
    let expected = same_topic.flat_map(|one| &one.found).find_map(|found| found.digest.as_ref());
    match (expected, &found.digest) {
        (Some(expected), Some(digest)) if expected != digest => {
            Err(BenchError::Digest { case: case.to_string(), digest: digest.clone(), expected: expected.clone() })
        }
        _ => Ok(()),
    }
}

/// Peak memory of each additional consumer in bytes, one value per round. `consumers` returns the number of consumers
/// of a case; cases without a number are ignored. A value is negative if it is below the noise of the machine.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "bytes of one process")]
pub(super) fn further_bytes(all: &[Rounds], consumers: impl Fn(&Case) -> Option<u32>) -> Vec<f64> {
    let with = |wanted: fn(u32) -> bool| {
        let counted = all.iter().filter(|one| one.case.section == Section::Memory);
        counted.filter_map(|one| Some((one, consumers(&one.case)?))).find(|(_, count)| wanted(*count))
    };
    let (Some((one, _)), Some((many, count))) = (with(|count| count == 1), with(|count| count > 1)) else {
        return Vec::new();
    };
    let further = f64::from(count - 1);
    let peaks = one.found.iter().zip(&many.found);
    peaks.filter_map(|(one, many)| Some((many.peak_rss_bytes? as f64 - one.peak_rss_bytes? as f64) / further)).collect()
}

/// The number of clients of a memory case without a group.
#[must_use]
pub(super) fn clients(case: &Case) -> Option<u32> {
    case.clients.filter(|_| !case.group)
}

/// The number of members of a memory case with a group: one per worker.
#[must_use]
pub(super) fn members(case: &Case) -> Option<u32> {
    case.group.then(|| case.concurrency.get())
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::{Concurrency, Tier};

    use super::*;
    use crate::bench::{BenchOptions, plan};

    fn rounds() -> Vec<Rounds> {
        let options = BenchOptions {
            tiers: vec![Tier::Buffered, Tier::Dedicated],
            concurrency: vec![Concurrency::default()],
            rates: vec![],
            records: None,
            partitions: 3,
            group: true,
        };
        plan(&options).into_iter().map(|case| Rounds { case, found: Vec::new() }).collect()
    }

    #[test]
    fn a_different_digest_is_an_error() {
        let mut all = rounds();
        let found = |digest: Option<&str>| Measurement { digest: digest.map(str::to_owned), ..Measurement::default() };
        all[0].found.push(found(None));
        all[1].found.push(found(Some("aa")));
        let case = all[0].case.clone();
        assert!(check(&all, &case, &found(Some("aa"))).is_ok());
        assert!(check(&all, &case, &found(None)).is_ok());
        let error = check(&all, &case, &found(Some("bb"))).unwrap_err().to_string();
        assert!(error.contains("buffered × 6") && error.contains("bb instead of aa"), "{error}");
        assert!(check(&all, &Case { topic: 1, ..case }, &found(Some("bb"))).is_ok());
    }

    #[test]
    fn memory_of_a_further_consumer_is_the_difference_by_count() {
        let mut all = rounds();
        let found = |mib: u64| Measurement { peak_rss_bytes: Some(mib << 20), ..Measurement::default() };
        for one in &mut all {
            match (one.case.clients, one.case.group) {
                (Some(1), _) => one.found.extend([found(40), found(41)]),
                (Some(3), _) => one.found.extend([found(50), found(39)]),
                (_, true) if one.case.concurrency.get() == 1 => one.found.push(found(30)),
                (_, true) => one.found.push(found(36)),
                _ => one.found.push(found(500)),
            }
        }
        assert_eq!(further_bytes(&all, clients), [f64::from(5 << 20), -f64::from(1 << 20)]);
        assert_eq!(further_bytes(&all, members), [f64::from(3 << 20)]);
        assert!(further_bytes(&all[..2], clients).is_empty());
    }
}
