//! This session's runs beside each other: how much faster, how well, and whether they did the same.

use crate::{
    domain::Ordering,
    feed::{RunState, RunSummary},
};

/// A run beside the one that the others are measured by.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared<'a> {
    /// The run.
    pub run: &'a RunSummary,
    /// Its speed ÷ the speed of the base; `None` where one of the two did not come to its end.
    pub speed_up: Option<f64>,
    /// Whether it handled the same records in the same order for each key.
    pub digest: Sameness,
}

/// How a run's digest stands to the base's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sameness {
    /// It is the base.
    Base,
    /// Equal records in equal order for each key.
    Same,
    /// Something differs.
    Differs,
    /// It differs, as it may: one of the two kept no order.
    Unordered,
    /// One of the two did not handle all records.
    Unknown,
}

/// The run that the others are measured by: the first finished one with a single worker throughout, otherwise the
/// slowest finished one.
#[must_use]
pub fn base(runs: &[RunSummary]) -> Option<usize> {
    let done = || runs.iter().enumerate().filter(|(_, run)| run.state == RunState::Done);
    let single = done().find(|(_, run)| run.concurrency == 1 && !run.concurrency_changed);
    single.or_else(|| done().min_by(|(_, a), (_, b)| a.records_per_s.total_cmp(&b.records_per_s))).map(|(at, _)| at)
}

/// Every run beside the base.
#[must_use]
pub fn compare(runs: &[RunSummary]) -> Vec<Compared<'_>> {
    let base_at = base(runs);
    let base = base_at.and_then(|at| runs.get(at));
    runs.iter()
        .enumerate()
        .map(|(at, run)| Compared {
            run,
            speed_up: base.and_then(|base| speed_up(run, base)),
            digest: if base_at == Some(at) { Sameness::Base } else { sameness(run, base) },
        })
        .collect()
}

fn speed_up(run: &RunSummary, base: &RunSummary) -> Option<f64> {
    let comparable = run.state == RunState::Done && base.records_per_s > 0.0;
    comparable.then(|| run.records_per_s / base.records_per_s)
}

fn sameness(run: &RunSummary, base: Option<&RunSummary>) -> Sameness {
    match base {
        Some(base) if run.state == RunState::Done => {
            if run.digest == base.digest {
                Sameness::Same
            } else if run.ordering == Ordering::None || base.ordering == Ordering::None {
                Sameness::Unordered
            } else {
                Sameness::Differs
            }
        }
        _ => Sameness::Unknown,
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
    fn a_single_worker_is_the_base_even_if_it_came_later() {
        let runs = [run(6, 600.0, "a"), run(1, 100.0, "a"), run(2, 50.0, "b")];
        let compared = compare(&runs);
        assert_eq!(base(&runs), Some(1));
        assert_eq!(compared[0].speed_up, Some(6.0));
        assert_eq!(
            compared.iter().map(|run| run.digest).collect::<Vec<_>>(),
            [Sameness::Same, Sameness::Base, Sameness::Differs]
        );
    }

    #[test]
    fn without_a_single_worker_the_slowest_is_the_base() {
        let mut changed = run(1, 10.0, "a");
        changed.concurrency_changed = true;
        assert_eq!(base(&[run(6, 600.0, "a"), changed.clone(), run(2, 200.0, "a")]), Some(1));
        changed.state = RunState::Cancelled;
        let runs = [run(6, 600.0, "a"), changed];
        assert_eq!(base(&runs), Some(0));
        assert_eq!((compare(&runs)[1].speed_up, compare(&runs)[1].digest), (None, Sameness::Unknown));
    }

    #[test]
    fn without_an_order_another_digest_is_no_fault() {
        let mut free = run(6, 600.0, "b");
        free.ordering = Ordering::None;
        assert_eq!(compare(&[run(1, 100.0, "a"), free])[1].digest, Sameness::Unordered);
        assert_eq!(base(&[]), None);
    }
}
