//! The text report of a plan: the records, their skew, the predicted time, and the bottleneck.

use std::{collections::BTreeSet, fmt::Write};

use crate::{
    domain::{
        Offset,
        number::{Bytes, Count, counted, rate, record_time, seconds, whole},
        printable,
    },
    feed::{
        Estimate, Forecast, WhatIf,
        cells::{self, padding, width},
    },
};

/// Maximum number of partitions listed.
const MAX_PARTITIONS: usize = 12;
/// Maximum number of keys listed.
const MAX_KEYS: usize = 8;
/// Maximum width of a partition or key name, in cells.
const MAX_NAME_CELLS: usize = 48;
/// Length of the longest bar, in cells.
const MAX_BAR_CELLS: f64 = 30.0;

/// Renders the report as aligned lines.
pub(super) fn render(plan: &Forecast) -> String {
    let mut out = String::new();
    let mut line = |label: &str, text: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{label:<11} {}", printable(&text));
    };
    line("selection", selection(plan));
    line("read", coverage(plan));
    line("records", format!("{}, {}", estimate(plan.records), Bytes(plan.bytes)));
    if plan.filtered.high > 0 {
        line("filtered", estimate(plan.filtered));
    }
    if plan.unjudged.value > 0 {
        line("unjudged", estimate(plan.unjudged));
    }
    let size = plan.record_bytes;
    line(
        "size",
        format!(
            "{} on average, p50 {}, p99 {}, the largest read {}",
            Bytes(whole(size.mean)),
            Bytes(size.p50),
            Bytes(size.p99),
            Bytes(size.max)
        ),
    );
    line("keys", keys(plan));
    line("reading", reading(plan));
    line("settings", settings(plan));
    partitions(&mut out, plan);
    heaviest(&mut out, plan);
    times(&mut out, plan);
    conclusion(&mut out, plan);
    out
}

fn selection(plan: &Forecast) -> String {
    let mut topics = plan.topics.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
    if plan.topics.len() > 3 {
        let _ = write!(topics, " and {} more", plan.topics.len() - 3);
    }
    format!("{topics}: {}, {}", counted(plan.partitions.len(), "partition"), counted(plan.coverage.offsets, "offset"))
}

fn coverage(plan: &Forecast) -> String {
    let cover = plan.coverage;
    let time = seconds(cover.elapsed_s);
    if cover.full {
        return format!("everything: {} in {time}", counted(cover.read, "record"));
    }
    format!(
        "a sample: {} of {}, in {} spread over the range, in {time}; bounds hold for 19 of 20 samples of independent \
         records",
        Count(cover.offsets_read),
        counted(cover.offsets, "offset"),
        counted(cover.slices, "slice")
    )
}

fn estimate(one: Estimate) -> String {
    if one.is_exact() {
        return Count(one.value).to_string();
    }
    format!("about {} ({} to {})", Count(one.value), Count(one.low), Count(one.high))
}

fn keys(plan: &Forecast) -> String {
    let keys = &plan.keys;
    let about = if keys.distinct < 1024 { "" } else { "about " };
    let among = if plan.coverage.full { "" } else { " in the sample" };
    format!(
        "{about}{} distinct{among}, {} of the records without a key, {} in the heaviest lane",
        Count(keys.distinct),
        percent(keys.keyless),
        percent(keys.heaviest_lane)
    )
}

fn reading(plan: &Forecast) -> String {
    if plan.fetch.records_per_s <= 0.0 {
        return "too few records to measure".into();
    }
    format!("{} records/s, {}/s", rate(plan.fetch.records_per_s), Bytes(whole(plan.fetch.bytes_per_s)))
}

