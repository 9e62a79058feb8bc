//! The state of a run in one line.

use std::fmt::Write;

use crate::feed::{
    RunView, Snapshot,
    figures::{Count, rate, seconds, whole},
    printable,
};

/// State, percent, handled, rate, lag and remaining time, or what keeps the run from starting.
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
    // Rounded down: 100 % is said only when nothing is left.
    let percent = whole((run.progress() * 100.0).floor());
    let lag = totals.lag.known().map_or_else(|| "?".into(), |lag| Count(lag).to_string());
    let state = if run.is_following() { "following".to_owned() } else { run.state.to_string() };
    let state = if run.dry_run().is_some() { format!("dry run, {state}") } else { state };
    let mut line = format!("{state:<8} {percent:>3} %  {} handled", Count(totals.handled));
    // Writing to a String cannot fail.
    let _ = write!(line, "  {} records/s  lag {lag}", rate(run.throughput.records_per_s));
    if let Some(eta) = run.eta_s.filter(|_| !run.state.is_over()) {
        let _ = write!(line, "  eta {}", seconds(eta));
    }
    for (count, what) in [
        (totals.retried, "retried"),
        (totals.skipped, "skipped"),
        (totals.lost, "lost to retention"),
        (totals.unjudged, "unjudged"),
    ] {
        if count > 0 {
            let _ = write!(line, "  {} {what}", Count(count));
        }
    }
    if run.rebalancing {
        line.push_str("  rebalancing");
    }
    if let Some(guard) = run.limits.guard.as_ref().filter(|guard| guard.records_per_s.is_some() && !run.state.is_over())
    {
        let lag = guard.lag.map_or_else(|| "?".into(), |lag| Count(lag).to_string());
        let _ = write!(line, "  held back: group {} lag {lag}", printable(&guard.group));
        if guard.lag.is_none_or(|lag| lag > guard.max_lag) {
            let _ = write!(line, " > {}", Count(guard.max_lag));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Lag,
        feed::{GuardView, RunState},
    };

    fn run(state: RunState, lag: Lag) -> RunView {
        let mut run = RunView { state, eta_s: Some(0.961), ..RunView::default() };
        run.plan.records = 10_000;
        run.totals.handled = 4_321;
        run.totals.lag = lag;
        run.throughput.records_per_s = 5_912.4;
        run
    }

    #[test]
    fn a_line_says_what_is_asked_first() {
        let mut running = run(RunState::Running, Lag::Known(5_679));
        assert_eq!(describe_run(&running), "running   43 %  4,321 handled  5,912 records/s  lag 5,679  eta 0.96 s");
        running.totals.skipped = 2;
        running.rebalancing = true;
        assert!(describe_run(&running).ends_with("eta 0.96 s  2 skipped  rebalancing"));
        let done = describe_run(&run(RunState::Done, Lag::Known(0)));
        assert_eq!(done, "done     100 %  4,321 handled  5,912 records/s  lag 0");
        assert!(describe_run(&run(RunState::Planned, Lag::Unknown)).contains("  0 %"));
    }

    #[test]
    fn a_line_says_what_holds_the_run_back() {
        let mut held = run(RunState::Running, Lag::Known(5_679));
        let guard =
            GuardView { group: "bil\nling".into(), lag: Some(12_345), max_lag: 10_000, records_per_s: Some(0.0) };
        held.limits.guard = Some(guard.clone());
        assert!(
            describe_run(&held).ends_with("  held back: group bil\\nling lag 12,345 > 10,000"),
            "{}",
            describe_run(&held)
        );
        held.limits.guard = Some(GuardView { records_per_s: None, ..guard });
        assert!(!describe_run(&held).contains("held back"));
    }

    #[test]
    fn a_hundred_percent_means_nothing_is_left() {
        let mut nearly = run(RunState::Running, Lag::Known(1));
        nearly.plan.records = 1_000_000;
        assert!(describe_run(&nearly).contains(" 99 %"));
    }

    #[test]
    fn a_problem_is_said_and_cannot_drive_the_terminal() {
        let snapshot = Snapshot { problem: Some("no\u{1b}[2J broker".into()), ..Snapshot::default() };
        assert_eq!(describe(&snapshot), "no\\u{1b}[2J broker");
        assert_eq!(describe(&Snapshot::default()), "planning");
    }
}
