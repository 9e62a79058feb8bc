//! From what was read to what a plan says. Pure.

use std::time::Duration;

use super::{
    LaneLoads, Model, Plan, Stretch, WORKERS, held_back,
    scan::{Estimates, Survey},
};
use crate::{
    domain::{Ordering, RateLimit},
    feed::{Conditions, Coverage, Curve, Estimate, Forecast, KeyForecast, PartitionForecast, RecordBytes, printable},
    handler::{HandlerSpec, Simulate},
    replay::Settings,
};

/// How much is read for a plan, and what is known besides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlanOptions {
    /// Read everything, however long it takes.
    pub scan: bool,
    /// Otherwise about so many records.
    pub sample: u32,
    /// And no longer than this.
    pub sample_time: Duration,
    /// The handling time of a record, where somebody knows better than the handler's settings.
    pub work: Option<Duration>,
    /// Make a plan before each run, so that the report can hold it against the result.
    pub before_run: bool,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self { scan: false, sample: 100_000, sample_time: Duration::from_secs(2), work: None, before_run: false }
    }
}

/// What nobody reads off the figures.
const GROUP: &str =
    "partitions that other processes of the group handle, and offsets it has committed, are not counted off";

/// The handling time of a record in seconds, and where it comes from.
fn work(handler: &HandlerSpec, given: Option<Duration>) -> Option<(f64, &'static str)> {
    match (given, handler) {
        (Some(given), _) => Some((given.as_secs_f64(), "given")),
        (None, HandlerSpec::Null) => Some((0.0, "handler")),
        (None, HandlerSpec::Simulate(settings)) => Some((settings.work.mean_s(), "handler")),
        (None, _) => None,
    }
}

/// What the plan says. `commit_s` is how long a commit takes, in seconds, where there is a group.
#[must_use]
pub fn forecast(plan: &Plan, survey: &Survey, settings: &Settings, commit_s: Option<f64>) -> Forecast {
    let known = survey.estimate(plan, settings.buffer_bytes);
    let work = work(&settings.handler, settings.planning.work);
    let model = work.map(|(work_s, _)| model(plan, survey, &known, settings, work_s, commit_s));
    let keys = keys(survey, &known);
    let heaviest = keys.heaviest.first().map(|key| printable(&key.key).into_owned());
    let mut partitions = partitions(plan, &known);
    partitions.sort_by(|a, b| b.records.value.cmp(&a.records.value).then_with(|| a.id.cmp(&b.id)));
    let concurrency = if settings.single_threaded { 1 } else { settings.concurrency.get() };
    let curve = |model: &Model, ordering| Curve {
        ordering,
        most: model.most(ordering),
        points: model.curve(ordering, &workers(concurrency, model.most(ordering))),
    };
    Forecast {
        made_at: None,
        topics: plan.topics.clone(),
        coverage: coverage(plan, survey),
        records: known.handled,
        filtered: if plan.selection.scope.rules.filter.is_empty() { Estimate::default() } else { known.filtered },
        unjudged: if survey.tally.unjudged.is_some() { known.unjudged } else { Estimate::default() },
        held_back: held_back::total(&plan.held_back),
        bytes: known.partitions.iter().map(|(_, bytes)| bytes).sum(),
        record_bytes: record_bytes(survey),
        partitions,
        keys,
        fetch: survey.fetch,
        conditions: Conditions {
            concurrency,
            ordering: settings.ordering,
            handler: settings.handler.to_string(),
            group: settings.group.clone(),
            scope: plan.selection.scope.to_string(),
            batch: settings.batch.get(),
            work_s: work.map(|(work_s, _)| work_s),
            work_from: work.map(|(_, from)| from.to_owned()),
        },
        curves: model.as_ref().map_or_else(Vec::new, |model| {
            [Ordering::Key, Ordering::Partition, Ordering::None].map(|ordering| curve(model, ordering)).into()
        }),
        predicted: model.as_ref().map(|model| model.predict(settings.ordering, concurrency)),
        recommended: model.as_ref().map(|model| model.recommend(settings.ordering, heaviest.as_deref())),
        notes: notes(plan, survey, settings, work.is_none()),
    }
}

/// The usual numbers of workers, that of the settings, and the most that there can be.
fn workers(concurrency: u32, most: u32) -> Vec<u32> {
    let mut workers: Vec<u32> = WORKERS.into_iter().chain([concurrency]).filter(|workers| *workers <= most).collect();
    workers.extend((most < 100).then_some(most));
    workers.sort_unstable();
    workers.dedup();
    workers
}

fn model(
    plan: &Plan,
    survey: &Survey,
    known: &Estimates,
    settings: &Settings,
    work_s: f64,
    commit_s: Option<f64>,
) -> Model {
    let topic = |name: &str| plan.topics.iter().position(|one| one == name).unwrap_or(0);
    Model {
        partitions: known.partitions.iter().map(|(records, _)| records.value).collect(),
        topics: plan.partitions.iter().map(|one| topic(&one.id.topic)).collect(),
        keyless_heaviest: known.lanes.first().is_some_and(|(_, keyless)| *keyless),
        lanes: LaneLoads::new(known.lanes.iter().map(|(records, _)| *records).collect()),
        stretches: known.stretches.iter().map(|&(records, heaviest)| Stretch { records, heaviest }).collect(),
        read: known.handled.value + known.left_out.value,
        work_s,
        serial_s: 0.0,
        fetch_per_s: Some(survey.fetch.records_per_s).filter(|per_s| *per_s > 0.0),
        commit_s: commit_s.filter(|_| settings.group.is_some()),
        rate_s: settings.rate.map(|rate| rate_s(rate, known)),
        batch: settings.batch.get(),
    }
}

