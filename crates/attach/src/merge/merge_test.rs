use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use kreplay_model::{
    domain::{Lag, Offset, TopicPartition},
    feed::{
        Bottleneck, Charge, Charges, CurrentLimit, Event, EventKind, HandlingTimes, Owner, PartitionState,
        PartitionView, RunState, RunView, Snapshot, Throughput, Totals, WorkerView,
    },
    timeline::{Figure, Timeline},
};
use proptest::prelude::*;

use super::*;

const END: i64 = 1_000;

fn offset(raw: i64) -> Offset {
    Offset::new(raw).unwrap()
}

/// A partition as its owner sees it, or as other processes do.
fn row(partition: i32, position: i64, handled: u64, is_owner: bool) -> PartitionView {
    PartitionView {
        id: TopicPartition::new("orders", partition),
        state: if is_owner { PartitionState::Active } else { PartitionState::Elsewhere },
        first: offset(0),
        end: offset(END),
        position: offset(position),
        lag: Lag::between(offset(position), offset(END)),
        ahead: u64::from(is_owner),
        handled,
        owner: if is_owner { Owner::Shared } else { Owner::None },
        records_per_s: if is_owner { 10.0 } else { 0.0 },
        p95_ms: None,
        handling_times: HandlingTimes::default(),
    }
}

fn part(number: u32, is_gone: bool, run: RunView) -> Part {
    let snapshot = Arc::new(Snapshot { run: Some(run), ..Snapshot::default() });
    Part { process: ["a", "b", "c"][number as usize].to_owned(), number, is_gone, snapshot }
}

fn running(partitions: Vec<PartitionView>) -> RunView {
    let mut charges = Charges::default();
    charges.add_ns(Charge::Handling, 7);
    RunView {
        state: RunState::Running,
        totals: Totals { handled: partitions.iter().map(|row| row.handled).sum(), ..Totals::default() },
        concurrency: 2,
        workers: (0..2).map(|id| WorkerView { id, ..WorkerView::default() }).collect(),
        charges,
        partitions,
        ..RunView::default()
    }
}

/// What three processes did: for each partition, its owner, and what each process has handled and where it is.
#[derive(Clone, Debug)]
struct Shared {
    partitions: Vec<(usize, [(i64, u64); 3])>,
    gone: Option<usize>,
    latencies: [Vec<u64>; 3],
    counters: [[u32; 4]; 3],
}

fn shared() -> impl Strategy<Value = Shared> {
    let of_process = || (0..=END, 0..10_000_u64);
    let partition = (0..3_usize, [of_process(), of_process(), of_process()]);
    let latencies = || prop::collection::vec(any::<u64>(), 0..8);
    (
        prop::collection::vec(partition, 1..12),
        prop::option::of(0..3_usize),
        [latencies(), latencies(), latencies()],
        any::<[[u32; 4]; 3]>(),
    )
        .prop_map(|(partitions, gone, latencies, counters)| Shared { partitions, gone, latencies, counters })
}

impl Shared {
    fn parts(&self) -> Vec<Part> {
        (0..3).map(|process| self.part(process)).collect()
    }

    fn part(&self, process: usize) -> Part {
        let rows = (0..).zip(&self.partitions).map(|(partition, (owner, processes))| {
            let (position, handled) = processes[process];
            row(partition, position, handled, *owner == process)
        });
        let mut run = running(rows.collect());
        let [retried, skipped, lost, barriers] = self.counters[process].map(u64::from);
        run.totals = Totals { retried, skipped, lost, barriers, ..run.totals };
        for time in &self.latencies[process] {
            run.latency_counts.add(*time, 1);
        }
        part(u32::try_from(process).unwrap(), self.gone == Some(process), run)
    }
}

