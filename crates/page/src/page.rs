//! The page as a whole.

use kreplay_model::{
    domain::TopicPartition,
    feed::RunView,
    timeline::{Figure, Moment, TimeRange, Timeline},
};

use crate::{
    chart::{Line, chart},
    figures::{partitions, summary},
    heat_map::heat_map,
    lanes::{charges, lanes},
    markup::{Markup, Text},
};

const STYLE: &str = include_str!("style.css");

/// The page of a run. The timeline should have seen its snapshots and events; what it has not seen is not drawn.
#[must_use]
pub fn render(run: &RunView, timeline: &Timeline) -> String {
    let mut html = Markup::default();
    html.add(format_args!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>kreplay run {}</title>\n<style>\n{STYLE}</style>\
         </head>\n<body>\n",
        Text(&run.id)
    ));
    heading(&mut html, run);
    html.add(summary(run));
    if let Some(bar) = charges(&run.charges) {
        html.add(bar);
    }
    if !run.advice.is_empty() {
        html.add("<h2>What would have made it faster</h2><ul>");
        for advice in &run.advice {
            html.add(format_args!("<li>{}</li>", Text(advice)));
        }
        html.add("</ul>");
    }
    if let Some(range) = extent(run, timeline) {
        html.add("\n<h2>Over time</h2>\n");
        for picture in pictures(run, timeline, range) {
            html.add(picture);
            html.add("\n");
        }
    }
    html.add("<h2>Partitions</h2>\n");
    html.add(partitions(run));
    html.add(format_args!(
        "\n<footer>Made by kreplay {}. This page contains no scripts and loads nothing.</footer>\n</body></html>\n",
        env!("CARGO_PKG_VERSION")
    ));
    html.into_string()
}

fn heading(html: &mut Markup, run: &RunView) {
    html.add(format_args!("<h1>Run {}</h1><p class=\"state\">{}", Text(&run.id), Text(run.status())));
    if let Some(at) = run.started_at {
        html.add(format_args!(", started {}", at.format("%Y-%m-%d %H:%M:%S UTC")));
    }
    html.add("</p>");
    if let Some(error) = &run.error {
        html.add(format_args!("<p class=\"error\">{}</p>", Text(error)));
    }
}

/// The time of the run; `None` if the timeline has not seen it, or it took no time.
fn extent(run: &RunView, timeline: &Timeline) -> Option<TimeRange> {
    let seen = timeline.runs().find(|extent| extent.id == run.id)?.range;
    let start = run.started_at.map_or(seen.from(), Moment::from);
    let range = TimeRange::new(start, seen.to());
    (range.ms() > 0).then_some(range)
}

fn pictures(run: &RunView, timeline: &Timeline, range: TimeRange) -> Vec<Markup> {
    let line = |figure, class, name| Line { figure, class, name };
    let one = |figure| [line(figure, "l0", "")];
    let latency = [
        line(Figure::LatencyP50Ms, "l0", "p50"),
        line(Figure::LatencyP95Ms, "l1", "p95"),
        line(Figure::LatencyP99Ms, "l2", "p99"),
    ];
    let ids: Vec<TopicPartition> = run.partitions.iter().map(|partition| partition.id.clone()).collect();
    [
        chart(timeline, range, "Throughput", "records/s", &one(Figure::HandledPerS)),
        chart(timeline, range, "Lag", "offsets", &one(Figure::Lag)),
        chart(timeline, range, "Handling time", "ms", &latency),
        chart(timeline, range, "Concurrency", "workers", &one(Figure::Workers)),
        lanes(timeline, range),
        heat_map(timeline, range, &ids),
    ]
    .into_iter()
    .flatten()
    .collect()
}
