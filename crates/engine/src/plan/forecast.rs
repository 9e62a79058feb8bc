//! Turns scan results into a forecast: counts, skew, predicted times and a recommendation. Pure.

use std::time::Duration;

use kreplay_model::{
    domain::{Ordering, RateLimit, number::Count, printable},
    feed::{Conditions, Coverage, Curve, Estimate, Forecast, KeyForecast, PartitionForecast, RecordBytes},
};

use super::{
    AdvisedRun, CHART_WORKERS, LaneLoads, MemoryWindow, Model, Plan, advice, held_back,
    scan::{Estimates, ScanResult},
};
use crate::{handler::HandlerFacts, settings::Settings};

/// A restriction of the figures that they do not show themselves.
const GROUP_NOTE: &str =
    "partitions of other group members, and offsets that the group has committed, are not subtracted";

/// The handling time of a record in seconds, and its source.
fn work(handler: HandlerFacts, given: Option<Duration>) -> Option<(f64, &'static str)> {
    match (given, handler.work_s) {
        (Some(given), _) => Some((given.as_secs_f64(), "given")),
        (None, Some(work_s)) => Some((work_s, "handler")),
        (None, None) => None,
    }
}

/// Computes the forecast. `commit_s` is the duration of a commit in seconds, with a group.
#[must_use]
pub fn forecast(plan: &Plan, scanned: &ScanResult, settings: &Settings, commit_s: Option<f64>) -> Forecast {
    let known = scanned.estimate(plan, settings.buffer_bytes);
    let work = work(settings.handler.facts(), settings.planning.work);
    let model = work.map(|(work_s, _)| model(plan, scanned, &known, settings, work_s, commit_s));
    let keys = keys(scanned, &known);
    let heaviest = keys.heaviest.first().map(|key| printable(&key.key).into_owned());
    let mut partitions = partitions(plan, &known);
    partitions.sort_by(|a, b| b.records.value.cmp(&a.records.value).then_with(|| a.id.cmp(&b.id)));
    let concurrency = if settings.single_threaded { 1 } else { settings.concurrency.get() };
    let curve = |model: &Model, ordering| Curve {
        ordering,
        most: model.max_workers(ordering),
        points: model.curve(ordering, &workers(concurrency, model.max_workers(ordering))),
    };
    Forecast {
        made_at: None,
        topics: plan.topics.clone(),
        coverage: coverage(plan, scanned),
        records: known.handled,
        filtered: if plan.selection.scope.rules.filter.is_empty() { Estimate::default() } else { known.filtered },
        unjudged: if scanned.tally.unjudged.is_some() { known.unjudged } else { Estimate::default() },
        held_back: held_back::total(&plan.held_back),
        bytes: known.partitions.iter().map(|(_, bytes)| bytes).sum(),
        record_bytes: record_bytes(scanned),
        partitions,
        keys,
        fetch: scanned.fetch,
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
        advice: model.as_ref().map_or_else(Vec::new, |model| {
            advice(AdvisedRun {
                model,
                ordering: settings.ordering,
                workers: concurrency,
                is_single_threaded: settings.single_threaded,
                measured_s: None,
                heaviest_key: heaviest.as_deref(),
            })
        }),
        notes: notes(plan, scanned, settings, work.is_none()),
    }
}

/// The usual numbers of workers, the configured one, and the maximum.
fn workers(concurrency: u32, most: u32) -> Vec<u32> {
    let mut workers: Vec<u32> =
        CHART_WORKERS.into_iter().chain([concurrency]).filter(|workers| *workers <= most).collect();
    workers.extend((most < 100).then_some(most));
    workers.sort_unstable();
    workers.dedup();
    workers
}

fn model(
    plan: &Plan,
    scanned: &ScanResult,
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
        memory_windows: known
            .memory_windows
            .iter()
            .map(|&(records, heaviest)| MemoryWindow { records, heaviest })
            .collect(),
        read: known.handled.value + known.left_out.value,
        work_s,
        commit_work_s: 0.0,
        serial_s: 0.0,
        fetch_per_s: Some(scanned.fetch.records_per_s).filter(|per_s| *per_s > 0.0),
        commit_s: commit_s.filter(|_| settings.group.is_some()),
        rate_s: settings.rate.map(|rate| rate_s(rate, known)),
        batch: settings.batch.get(),
    }
}

/// The shortest time that a rate limit allows, in seconds. Filtered records do not count.
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

fn coverage(plan: &Plan, scanned: &ScanResult) -> Coverage {
    let sum = |part: fn(&super::scan::PartitionTally) -> u64| scanned.tally.partitions.iter().map(part).sum();
    Coverage {
        full: scanned.full,
        read: sum(|one| one.records),
        offsets_read: sum(|one| one.covered),
        offsets: plan.records(),
        slices: scanned.slices,
        elapsed_s: scanned.elapsed_s,
    }
}

fn record_bytes(scanned: &ScanResult) -> RecordBytes {
    let sizes = &scanned.tally.sizes;
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

fn keys(scanned: &ScanResult, known: &Estimates) -> KeyForecast {
    let sum = |part: fn(&super::scan::PartitionTally) -> u64| scanned.tally.partitions.iter().map(part).sum();
    let (keyless, read): (u64, u64) = (sum(|one| one.keyless), sum(|one| one.records - one.filtered));
    KeyForecast {
        distinct: scanned.tally.distinct.estimate(),
        keyless: share(keyless, read),
        heaviest: known.heaviest.clone(),
        heaviest_lane: share(known.lanes.first().map_or(0, |(records, _)| *records), known.handled.value),
    }
}

fn notes(plan: &Plan, scanned: &ScanResult, settings: &Settings, has_no_work_time: bool) -> Vec<String> {
    let mut notes: Vec<String> = plan.notes.iter().map(ToString::to_string).collect();
    let mut note = |text: &str| notes.push(text.to_owned());
    if !scanned.complete {
        note("the sample time ended before the sample was complete: some parts of the range are underrepresented");
    }
    if let Some(step_back) = &scanned.tally.step_back {
        note(step_back);
    }
    if let Some(clocks) = &scanned.tally.clocks {
        for finding in clocks.findings(|at| plan.partitions.get(at).map_or_else(String::new, |one| one.id.to_string()))
        {
            note(&finding);
        }
    }
    let read =
        scanned.tally.partitions.iter().fold((0, 0), |(all, left), one| (all + one.records, left + one.filtered));
    if read.0 > 0 && read.0 == read.1 {
        let filter = &plan.selection.scope.rules.filter;
        note(&match read.0 {
            1 => format!("the only record read does not pass the filter ({filter})"),
            records => format!("none of the {} records read passes the filter ({filter})", Count(records)),
        });
    }
    if let Some(example) = &scanned.tally.unjudged {
        note(&format!(
            "the rules cannot be evaluated on some records, such as {example}; set --on-unjudged to pass, drop or \
             fail. A run that passes or drops such records ends with exit code 3"
        ));
    }
    if has_no_work_time {
        note("no time can be predicted: the handling time of a record is unknown; give it with --work TIME");
    }
    if scanned.fetch.records_per_s <= 0.0 {
        note("too few records to measure the reading speed, so reading is not considered as a possible bottleneck");
    }
    if settings.handler.facts().fails_on_purpose {
        note("retries of failed records, and the delays before them, are not included in the predicted time");
    }
    if settings.group.is_some() {
        note(GROUP_NOTE);
    }
    if plan.follow {
        note("the run will follow the log; the plan covers the records that exist now");
    }
    notes
}

#[cfg(test)]
#[path = "forecast_test.rs"]
mod tests;
