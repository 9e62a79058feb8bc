//! The report as text: tables and bar charts.

use std::fmt::Write;

use kreplay_model::domain::number::counted;

use super::{
    BenchReport, PRODUCER, Resource, Section,
    chart::bar,
    figures::{Spread, number},
    report::CaseReport,
};

/// The width of the column with the case, and of a bar.
const NAME_WIDTH: usize = 34;
const BAR_WIDTH: usize = 40;

#[allow(clippy::cast_precision_loss, reason = "bytes for display")]
const MIB: f64 = (1 << 20) as f64;

/// The legend of the column `limit`.
const LIMIT_LEGEND: &str = "\
limit: processors, busy with kreplay; machine, also busy with other processes such as the broker or the database; handler,
waiting for its target; fetch, waiting for records; skew, waiting for one key or partition
";

/// The target of the handler `topic`, as a share of what the producer alone reaches.
const TOPIC_TARGET_SHARE: f64 = 0.6;

impl BenchReport {
    /// The report as tables and charts for a terminal, without colour.
    #[must_use]
    pub fn text(&self) -> String {
        render(self)
    }
}

fn render(report: &BenchReport) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let setting = &report.setting;
    let broker = if setting.embedded {
        "the embedded broker, which shares the processors and may be the limit"
    } else {
        "a Kafka cluster"
    };
    let _ = writeln!(
        out,
        "kreplay {} on {}, {broker}\n{}, {}{}; median (lowest–highest) of {}",
        setting.version,
        counted(setting.cores, "core"),
        counted(setting.partitions, "partition"),
        counted(setting.records, "record"),
        setting.stop_after.map_or_else(String::new, |records| {
            format!(", of which a measurement handles {} and those in flight", number(count(records)))
        }),
        if setting.rounds == 1 { "one round".into() } else { format!("{} rounds", setting.rounds) }
    );
    if !setting.optimised {
        out.push_str("this build of kreplay is not optimised: its figures are not representative\n");
    }
    throughput(&mut out, &of(report, Section::Throughput));
    latency(&mut out, &of(report, Section::Latency));
    memory(&mut out, report);
    workloads(&mut out, &of(report, Section::Workload));
    handlers(&mut out, &of(report, Section::Handler));
    out.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

#[allow(clippy::cast_precision_loss, reason = "counts for display")]
fn count(records: u64) -> f64 {
    records as f64
}

fn of(report: &BenchReport, section: Section) -> Vec<&CaseReport> {
    report.cases.iter().filter(|case| case.section == section).collect()
}

fn spread(spread: Option<Spread>, unit: f64) -> String {
    spread.map_or_else(
        || "-".into(),
        |spread| {
            let [median, min, max] = [spread.median, spread.min, spread.max].map(|figure| number(figure / unit));
            // One round, or equal rounds.
            if min == max { median } else { format!("{median} ({min}–{max})") }
        },
    )
}

fn median(spread: Option<Spread>) -> f64 {
    spread.map_or(0.0, |spread| spread.median)
}

fn chart(out: &mut String, cases: &[&CaseReport], value: impl Fn(&CaseReport) -> Option<Spread>, unit: &str) {
    let full = cases.iter().map(|case| median(value(case))).fold(0.0, f64::max);
    out.push('\n');
    for case in cases {
        let value = median(value(case));
        let _ = writeln!(
            out,
            "{:<NAME_WIDTH$} {:<BAR_WIDTH$} {}{unit}",
            case.case,
            bar(value, full, BAR_WIDTH),
            number(value)
        );
    }
}

fn throughput(out: &mut String, cases: &[&CaseReport]) {
    if cases.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\n{:<NAME_WIDTH$} {:>33} {:>18} {:>18}",
        "throughput", "records/s", "CPU s/million", "memory MiB"
    );
    for case in cases {
        let _ = writeln!(
            out,
            "{:<NAME_WIDTH$} {:>33} {:>18} {:>18}",
            case.case,
            spread(case.records_per_s, 1.0),
            spread(case.cpu_s_per_million, 1.0),
            spread(case.peak_rss_bytes, MIB)
        );
    }
    chart(out, cases, |case| case.records_per_s, "/s");
}

