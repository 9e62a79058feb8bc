//! The text report of a run: what happened, how fast, and what limited it.

use std::fmt::Write;

use super::json::{Partition, Report};
use crate::{
    domain::{
        number::{Bytes, Count, counted, counted_as, rate, seconds, whole},
        printable,
    },
    feed::{
        DryRunView, EffectExample, FailedRecord, HotKeyView, RebalanceKind, RunState, WhatIf,
        cells::{padding, width},
    },
};

/// Maximum number of partitions, rebalances, and failures listed.
const MAX_LISTED: usize = 5;
/// Maximum number of hot keys listed, and the share of the records from which a key is hot.
const MAX_HOT_KEYS: usize = 3;
const HOT_SHARE: f64 = 0.05;
/// Maximum number of kinds of effects listed.
const MAX_LISTED_EFFECTS: usize = 20;

/// Renders the report as aligned lines.
pub(super) fn render(report: &Report) -> String {
    let mut out = String::new();
    let mut line = |label: &str, text: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{label:<11} {}", printable(&text));
    };
    line("run", format!("{} {}", report.run_id, report.state));
    if let Some(error) = &report.error {
        line("error", error.clone());
    }
    line("selection", selection(report));
    if !report.plan.selection.is_empty() {
        line("", report.plan.selection.clone());
    }
    line("settings", settings(report));
    line("records", records(report));
    if let Some(text) = exceptions(report) {
        line("", text);
    }
    line("time", time(report));
    line("speed", speed(report));
    let latency = report.latency_ms;
    line(
        "latency",
        format!(
            "p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
            latency.p50, latency.p95, latency.p99, latency.max
        ),
    );
    if let Some(planned) = report.plan.predicted {
        line("predicted", format!("{}, limited by {}", seconds(planned.elapsed_s), planned.limit.explained()));
    }
    // The ideal time of a stopped run cannot be compared with the time that it took.
    if let Some(ideal) = report.ideal.filter(|_| report.state == RunState::Done) {
        line("ideal", format!("{}, limited by {}", seconds(ideal.elapsed_s), ideal.limit.explained()));
        if let Some(time) = report.record_time {
            line("", time.in_words());
        }
        if let Some(efficiency) = report.efficiency {
            line("efficiency", format!("{:.1} % of the ideal speed", efficiency * 100.0));
        }
    }
    for (index, text) in charges(report).into_iter().enumerate() {
        line(if index == 0 { "workers" } else { "" }, text);
    }
    if !report.advice.is_empty() {
        line("advice", WhatIf::line(&report.advice));
    }
    let hot = report.hot_keys.keys.iter().filter(|key| key.share >= HOT_SHARE);
    for (index, key) in hot.take(MAX_HOT_KEYS).enumerate() {
        line(if index == 0 { "hot keys" } else { "" }, hot_key(key));
    }
    line("digest", if report.digest.is_empty() { "-".into() } else { report.digest.clone() });
    if let Some(bytes) = report.memory.peak_rss_bytes {
        line("memory", format!("{} at its peak", Bytes(bytes)));
    }
    for (index, effect) in report.effects.iter().take(MAX_LISTED_EFFECTS).enumerate() {
        let label = if index == 0 { "effects" } else { "" };
        line(label, format!("{} {}", Count(effect.count), effect.what));
    }
    if report.effects.len() > MAX_LISTED_EFFECTS {
        line("", format!("and {}", counted(report.effects.len() - MAX_LISTED_EFFECTS, "more kind")));
    }
    if let Some(view) = &report.dry_run {
        dry_run(&mut line, view);
    }
    for (index, rebalance) in report.rebalances.iter().take(MAX_LISTED).enumerate() {
        let by = match rebalance.kind {
            RebalanceKind::Own => "kreplay",
            RebalanceKind::Group => "the group",
        };
        let label = if index == 0 { "rebalances" } else { "" };
        let text =
            format!("at {} by {by}, {} ms, {} moved", seconds(rebalance.at_s), rebalance.duration_ms, rebalance.moved);
        line(label, text);
    }
    if report.rebalances.len() > MAX_LISTED {
        line("", format!("and {} more", report.rebalances.len() - MAX_LISTED));
    }
    slowest(&mut out, &report.partitions);
    out
}

/// The result of a dry run.
fn dry_run(line: &mut impl FnMut(&str, String), view: &DryRunView) {
    line(
        "dry run",
        format!("nothing was applied; {}", counted_as(view.records, "record was examined", "records were examined")),
    );
    let kinds = view.effects.iter().take(MAX_LISTED_EFFECTS);
    for (index, kind) in kinds.enumerate() {
        line(if index == 0 { "would do" } else { "" }, format!("{} {}", Count(kind.count), kind.what));
        for EffectExample { place, content } in &kind.examples {
            line("", format!("  {}-{} at {}: {content}", place.topic, place.partition, place.offset));
        }
    }
    if view.effects.is_empty() {
        line("would do", "nothing".into());
    }
    let rest = view.effects.iter().skip(MAX_LISTED_EFFECTS).fold(view.other_effects, |sum, kind| sum + kind.count);
    if rest > 0 {
        line("", format!("{} of other kinds", Count(rest)));
    }
    if view.failed > 0 {
        line("would fail", format!("{}; {}", counted(view.failed, "record"), view.on_failure));
        for FailedRecord { place, error } in view.failures.iter().take(MAX_LISTED) {
            line("", format!("  {}-{} at {}: {error}", place.topic, place.partition, place.offset));
        }
    }
}