/// How long a rate makes it last, in seconds. What the filter leaves out does not count.
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn rate_s(rate: RateLimit, known: &Estimates) -> f64 {
    let (handled, read) = (known.handled.value as f64, (known.handled.value + known.left_out.value) as f64);
    match rate {
        RateLimit::Records(per_s) => handled / per_s.get() as f64,
        RateLimit::Bytes(per_s) => {
            let bytes: u64 = known.partitions.iter().map(|(_, bytes)| bytes).sum();
            bytes as f64 * handled / read.max(1.0) / per_s.get() as f64
        }
    }
}

fn coverage(plan: &Plan, survey: &Survey) -> Coverage {
    let sum = |part: fn(&super::scan::PartitionTally) -> u64| survey.tally.partitions.iter().map(part).sum();
    Coverage {
        full: survey.full,
        read: sum(|one| one.records),
        offsets_read: sum(|one| one.covered),
        offsets: plan.records(),
        slices: survey.slices,
        elapsed_s: survey.elapsed_s,
    }
}

fn record_bytes(survey: &Survey) -> RecordBytes {
    let sizes = &survey.tally.sizes;
    if sizes.is_empty() {
        return RecordBytes::default();
    }
    RecordBytes {
        mean: sizes.mean(),
        p50: sizes.value_at_quantile(0.5),
        p99: sizes.value_at_quantile(0.99),
        max: sizes.max(),
    }
}

#[allow(clippy::cast_precision_loss, reason = "a ratio")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64).min(1.0) }
}

fn partitions(plan: &Plan, known: &Estimates) -> Vec<PartitionForecast> {
    plan.partitions
        .iter()
        .zip(&known.partitions)
        .map(|(planned, (records, bytes))| PartitionForecast {
            id: planned.id.clone(),
            first: planned.first,
            end: planned.end,
            records: *records,
            bytes: *bytes,
            share: share(records.value, known.handled.value),
        })
        .collect()
}

fn keys(survey: &Survey, known: &Estimates) -> KeyForecast {
    let sum = |part: fn(&super::scan::PartitionTally) -> u64| survey.tally.partitions.iter().map(part).sum();
    let (keyless, read): (u64, u64) = (sum(|one| one.keyless), sum(|one| one.records - one.filtered));
    KeyForecast {
        distinct: survey.tally.distinct.estimate(),
        keyless: share(keyless, read),
        heaviest: known.heaviest.clone(),
        heaviest_lane: share(known.lanes.first().map_or(0, |(records, _)| *records), known.handled.value),
    }
}

fn notes(plan: &Plan, survey: &Survey, settings: &Settings, no_work: bool) -> Vec<String> {
    let mut notes: Vec<String> = plan.notes.iter().map(ToString::to_string).collect();
    let mut note = |text: &str| notes.push(text.to_owned());
    if !survey.complete {
        note(
            "the time for the sample was over before it was complete: some parts of the range weigh less than they should",
        );
    }
    if let Some(step_back) = &survey.tally.step_back {
        note(step_back);
    }
    if let Some(clocks) = &survey.tally.clocks {
        for finding in clocks.findings(|at| plan.partitions.get(at).map_or_else(String::new, |one| one.id.to_string()))
        {
            note(&finding);
        }
    }
    let read = survey.tally.partitions.iter().fold((0, 0), |(all, left), one| (all + one.records, left + one.filtered));
    if read.0 > 0 && read.0 == read.1 {
        let filter = &plan.selection.scope.rules.filter;
        note(&format!("none of the {} records read passes the filter ({filter})", read.0));
    }
    if let Some(example) = &survey.tally.unjudged {
        note(&format!(
            "the rules cannot judge some records, such as {example}; what becomes of them is set with --on-unjudged pass, drop or \
             fail, and a run that drops or passes any ends with exit code 3"
        ));
    }
    if no_work {
        note("no time can be predicted: the handler's time of a record is not known; give it with --work TIME");
    }
    if survey.fetch.records_per_s <= 0.0 {
        note("too few records to measure how fast they can be read: reading counts as no limit");
    }
    if let HandlerSpec::Simulate(Simulate { fail, .. }) = settings.handler
        && fail > 0.0
    {
        note("records that fail, and the waits before they are tried again, are not in the predicted time");
    }
    if let Some(rate) = settings.rate {
        note(&format!("the run's rate limit of {rate} is not in the predicted time"));
    }
    if settings.group.is_some() {
        note(GROUP);
    }
    if plan.follow {
        note("the run will follow the log; this is what is there now");
    }
    notes
}

#[cfg(test)]
#[path = "forecast_test.rs"]
mod tests;
