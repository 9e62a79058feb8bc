//! Doing the rounds.

use std::sync::atomic::AtomicBool;

use super::{BenchError, Case, Found, Job, ask};
use crate::domain::Tier;

/// One case with what its rounds found.
#[derive(Clone, Debug, PartialEq)]
pub struct Rounds {
    /// What was measured.
    pub case: Case,
    /// What each round found.
    pub found: Vec<Found>,
}

/// A measurement that is about to begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Round<'a> {
    /// Its number, from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
    /// What is measured.
    pub case: &'a Case,
}

/// Measures every case so many times. The rounds are interleaved: one of each case, then the next of each.
///
/// `job` makes a case into a job; it is told the number of the measurement, so that groups can have names of their own.
/// `begin` hears of each measurement.
///
/// # Errors
/// The first measurement that fails; measurements of all records of one topic that disagree about them.
pub fn measure(
    cases: &[Case],
    rounds: usize,
    stop: &AtomicBool,
    job: impl Fn(&Case, usize) -> Job,
    mut begin: impl FnMut(Round<'_>),
) -> Result<Vec<Rounds>, BenchError> {
    let mut all: Vec<Rounds> = cases.iter().map(|case| Rounds { case: case.clone(), found: Vec::new() }).collect();
    let of = cases.len() * rounds;
    for number in 0..of {
        let at = number % cases.len();
        let case = &cases[at];
        begin(Round { number: number + 1, of, case });
        let found = ask(&job(case, number), &case.to_string(), stop)?;
        check(&all, case, &found)?;
        all[at].found.push(found);
    }
    Ok(all)
}

/// The proof that tiers differ in nothing but speed: all records of a topic have one digest.
fn check(before: &[Rounds], case: &Case, found: &Found) -> Result<(), BenchError> {
    let same_topic = before.iter().filter(|one| one.case.topic == case.topic);
    let expected = same_topic.flat_map(|one| &one.found).find_map(|found| found.digest.as_ref());
    match (expected, &found.digest) {
        (Some(expected), Some(digest)) if expected != digest => {
            Err(BenchError::Digest { case: case.to_string(), digest: digest.clone(), expected: expected.clone() })
        }
        _ => Ok(()),
    }
}

/// What each client beyond the first takes at its peak, in bytes: one figure for each round. It is negative where the machine's
/// noise is more than that.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "bytes of one process")]
pub(super) fn further_client_bytes(all: &[Rounds]) -> Vec<f64> {
    let with = |wanted: fn(u32) -> bool| {
        all.iter().find(|one| one.case.tier == Tier::Dedicated && one.case.clients.is_some_and(wanted))
    };
    let (Some(one), Some(many)) = (with(|clients| clients == 1), with(|clients| clients > 1)) else {
        return Vec::new();
    };
    let further = f64::from(many.case.clients.unwrap_or(2) - 1);
    let peaks = one.found.iter().zip(&many.found);
    peaks.filter_map(|(one, many)| Some((many.peak_rss_bytes? as f64 - one.peak_rss_bytes? as f64) / further)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bench::{Wishes, plan},
        domain::Concurrency,
    };

    fn rounds() -> Vec<Rounds> {
        let wishes = Wishes {
            tiers: vec![Tier::Buffered, Tier::Dedicated],
            concurrency: vec![Concurrency::default()],
            rates: vec![],
            records: None,
            partitions: 3,
        };
        plan(&wishes).into_iter().map(|case| Rounds { case, found: Vec::new() }).collect()
    }

    #[test]
    fn a_digest_that_differs_is_an_error() {
        let mut all = rounds();
        let found = |digest: Option<&str>| Found { digest: digest.map(str::to_owned), ..Found::default() };
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
    fn the_price_of_a_further_client_is_the_difference_over_their_number() {
        let mut all = rounds();
        let found = |mib: u64| Found { peak_rss_bytes: Some(mib << 20), ..Found::default() };
        for one in &mut all {
            match one.case.clients {
                Some(1) => one.found.extend([found(40), found(41)]),
                Some(3) => one.found.extend([found(50), found(39)]),
                _ => one.found.push(found(500)),
            }
        }
        assert_eq!(further_client_bytes(&all), [f64::from(5 << 20), -f64::from(1 << 20)]);
        assert!(further_client_bytes(&all[..1]).is_empty());
    }
}
