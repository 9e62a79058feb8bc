//! Metrics of a run.

use std::{borrow::Cow, collections::BTreeSet};

use kreplay_model::{
    domain::Lag,
    feed::{HandlingTimes, Owner, PartitionView, RunState, RunView, WorkerState},
};

use crate::{
    Family, Kind,
    figure::{Figure, Part, Read},
    label::text,
    sample::Number,
};

const fn gauge(
    base: &'static str,
    unit: Option<&'static str>,
    help: &'static str,
    read: fn(&RunView) -> Option<Number>,
) -> Figure<RunView> {
    Figure { family: Family::new(Kind::Gauge, base, unit, &[], help), read: Read::One(read) }
}

const fn counter(
    base: &'static str,
    unit: Option<&'static str>,
    help: &'static str,
    read: fn(&RunView) -> Option<Number>,
) -> Figure<RunView> {
    Figure { family: Family::new(Kind::Counter, base, unit, &[], help), read: Read::One(read) }
}

pub(crate) const RUN: &[Figure<RunView>] = &[
    Figure {
        family: Family::new(
            Kind::Info,
            "run",
            None,
            &["run", "handler", "ordering", "group"],
            "The run: its id, its handler, its ordering and its consumer group",
        ),
        read: Read::Items(|run| {
            vec![vec![
                text("run", &run.id),
                text("handler", &run.plan.handler),
                ("ordering", crate::label::Value::Text(Cow::Owned(run.plan.ordering.to_string()))),
                text("group", run.plan.group.as_deref().unwrap_or_default()),
            ]]
        }),
    },
    Figure {
        family: Family::new(Kind::Gauge, "run_state", None, &["state"], "1 if the run is in this state, 0 otherwise"),
        read: Read::Parts("state", states),
    },
    counter("run_records", None, "Records handled", |run| Some(Number::Count(run.totals.handled))),
    counter("run", Some("bytes"), "Bytes of the keys and values of the records handled", |run| {
        Some(Number::Count(run.totals.bytes))
    }),
    counter("run_retries", None, "Retries of records", |run| Some(Number::Count(run.totals.retried))),
    counter("run_failures", None, "Records that failed for good and were skipped or dead-lettered", |run| {
        Some(Number::Count(run.totals.skipped.saturating_add(run.totals.dead_lettered)))
    }),
    counter("run_dead_letters", None, "Records written to a dead-letter topic", |run| {
        Some(Number::Count(run.totals.dead_lettered))
    }),
    counter("run_skipped_records", None, "Records that failed for good and were skipped", |run| {
        Some(Number::Count(run.totals.skipped))
    }),
    counter("run_lost", Some("offsets"), "Offsets that retention deleted before they were read", |run| {
        Some(Number::Count(run.totals.lost))
    }),
    gauge("run_concurrency", None, "Configured number of workers", |run| {
        Some(Number::Count(u64::from(run.concurrency)))
    }),
    gauge("run_workers", None, "Workers that handle records or wait for them", |run| {
        Some(Number::len(run.workers.iter().filter(|worker| worker.state != WorkerState::Leaving).count()))
    }),
    gauge("run_members", None, "Members of the consumer group in this process that own partitions", |run| {
        run.plan.group.as_ref().map(|_| members(run))
    }),
    gauge("run_eta", Some("seconds"), "The estimated time left in seconds", |run| run.eta_s.and_then(Number::real)),
];

/// The states of a run, with their words in the report.
const STATES: [(RunState, &str); 7] = [
    (RunState::Planned, "planned"),
    (RunState::Running, "running"),
    (RunState::Paused, "paused"),
    (RunState::Draining, "draining"),
    (RunState::Done, "done"),
    (RunState::Failed, "failed"),
    (RunState::Cancelled, "cancelled"),
];

fn states(run: &RunView) -> Vec<Part<'_>> {
    STATES.iter().map(|(state, word)| (Cow::Borrowed(*word), *state == run.state)).collect()
}

fn members(run: &RunView) -> Number {
    let owners = run.partitions.iter().filter_map(|partition| match &partition.owner {
        Owner::Member(name) => Some(name),
        _ => None,
    });
    Number::len(owners.collect::<BTreeSet<_>>().len())
}

/// What a run has done in a partition, in a topic, or at all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Handled {
    records: u64,
    lag: Option<u64>,
    times: HandlingTimes,
}

impl Handled {
    /// The sum over partitions. The lag is known if that of each partition is, as in the totals of a run: a sum of
    /// the known ones would be 0 while another process has all that is left.
    pub(crate) fn over<'a>(partitions: impl IntoIterator<Item = &'a PartitionView>) -> Self {
        let mut sum = Self { records: 0, lag: None, times: HandlingTimes::default() };
        let mut all: Option<Lag> = None;
        for partition in partitions {
            sum.records = sum.records.saturating_add(partition.handled);
            all = Some(match (all, partition.lag) {
                (None, first) => first,
                (Some(Lag::Known(total)), Lag::Known(lag)) => Lag::Known(total.saturating_add(lag)),
                (Some(_), _) => Lag::Unknown,
            });
            sum.times.merge(&partition.handling_times);
        }
        sum.lag = all.and_then(Lag::known);
        sum
    }
}

const PARTITION: &[&str] = &["topic", "partition"];

pub(crate) const POSITIONS: &[Figure<Handled>] = &[
    Figure {
        family: Family::new(Kind::Counter, "events", None, PARTITION, "Records handled"),
        read: Read::One(|it| Some(Number::Count(it.records))),
    },
    Figure {
        family: Family::new(
            Kind::Histogram,
            "event_duration",
            Some("seconds"),
            PARTITION,
            "The handling time of a record, in this process",
        ),
        read: Read::Times(|it| (it.times.records() > 0).then_some(it.times)),
    },
    Figure {
        family: Family::new(
            Kind::Gauge,
            "run_lag",
            Some("offsets"),
            PARTITION,
            "Offsets between the position of the run and the end of its range or of the log",
        ),
        read: Read::One(|it| it.lag.map(Number::Count)),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_report() {
        for (state, word) in STATES {
            assert_eq!(serde_json::to_value(state).unwrap(), word);
        }
    }
}