proptest! {
    #[test]
    fn totals_are_the_sums_of_the_parts(shared in shared()) {
        let parts = shared.parts();
        let merged = merge("r", 0, &parts).run.unwrap();
        let runs = || parts.iter().map(|part| part.snapshot.run.as_ref().unwrap());
        let sum = |of: fn(&Totals) -> u64| runs().map(|run| of(&run.totals)).sum::<u64>();
        prop_assert_eq!(merged.totals.handled, sum(|totals| totals.handled));
        prop_assert_eq!(merged.totals.retried, sum(|totals| totals.retried));
        prop_assert_eq!(merged.totals.skipped, sum(|totals| totals.skipped));
        prop_assert_eq!(merged.totals.lost, sum(|totals| totals.lost));
        prop_assert_eq!(merged.totals.barriers, sum(|totals| totals.barriers));
        prop_assert_eq!(merged.partitions.iter().map(|row| row.handled).sum::<u64>(), merged.totals.handled);
        prop_assert_eq!(merged.latency_counts.records(), runs().map(|run| run.latency_counts.records()).sum::<u64>());
        prop_assert_eq!(merged.charges.total_ns(), 21);
        let lag: u64 = merged.partitions.iter().map(|row| row.lag.known().unwrap()).sum();
        prop_assert_eq!(merged.totals.lag, Lag::Known(lag));
        prop_assert_eq!(merged.plan.records, shared.partitions.len() as u64 * END.unsigned_abs());
    }

    #[test]
    fn each_partition_is_shown_once_as_its_owner_sees_it(shared in shared()) {
        let merged = merge("r", 0, &shared.parts()).run.unwrap();
        prop_assert_eq!(merged.partitions.len(), shared.partitions.len());
        for (shown, (owner, processes)) in merged.partitions.iter().zip(&shared.partitions) {
            if shared.gone == Some(*owner) {
                // No other process has taken it over.
                prop_assert_eq!(&shown.owner, &Owner::None);
                prop_assert!(shown.state != PartitionState::Active);
            } else {
                prop_assert_eq!(shown.position.get(), processes[*owner].0);
                prop_assert_eq!(&shown.owner, &Owner::Member(["a", "b", "c"][*owner].to_owned()));
            }
        }
    }

    #[test]
    fn workers_are_those_of_the_processes_that_are_there(shared in shared()) {
        let merged = merge("r", 0, &shared.parts()).run.unwrap();
        let there = 3 - usize::from(shared.gone.is_some());
        prop_assert_eq!((merged.workers.len(), merged.concurrency as usize), (2 * there, 2 * there));
        for process in (0..3).filter(|process| shared.gone != Some(*process)) {
            let name = ["a", "b", "c"][process];
            let id = u32::try_from(process).unwrap() * 16 + 1;
            let worker = merged.workers.iter().find(|worker| worker.id == id).unwrap();
            prop_assert_eq!(worker.label(), format!("{name}/1"));
        }
    }

    #[test]
    fn each_event_is_released_once_and_waits_no_longer_than_the_delay_whatever_its_time_says(
        steps in prop::collection::vec((0..30_u64, prop::collection::vec(-100..100_i64, 0..4)), 0..20),
    ) {
        let delay = Duration::from_millis(50);
        let mut now = Instant::now();
        let mut events = Interleaver::default();
        let (mut received, mut released) = (Vec::new(), Vec::new());
        for (pause_ms, times) in steps {
            now += Duration::from_millis(pause_ms);
            for ms in times {
                let seq = received.len() as u64;
                events.push(now, [event(seq, ms)]);
                received.push((seq, now));
            }
            let some = events.release(now, delay);
            prop_assert!(some.is_sorted_by_key(|event| event.at));
            released.extend(some.iter().map(|event| event.seq));
            for (seq, at) in &received {
                prop_assert!(now.duration_since(*at) < delay || released.contains(seq));
            }
        }
        released.extend(events.release(now, Duration::ZERO).iter().map(|event| event.seq));
        released.sort_unstable();
        prop_assert_eq!(released, (0..received.len() as u64).collect::<Vec<_>>());
    }
}

fn event(seq: u64, ms: i64) -> Event {
    let at = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::milliseconds(ms);
    Event { seq, at, process: None, kind: EventKind::Paused }
}

#[test]
fn events_that_arrive_within_the_delay_are_in_the_order_of_their_times() {
    let seqs = |events: Vec<Event>| events.into_iter().map(|event| event.seq).collect::<Vec<_>>();
    let (begin, delay) = (Instant::now(), Duration::from_millis(500));
    let after = |ms| begin + Duration::from_millis(ms);
    let mut events = Interleaver::default();
    events.push(begin, [event(0, 20), event(1, 20), event(2, 40)]);
    events.push(after(100), [event(3, 10), event(4, 30), event(5, 50)]);
    assert!(events.release(after(499), delay).is_empty());
    assert_eq!(seqs(events.release(after(500), delay)), [3, 0, 1, 4, 2]);
    assert_eq!(seqs(events.release(after(600), delay)), [5]);
}

#[test]
fn a_process_that_is_gone_is_counted_once_after_another_has_taken_over() {
    let dead = running(vec![row(0, 400, 420, true)]);
    let before = running(vec![row(0, 0, 0, false)]);
    let after = running(vec![row(0, 450, 50, true)]);
    let orphaned = merge("r", 0, &[part(0, true, dead.clone()), part(1, false, before)]).run.unwrap();
    assert_eq!((orphaned.totals.handled, &orphaned.partitions[0].owner), (420, &Owner::None));
    let taken_over = merge("r", 0, &[part(0, true, dead), part(1, false, after)]).run.unwrap();
    assert_eq!(taken_over.totals.handled, 470);
    let shown = &taken_over.partitions[0];
    assert_eq!((shown.position.get(), shown.handled, shown.lag), (450, 470, Lag::Known(550)));
    assert_eq!(shown.owner, Owner::Member("b".to_owned()));
}

