//! The figures of a run as tables.

use kreplay_model::{
    domain::{
        Lag,
        number::{Bytes, Count, counted, rate, seconds},
    },
    feed::{Prediction, RunView},
};

use crate::markup::{Markup, Text};

/// Partitions listed in the table.
const MAX_LISTED_PARTITIONS: usize = 1_000;

/// What was done, with what, and how fast.
pub(crate) fn summary(run: &RunView) -> Markup {
    let plan = &run.plan;
    let group = plan.group.as_ref().map_or_else(|| "none".into(), Clone::clone);
    let latency = run.latency;
    let mut rows: Vec<(&str, String)> = vec![
        ("topics", plan.topics.join(", ")),
        ("selection", plan.selection.clone()),
        ("partitions", Count(run.partitions.len() as u64).to_string()),
        ("handled", format!("{}, {}", counted(run.totals.handled, "record"), Bytes(run.totals.bytes))),
        ("not simply handled", exceptions(run)),
        ("lag", lag(run.totals.lag)),
        ("time", format!("{} of handling, {} in total", seconds(run.handling_s), seconds(run.elapsed_s))),
        ("speed", format!("{} records/s", rate(run.mean_per_s()))),
        (
            "handling time of a record",
            format!(
                "p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
                latency.p50, latency.p95, latency.p99, latency.max
            ),
        ),
        ("workers", run.concurrency.to_string()),
        ("ordering", plan.ordering.to_string()),
        ("handler", plan.handler.clone()),
        ("group", group),
        ("digest", run.digest.clone()),
    ];
    if let Some(predicted) = plan.predicted {
        rows.push(("predicted time", timed(predicted)));
    }
    if let Some(ideal) = run.ideal {
        let basis = run.record_time.map_or_else(String::new, |time| format!("; {}", time.in_words()));
        rows.push(("ideal time", timed(ideal) + &basis));
    }
    let mut html = Markup::default();
    html.add("<table class=\"figures\">");
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        html.add(format_args!("<tr><th>{}</th><td>{}</td></tr>", Text(*name), Text(value)));
    }
    html.add("</table>");
    html
}

/// Each partition with its offsets.
pub(crate) fn partitions(run: &RunView) -> Markup {
    let mut html = Markup::default();
    html.add(
        "<table class=\"rows\"><tr><th>partition</th><th>state</th><th>first</th><th>end</th><th>position</th>\
         <th>lag</th><th>handled</th><th>p95</th></tr>",
    );
    for partition in run.partitions.iter().take(MAX_LISTED_PARTITIONS) {
        html.add(format_args!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            Text(&partition.id),
            Text(partition.state),
            Text(partition.first),
            Text(partition.end),
            Text(partition.position),
            Text(lag(partition.lag)),
            Count(partition.handled),
            Text(partition.p95_ms.map_or_else(|| "–".into(), |ms| format!("{ms:.2} ms"))),
        ));
    }
    html.add("</table>");
    if run.partitions.len() > MAX_LISTED_PARTITIONS {
        html.add(format_args!("<p>and {} more</p>", run.partitions.len() - MAX_LISTED_PARTITIONS));
    }
    html
}

fn exceptions(run: &RunView) -> String {
    let parts = run.exceptions().into_iter().map(|exception| format!("{} {}", Count(exception.count), exception.label));
    parts.collect::<Vec<_>>().join(", ")
}

fn lag(lag: Lag) -> String {
    match lag {
        Lag::Known(lag) => Count(lag).to_string(),
        Lag::Unknown => "?".into(),
    }
}

/// A time with what limits it.
fn timed(time: Prediction) -> String {
    format!("{}, limited by {}", seconds(time.elapsed_s), time.limit.explained())
}