fn settings(plan: &Forecast) -> String {
    let set = &plan.conditions;
    let work = match (set.work_s, set.work_from.as_deref()) {
        (Some(work_s), Some("given")) => format!("{} per record, as given", record_time(work_s)),
        (Some(work_s), _) => format!("{} per record", record_time(work_s)),
        (None, _) => "time per record unknown".into(),
    };
    let group = set.group.as_ref().map_or_else(|| "no group".into(), |group| format!("group {group}"));
    format!("concurrency {}, ordering {}, handler {} ({work}), {group}", set.concurrency, set.ordering, set.handler)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Escapes an external name and shortens it to its column.
fn name(text: &str) -> String {
    let text = printable(text);
    if width(&text) <= MAX_NAME_CELLS {
        return text.into_owned();
    }
    format!("{}…", cells::head(&text, MAX_NAME_CELLS - 1))
}

fn bar(share: f64) -> String {
    "█".repeat(usize::try_from(whole((share.clamp(0.0, 1.0) * MAX_BAR_CELLS).ceil())).unwrap_or(0))
}

/// Writes a table. Columns are as wide as their content, the first is aligned left, and the text after the last column
/// is not aligned.
fn table(out: &mut String, head: &[&str], rows: &[(Vec<String>, String)]) {
    let widest = |at: usize| {
        let cells = rows.iter().map(|(cells, _)| cells.get(at).map_or(0, |cell| width(cell)));
        cells.chain([width(head[at])]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(widest).collect();
    let mut line = |cells: &mut dyn Iterator<Item = &str>, rest: &str| {
        let mut text = String::new();
        for (at, cell) in cells.enumerate() {
            let _ = match at {
                0 => write!(text, "{cell}{}", padding(cell, widths[0])),
                _ => write!(text, "  {}{cell}", padding(cell, widths[at])),
            };
        }
        let _ = writeln!(out, "{}", format!("{text}  {rest}").trim_end());
    };
    line(&mut head.iter().copied(), "");
    for (cells, rest) in rows {
        line(&mut cells.iter().map(String::as_str), rest);
    }
}

fn bounds(one: Estimate) -> String {
    if one.is_exact() { String::new() } else { format!("{} to {}", Count(one.low), Count(one.high)) }
}

fn partitions(out: &mut String, plan: &Forecast) {
    let rows: Vec<_> = plan
        .partitions
        .iter()
        .take(MAX_PARTITIONS)
        .map(|one| {
            let cells = vec![
                name(&one.id.to_string()),
                Count(one.first.since(Offset::ZERO)).to_string(),
                Count(one.end.since(Offset::ZERO)).to_string(),
                Count(one.records.value).to_string(),
                Bytes(one.bytes).to_string(),
                percent(one.share),
            ];
            (cells, bar(one.share))
        })
        .collect();
    out.push('\n');
    table(out, &["partition", "first", "end", "records", "bytes", "share"], &rows);
    if plan.partitions.len() > MAX_PARTITIONS {
        let _ =
            writeln!(out, "and {} with fewer records", counted(plan.partitions.len() - MAX_PARTITIONS, "partition"));
    }
}

fn heaviest(out: &mut String, plan: &Forecast) {
    if plan.keys.heaviest.is_empty() {
        return;
    }
    let shown = || plan.keys.heaviest.iter().take(MAX_KEYS);
    let has_bounds = shown().any(|key| !key.records.is_exact());
    let rows: Vec<_> = shown()
        .map(|key| {
            let mut cells = vec![name(&key.key), Count(key.records.value).to_string()];
            cells.extend(has_bounds.then(|| bounds(key.records)));
            cells.push(percent(key.share));
            (cells, bar(key.share))
        })
        .collect();
    out.push('\n');
    let head: &[&str] = if has_bounds {
        &["heaviest keys", "records", "between", "share"]
    } else {
        &["heaviest keys", "records", "share"]
    };
    table(out, head, &rows);
}

/// The table of predicted times: a row per number of workers, a column per ordering, and bars for the current ordering.
fn times(out: &mut String, plan: &Forecast) {
    if plan.curves.is_empty() {
        return;
    }
    let set = &plan.conditions;
    let workers: BTreeSet<u32> = plan.curves.iter().flat_map(|curve| &curve.points).map(|one| one.workers).collect();
    let longest = plan.curves.iter().flat_map(|curve| &curve.points).map(|one| one.elapsed_s).fold(0.0, f64::max);
    let rows: Vec<_> = workers
        .into_iter()
        .map(|workers| {
            let here = if workers == set.concurrency { ">" } else { " " };
            let mut cells = vec![format!("{here} {workers:>5}")];
            let mut share = None;
            for curve in &plan.curves {
                let point = curve.points.iter().find(|point| point.workers == workers);
                cells.push(point.map_or_else(String::new, |point| {
                    if curve.ordering == set.ordering {
                        share = Some(point.elapsed_s / longest.max(f64::MIN_POSITIVE));
                    }
                    format!("{} {:<9}", seconds(point.elapsed_s), point.limit)
                }));
            }
            (cells, share.map_or_else(String::new, bar))
        })
        .collect();
    let head: Vec<String> = plan.curves.iter().map(|curve| format!("ordering {:<9}", curve.ordering)).collect();
    let head: Vec<&str> = ["workers"].into_iter().chain(head.iter().map(String::as_str)).collect();
    out.push('\n');
    table(out, &head, &rows);
}

fn conclusion(out: &mut String, plan: &Forecast) {
    out.push('\n');
    let mut line = |label: &str, text: String| {
        let _ = writeln!(out, "{label:<11} {}", printable(&text));
    };
    let set = &plan.conditions;
    if let Some(predicted) = plan.predicted {
        let text = format!(
            "{} with concurrency {} and ordering {}, limited by {}",
            seconds(predicted.elapsed_s),
            set.concurrency,
            set.ordering,
            predicted.limit
        );
        line("predicted", text);
    }
    if let Some(best) = &plan.recommended {
        line("recommended", format!("concurrency {}: {}; {}", best.workers, seconds(best.elapsed_s), best.why));
    }
    if !plan.advice.is_empty() {
        line("advice", WhatIf::line(&plan.advice));
    }
    for note in &plan.notes {
        line("note", note.clone());
    }
}