#[test]
fn the_state_is_the_worst_of_the_runs_that_have_not_ended() {
    let in_state = |number, state| part(number, false, RunView { state, ..running(Vec::new()) });
    for (a, b, expected) in [
        (RunState::Running, RunState::Paused, RunState::Paused),
        (RunState::Running, RunState::Done, RunState::Running),
        (RunState::Failed, RunState::Running, RunState::Running),
        (RunState::Done, RunState::Failed, RunState::Failed),
        (RunState::Done, RunState::Cancelled, RunState::Cancelled),
        (RunState::Done, RunState::Done, RunState::Done),
    ] {
        assert_eq!(merge("r", 0, &[in_state(0, a), in_state(1, b)]).run.unwrap().state, expected, "{a} {b}");
    }
    let failed = RunView { state: RunState::Failed, error: Some("disk full".into()), ..running(Vec::new()) };
    let merged = merge("r", 0, &[part(0, false, running(Vec::new())), part(1, false, failed)]).run.unwrap();
    assert_eq!(merged.error.as_deref(), Some("b: disk full"));
}

fn time(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0)
}

#[test]
fn the_time_goes_on_after_the_process_that_was_started_first_has_ended() {
    let mut ended =
        RunView { state: RunState::Cancelled, started_at: time(0), elapsed_s: 100.0, ..running(Vec::new()) };
    ended.totals.handled = 5_000;
    let mut timeline = Timeline::default();
    for tenth in 0..=10_u32 {
        let elapsed_s = 70.0 + f64::from(tenth) / 10.0;
        let mut goes_on = RunView { started_at: time(30), elapsed_s, ..running(Vec::new()) };
        goes_on.totals.handled = u64::from(10 * tenth);
        timeline.add_snapshot(&merge("r", 0, &[part(0, false, ended.clone()), part(1, false, goes_on)]));
    }
    let range = timeline.runs().next().unwrap().range;
    assert_eq!((range.from().ms(), range.ms()), (time(100).unwrap().timestamp_millis(), 1_000));
    let rates = timeline.series(Figure::HandledPerS).columns(range, 10);
    let rates: Vec<Option<f64>> = rates.iter().map(|cell| cell.as_ref().map(|cell| cell.max)).collect();
    assert_eq!(rates, vec![Some(100.0); 10]);
}

#[test]
fn the_mean_rate_of_processes_that_follow_one_another_is_that_of_each() {
    let run = |start_s, handling_s, handled| RunView {
        state: RunState::Done,
        started_at: time(start_s),
        elapsed_s: 100.0,
        handling_s,
        ..running(vec![row(0, 0, handled, true)])
    };
    let runs = [run(0, 100.0, 500), run(100, 100.0, 500), run(-1_000, 0.0, 0)];
    let parts: Vec<Part> = (0..).zip(runs).map(|(number, run)| part(number, false, run)).collect();
    let merged = merge("r", 0, &parts).run.unwrap();
    assert!((merged.mean_per_s() - 5.0).abs() < 1e-9, "{}", merged.mean_per_s());
}

/// Each shows the time left of the whole group, so that time does not tell which of them is the slowest.
#[test]
fn the_limit_is_that_of_the_process_with_the_most_work() {
    let process = |rows, limit: Option<Bottleneck>, eta_s| RunView {
        eta_s: Some(eta_s),
        limit: limit.map(|bottleneck| CurrentLimit { bottleneck, name: None }),
        throughput: Throughput { records_per_s: 10.0, bytes_per_s: 1.0 },
        ..running(rows)
    };
    let slow = process(vec![row(0, 500, 500, true), row(1, END, 0, false)], Some(Bottleneck::Key), 50.0);
    let nearly_done = process(vec![row(0, 500, 0, false), row(1, 990, 990, true)], Some(Bottleneck::Fetch), 50.1);
    let done = process(vec![row(0, 500, 0, false), row(1, END, 1_000, true)], None, 50.1);
    for other in [nearly_done, done] {
        let merged = merge("r", 0, &[part(0, false, other), part(1, false, slow.clone())]).run.unwrap();
        assert_eq!((merged.limit, merged.eta_s), (slow.limit.clone(), Some(50.1)));
    }
}

#[test]
fn what_a_run_that_has_ended_said_last_is_not_what_happens_now() {
    let throughput = Throughput { records_per_s: 6_000.0, bytes_per_s: 1.0 };
    let mut ended = RunView {
        state: RunState::Cancelled,
        throughput,
        rebalancing: true,
        paused_by: Some("boom".into()),
        ..running(vec![row(0, 400, 400, true)])
    };
    (ended.quarantine.keys, ended.quarantine.awaits_decision) = (1, true);
    let goes_on = RunView { throughput, ..running(vec![row(0, 450, 50, true)]) };
    let merged = merge("r", 0, &[part(0, false, ended.clone()), part(1, false, goes_on)]).run.unwrap();
    assert_eq!((merged.throughput, merged.paused_by.as_deref(), merged.rebalancing), (throughput, None, false));
    assert_eq!((merged.quarantine.keys, merged.quarantine.awaits_decision), (0, false));
    let per_s = merged.partitions[0].records_per_s;
    assert!((per_s - 10.0).abs() < 1e-9, "{per_s}");
    let alone = merge("r", 0, &[part(0, false, ended)]).run.unwrap();
    assert_eq!((alone.throughput, alone.paused_by.as_deref()), (throughput, Some("a: boom")));
}

#[test]
fn without_processes_there_is_only_the_placeholder() {
    assert_eq!(merge("r", 0, &[]), Snapshot::default());
}
