//! The progress of a run in one line.

use std::fmt::Write;

use crate::{
    domain::{
        number::{Count, counted, rate, seconds, time_left, whole},
        printable,
    },
    feed::{RunState, RunView, Snapshot, WhatIf},
};

/// A smaller gain is not worth a line: the model of advice is about this inexact.
const MIN_SPEEDUP: f64 = 1.1;
/// The time in seconds that it must save. Below, it says nothing about a longer run.
const MIN_SECONDS_SAVED: f64 = 0.5;

/// State, percentage, handled records, rate, lag, time left, and the counts of [`RunView::exceptions`], or the problem
/// that prevents a run from starting.
pub(super) fn describe(snapshot: &Snapshot) -> String {
    match (&snapshot.run, &snapshot.problem) {
        (Some(run), None) => describe_run(run),
        (Some(run), Some(problem)) => format!("{}  {}", describe_run(run), printable(problem)),
        (None, Some(problem)) => printable(problem).into_owned(),
        (None, None) => "planning".into(),
    }
}

fn describe_run(run: &RunView) -> String {
    let totals = &run.totals;
    // Rounded down, so that 100 % means that nothing is left. The small constant absorbs floating-point errors.
    let percent = whole((run.progress() * 100.0 + 1e-9).floor());
    let lag = totals.lag.known().map_or_else(|| "?".into(), |lag| Count(lag).to_string());
    let state = run.status().to_string();
    let state = if run.dry_run().is_some() { format!("dry run, {state}") } else { state };
    let mut line = format!("{state:<8} {percent:>3} %  {} handled", Count(totals.handled));
    // Writing to a String cannot fail.
    let _ = write!(line, "  {} records/s", rate(run.throughput.records_per_s));
    if run.state.is_over() {
        let _ = write!(line, " on average  in {}", seconds(run.handling_s));
    }
    let _ = write!(line, "  lag {lag}");
    if let Some(eta) = run.eta_s.filter(|_| !run.state.is_over()) {
        let _ = write!(line, "  eta {}", time_left(eta));
    }
    if let Some(limit) = run.limit.as_ref().filter(|_| run.state == RunState::Running) {
        let _ = write!(line, "  limit {}", printable(&limit.to_string()));
    }
    for one in run.exceptions() {
        let _ = write!(line, "  {} {}", Count(one.count), one.label);
    }
    if run.quarantine.keys > 0 {
        let _ = write!(line, "  {} quarantined", counted(run.quarantine.keys, "key"));
    }
    if let Some(retrying) = run.retrying.filter(|_| !run.state.is_over()) {
        let _ = write!(line, "  {}", retrying.in_words(run.plan.ordering));
    }
    if run.rebalancing && !run.state.is_over() {
        line.push_str("  rebalancing");
    }
    if let Some(guard) = run.limits.guard.as_ref().filter(|guard| guard.records_per_s.is_some() && !run.state.is_over())
    {
        let lag = guard.lag.map_or_else(|| "?".into(), |lag| Count(lag).to_string());
        let _ = write!(line, "  throttled: group {} lag {lag}", printable(&guard.group));
        if guard.lag.is_none_or(|lag| lag > guard.max_lag) {
            let _ = write!(line, " > {}", Count(guard.max_lag));
            if let (Some(partition), Some(lag)) = (&guard.partition, guard.partition_lag) {
                let _ = write!(line, " ({} in {})", Count(lag), printable(partition));
            }
        }
    }
    if let Some(charges) = run.charges.in_words().filter(|_| run.state.is_over()) {
        let _ = write!(line, "  {charges}");
    }
    line
}

