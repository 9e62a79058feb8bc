//! The comparison of this session's runs: speed-up, efficiency, and digests.

use kreplay_model::{
    domain::Ordering,
    feed::{RunState, RunSummary},
};

/// A run compared with the base run.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared<'a> {
    /// The run.
    pub run: &'a RunSummary,
    /// Its speed ÷ the base's speed; `None` if one of the two did not finish or handled nothing.
    pub speed_up: Option<f64>,
    /// Whether it handled the same records in the same order per key as the base.
    pub digest: DigestMatch,
}

/// The relation of a run's digest to the base's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestMatch {
    /// It is the base.
    Base,
    /// The same records in the same order per key.
    Same,
    /// The digests differ.
    Differs,
    /// The digests differ, but one of the two runs had no ordering.
    Unordered,
    /// One of the two did not handle all records, or had none to handle.
    Unknown,
}

/// Whether a run finished and handled something. A target that keeps positions has all records after the first run, and
/// the time and the digest of the next one mean nothing.
pub(super) fn is_comparable(run: &RunSummary) -> bool {
    run.state == RunState::Done && run.handled > 0
}

/// The base of the comparison: the first comparable run with a single worker throughout, otherwise the slowest
/// comparable run.
#[must_use]
pub fn base(runs: &[RunSummary]) -> Option<usize> {
    let done = || runs.iter().enumerate().filter(|(_, run)| is_comparable(run));
    let single = done().find(|(_, run)| run.concurrency == 1 && !run.concurrency_changed);
    single.or_else(|| done().min_by(|(_, a), (_, b)| a.records_per_s.total_cmp(&b.records_per_s))).map(|(at, _)| at)
}

/// Compares all runs with the base.
#[must_use]
pub fn compare(runs: &[RunSummary]) -> Vec<Compared<'_>> {
    let base_at = base(runs);
    let base = base_at.and_then(|at| runs.get(at));
    runs.iter()
        .enumerate()
        .map(|(at, run)| Compared {
            run,
            speed_up: base.and_then(|base| speed_up(run, base)),
            digest: if base_at == Some(at) { DigestMatch::Base } else { digest_match(run, base) },
        })
        .collect()
}

fn speed_up(run: &RunSummary, base: &RunSummary) -> Option<f64> {
    let comparable = is_comparable(run) && base.records_per_s > 0.0;
    comparable.then(|| run.records_per_s / base.records_per_s)
}

fn digest_match(run: &RunSummary, base: Option<&RunSummary>) -> DigestMatch {
    match base {
        Some(base) if is_comparable(run) => {
            if run.digest == base.digest {
                DigestMatch::Same
            } else if run.ordering == Ordering::None || base.ordering == Ordering::None {
                DigestMatch::Unordered
            } else {
                DigestMatch::Differs
            }
        }
        _ => DigestMatch::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(concurrency: u32, records_per_s: f64, digest: &str) -> RunSummary {
        RunSummary {
            id: format!("run-{concurrency}"),
            state: RunState::Done,
            ordering: Ordering::Key,
            concurrency,
            concurrency_changed: false,
            handled: 1000,
            elapsed_s: 1000.0 / records_per_s,
            handling_s: 1000.0 / records_per_s,
            records_per_s,
            efficiency: None,
            limit: None,
            digest: digest.to_owned(),
        }
    }

    #[test]
    fn a_single_worker_run_is_the_base_even_if_it_is_not_the_first() {
        let runs = [run(6, 600.0, "a"), run(1, 100.0, "a"), run(2, 50.0, "b")];
        let compared = compare(&runs);
        assert_eq!(base(&runs), Some(1));
        assert_eq!(compared[0].speed_up, Some(6.0));
        assert_eq!(
            compared.iter().map(|run| run.digest).collect::<Vec<_>>(),
            [DigestMatch::Same, DigestMatch::Base, DigestMatch::Differs]
        );
    }

    #[test]
    fn without_a_single_worker_run_the_slowest_is_the_base() {
        let mut changed = run(1, 10.0, "a");
        changed.concurrency_changed = true;
        assert_eq!(base(&[run(6, 600.0, "a"), changed.clone(), run(2, 200.0, "a")]), Some(1));
        changed.state = RunState::Cancelled;
        let runs = [run(6, 600.0, "a"), changed];
        assert_eq!(base(&runs), Some(0));
        assert_eq!((compare(&runs)[1].speed_up, compare(&runs)[1].digest), (None, DigestMatch::Unknown));
    }

    #[test]
    fn a_run_that_handled_nothing_is_not_compared() {
        let empty = RunSummary { handled: 0, ..run(1, 0.0, "0") };
        let runs = [empty, run(6, 600.0, "a"), run(3, 300.0, "a")];
        assert_eq!(base(&runs), Some(2));
        let compared = compare(&runs);
        assert_eq!(
            compared.iter().map(|run| run.digest).collect::<Vec<_>>(),
            [DigestMatch::Unknown, DigestMatch::Same, DigestMatch::Base]
        );
        assert_eq!(compared[0].speed_up, None);
        assert_eq!(base(&runs[..1]), None);
    }

    #[test]
    fn without_ordering_a_different_digest_is_not_an_error() {
        let mut free = run(6, 600.0, "b");
        free.ordering = Ordering::None;
        assert_eq!(compare(&[run(1, 100.0, "a"), free])[1].digest, DigestMatch::Unordered);
        assert_eq!(base(&[]), None);
    }
}