fn latency(out: &mut String, cases: &[&CaseReport]) {
    if cases.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\n{:<NAME_WIDTH$} {:>20} {:>20} {:>20} {:>10}  p95 < 2, p99 < 5",
        "fetch to handled, ms", "p50", "p95", "p99", "records/s"
    );
    for case in cases {
        let latency =
            |pick: fn(&super::report::LatencySpread) -> Spread| spread(case.latency_ms.as_ref().map(pick), 1.0);
        let _ = writeln!(
            out,
            "{:<NAME_WIDTH$} {:>20} {:>20} {:>20} {:>10}  {}",
            case.case,
            latency(|one| one.p50),
            latency(|one| one.p95),
            latency(|one| one.p99),
            number(median(case.records_per_s)),
            case.verdict()
        );
    }
    chart(out, cases, |case| case.latency_ms.map(|latency| latency.p99), " ms (p99)");
}

fn memory(out: &mut String, report: &BenchReport) {
    let cases = of(report, Section::Memory);
    if cases.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{:<NAME_WIDTH$} {:>20} {:>34}", "memory", "MiB", "records/s");
    for case in cases {
        let (memory, speed) = (spread(case.peak_rss_bytes, MIB), spread(case.records_per_s, 1.0));
        let _ = writeln!(out, "{:<NAME_WIDTH$} {memory:>20} {speed:>34}", case.case);
    }
    for (name, further) in
        [("each further client", report.further_client_bytes), ("each further member", report.further_member_bytes)]
    {
        let Some(further) = further else { continue };
        let bytes = if further.median > 0.0 { spread(Some(further), MIB) } else { "none measurable".into() };
        let _ = writeln!(out, "{name:<NAME_WIDTH$} {bytes:>20}");
    }
}

fn handlers(out: &mut String, cases: &[&CaseReport]) {
    if cases.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\n{:<NAME_WIDTH$} {:>33} {:>14} {:>12}  {:<11} target",
        "handlers", "records/s", "CPU s/million", "memory MiB", "limit"
    );
    for case in cases {
        let limit = case.limit.map_or("-", |limit| match limit {
            Resource::Processors => "processors",
            Resource::Machine => "machine",
            Resource::Fetch => "fetch",
            Resource::Skew => "skew",
            Resource::Handler => "handler",
        });
        let _ = writeln!(
            out,
            "{:<NAME_WIDTH$} {:>33} {:>14} {:>12}  {limit:<11} {}",
            case.case,
            spread(case.records_per_s, 1.0),
            number(median(case.cpu_s_per_million)),
            number(median(case.peak_rss_bytes) / MIB),
            case.verdict()
        );
    }
    out.push_str(LIMIT_LEGEND);
    let best = |name: &str| {
        let speeds = cases.iter().filter(|case| case.handler == name).map(|case| median(case.records_per_s));
        speeds.fold(0.0, f64::max)
    };
    if best("topic") > 0.0 && best(PRODUCER) > 0.0 {
        let part = best("topic") / best(PRODUCER);
        let (percent, least) = (part * 100.0, TOPIC_TARGET_SHARE * 100.0);
        let met = if part >= TOPIC_TARGET_SHARE { "met" } else { "missed" };
        let _ = writeln!(
            out,
            "topic (with transactions) reaches {percent:.0} % of the speed of the plain producer (without \
             transactions) (≥ {least} %: {met})"
        );
    }
    chart(out, cases, |case| case.records_per_s, "/s");
}

fn workloads(out: &mut String, cases: &[&CaseReport]) {
    if cases.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\n{:<NAME_WIDTH$} {:>20} {:>12} {:>22}  target",
        "workloads", "seconds", "records/s", "committed after, s"
    );
    for case in cases {
        let _ = writeln!(
            out,
            "{:<NAME_WIDTH$} {:>20} {:>12} {:>22}  {}",
            case.case,
            spread(case.handling_s, 1.0),
            number(median(case.records_per_s)),
            spread(case.commit_s, 1.0),
            case.verdict()
        );
    }
}