fn selection(report: &Report) -> String {
    let plan = &report.plan;
    let mut topics = plan.topics.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
    if topics.is_empty() {
        topics.push_str("no topics");
    }
    if plan.topics.len() > 3 {
        let _ = write!(topics, " and {} more", plan.topics.len() - 3);
    }
    format!("{topics}: {}, {}", counted(plan.partitions, "partition"), counted(plan.records, "offset"))
}

fn settings(report: &Report) -> String {
    let plan = &report.plan;
    let group = plan.group.as_ref().map_or_else(|| "no group".into(), |group| format!("group {group}"));
    format!(
        "concurrency {}{}, ordering {}, batch {}, tier {}, handler {}, {group}",
        plan.concurrency,
        if plan.adaptive { " (auto)" } else { "" },
        plan.ordering,
        plan.batch,
        plan.tier,
        plan.handler
    )
}

fn records(report: &Report) -> String {
    let totals = &report.totals;
    let lag = totals.lag.map_or_else(|| "?".into(), |lag| Count(lag).to_string());
    format!("{} handled, {}, lag {lag}", Count(totals.handled), Bytes(totals.bytes))
}

/// Counts of records that were not simply handled once; `None` if there are none.
fn exceptions(report: &Report) -> Option<String> {
    let totals = &report.totals;
    let parts: Vec<String> = [
        (totals.filtered, "filtered"),
        (totals.unkeyed, "without a template key"),
        (totals.unjudged_dropped, "dropped unjudged"),
        (totals.unjudged.saturating_sub(totals.unjudged_dropped), "handled unjudged"),
        (totals.retried, "retried"),
        (totals.dead_lettered, "dead-lettered"),
        (totals.skipped, "skipped"),
        (totals.already_handled, "already handled"),
        (totals.repeated, "repeated"),
        (totals.barriers, "barriers"),
        (totals.lost, "lost to retention"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{} {what}", Count(count)))
    .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn time(report: &Report) -> String {
    let since =
        report.started_at.map_or_else(String::new, |at| at.format(", started %Y-%m-%d %H:%M:%S UTC").to_string());
    format!("{} of handling, {} in total{since}", seconds(report.handling_s), seconds(report.elapsed_s))
}

fn speed(report: &Report) -> String {
    let throughput = report.throughput;
    format!("{} records/s, {}/s", rate(throughput.records_per_s), Bytes(whole(throughput.bytes_per_s)))
}

/// A key with its share, and its partition if that is known.
fn hot_key(key: &HotKeyView) -> String {
    let place = key.partition.as_ref().map_or_else(String::new, |partition| format!(", in {partition}"));
    format!("{} has about {:.1} % of the records{place}", key.key, key.share * 100.0)
}

/// What the time of the workers was spent on, one line for each state.
fn charges(report: &Report) -> Vec<String> {
    let charges = &report.charges.exact;
    charges
        .percentages()
        .into_iter()
        .map(|(charge, percent)| format!("{percent:>5.1} % {} ({charge})", charge.in_words()))
        .collect()
}

/// Lists the partitions with the largest lag, then those with the slowest records.
fn slowest(out: &mut String, partitions: &[Partition]) {
    let mut order: Vec<&Partition> = partitions.iter().collect();
    order.sort_by(|a, b| {
        let lag = |it: &Partition| it.lag.unwrap_or(u64::MAX);
        let p95 = |it: &Partition| it.p95_ms.unwrap_or(-1.0);
        lag(b).cmp(&lag(a)).then(p95(b).total_cmp(&p95(a)))
    });
    order.truncate(MAX_LISTED);
    if order.is_empty() {
        return;
    }
    let rows: Vec<[String; 6]> = order
        .iter()
        .map(|it| {
            [
                printable(&format!("{}-{}", it.topic, it.partition)).into_owned(),
                Count(it.handled).to_string(),
                Count(it.position.unsigned_abs()).to_string(),
                it.lag.map_or_else(|| "?".into(), |lag| Count(lag).to_string()),
                it.p95_ms.map_or_else(|| "-".into(), |ms| format!("{ms:.2} ms")),
                printable(it.worker.as_deref().unwrap_or("-")).into_owned(),
            ]
        })
        .collect();
    let head = [
        format!("slowest of {}", partitions.len()),
        "handled".into(),
        "position".into(),
        "lag".into(),
        "p95".into(),
        "worker".into(),
    ];
    let widths: Vec<usize> = (0..head.len())
        .map(|column| std::iter::once(&head).chain(&rows).map(|row| width(&row[column])).max().unwrap_or(0))
        .collect();
    out.push('\n');
    for row in std::iter::once(&head).chain(&rows) {
        let [name, handled, position, lag, p95, worker] = row;
        let _ = writeln!(
            out,
            "{name}{}  {handled:>1$}  {position:>2$}  {lag:>3$}  {p95:>4$}  {worker}",
            padding(name, widths[0]),
            widths[1],
            widths[2],
            widths[3],
            widths[4]
        );
    }
}