/// What would have made a run that has ended faster, if the gain is worth a line; `None` otherwise.
pub(super) fn advice(snapshot: &Snapshot) -> Option<String> {
    let run = snapshot.run.as_ref().filter(|run| run.state.is_over())?;
    let is_worth_it = |one: &&WhatIf| one.speedup >= MIN_SPEEDUP && one.seconds_saved >= MIN_SECONDS_SAVED;
    let worth: Vec<WhatIf> = run.advice.iter().filter(is_worth_it).cloned().collect();
    (!worth.is_empty()).then(|| format!("advice   {}", printable(&WhatIf::line(&worth))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Lag,
        feed::{Bottleneck, CurrentLimit, GuardView, LiftedLimit, RetryingView},
    };

    fn run(state: RunState, lag: Lag) -> RunView {
        let mut run = RunView { state, eta_s: Some(0.961), ..RunView::default() };
        run.handling_s = 1.7;
        run.plan.records = 10_000;
        run.totals.handled = 4_321;
        run.totals.lag = lag;
        run.throughput.records_per_s = 5_912.4;
        run
    }

    #[test]
    fn a_line_shows_state_percentage_rate_and_time_left() {
        let mut running = run(RunState::Running, Lag::Known(5_679));
        assert_eq!(describe_run(&running), "running   43 %  4,321 handled  5,912 records/s  lag 5,679  eta < 1 s");
        running.totals.skipped = 2;
        running.rebalancing = true;
        running.limit = Some(CurrentLimit { bottleneck: Bottleneck::Key, name: Some("data\u{1b}set".into()) });
        assert!(
            describe_run(&running).ends_with("eta < 1 s  limit key data\\u{1b}set  2 skipped  rebalancing"),
            "{}",
            describe_run(&running)
        );
        let done = describe_run(&run(RunState::Done, Lag::Known(0)));
        assert_eq!(done, "done     100 %  4,321 handled  5,912 records/s on average  in 1.70 s  lag 0");
        assert!(describe_run(&run(RunState::Planned, Lag::Unknown)).contains("  0 %"));
    }

    #[test]
    fn the_last_line_has_every_nonzero_count() {
        let mut done = run(RunState::Done, Lag::Known(0));
        done.totals.filtered = 262_976;
        done.totals.dead_lettered = 2_341;
        done.totals.already_handled = 7;
        done.totals.repeated = 150;
        done.totals.duplicates = 157;
        assert_eq!(
            describe_run(&done),
            "done with dead letters 100 %  4,321 handled  5,912 records/s on average  in 1.70 s  lag 0  2,341 dead letters  \
             150 repeated  262,976 filtered  7 already handled"
        );
    }

    #[test]
    fn a_line_shows_waiting_retries() {
        let mut waiting = run(RunState::Running, Lag::Known(5));
        waiting.eta_s = None;
        waiting.retrying = Some(RetryingView { lanes: 1, next_s: 3.21, alone: true });
        let line = describe_run(&waiting);
        assert!(line.starts_with("retrying in 3.21 s ") && line.ends_with("  1 key retrying"), "{line}");
    }

    #[test]
    fn a_line_shows_the_lag_guard() {
        let mut held = run(RunState::Running, Lag::Known(5_679));
        let guard = GuardView {
            group: "bil\nling".into(),
            lag: Some(12_345),
            max_lag: 10_000,
            records_per_s: Some(0.0),
            ..GuardView::default()
        };
        held.limits.guard = Some(guard.clone());
        assert!(
            describe_run(&held).ends_with("  throttled: group bil\\nling lag 12,345 > 10,000"),
            "{}",
            describe_run(&held)
        );
        held.limits.guard = Some(GuardView { records_per_s: None, ..guard });
        assert!(!describe_run(&held).contains("held back"));
    }

    #[test]
    fn advice_follows_the_end_of_a_run_if_its_gain_is_worth_a_line() {
        let mut ended = run(RunState::Done, Lag::Known(0));
        let one = |lifted, speedup| WhatIf { lifted, key: None, speedup, seconds_saved: 1.0 };
        ended.advice = vec![one(LiftedLimit::TwiceTheWorkers, 1.9), one(LiftedLimit::NoOrdering, 1.09)];
        let of = |run: &RunView| advice(&Snapshot { run: Some(run.clone()), ..Snapshot::default() });
        assert_eq!(of(&ended).as_deref(), Some("advice   twice the workers: 1.90×"));
        assert_eq!(of(&RunView { state: RunState::Running, ..ended.clone() }), None, "it may change until the end");
        ended.advice.remove(0);
        assert_eq!(of(&ended), None);
        ended.advice = vec![WhatIf { seconds_saved: 0.01, ..one(LiftedLimit::TwiceTheWorkers, 1.9) }];
        assert_eq!(of(&ended), None, "a run of a few milliseconds");
    }

    #[test]
    fn a_hundred_percent_means_nothing_is_left() {
        let mut nearly = run(RunState::Running, Lag::Known(1));
        nearly.plan.records = 1_000_000;
        assert!(describe_run(&nearly).contains(" 99 %"));
    }

    #[test]
    fn a_problem_is_shown_with_control_characters_escaped() {
        let snapshot = Snapshot { problem: Some("no\u{1b}[2J broker".into()), ..Snapshot::default() };
        assert_eq!(describe(&snapshot), "no\\u{1b}[2J broker");
        assert_eq!(describe(&Snapshot::default()), "planning");
    }
}
