//! A recording in the trace event format, which <https://ui.perfetto.dev> and Chrome's `about:tracing` open.
//!
//! Each partition is a track with a span for each owner, each worker a counter of its share of time in the handler, and
//! each figure a counter. Format: <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>.

use std::io::{self, Write};

use kreplay_model::{
    feed::{Event, Severity},
    recording::Frame,
    timeline::{Figure, Moment, SpanEnd, TimeRange, Timeline},
};
use serde_json::{Map, Value, json};

use super::add;

/// The processes of the trace: groups of tracks.
const PARTITIONS: u32 = 1;
const WORKERS: u32 = 2;
const FIGURES: u32 = 3;
const GROUPS: u32 = 4;
const EVENTS: u32 = 5;

/// The figures that are counters, with their names.
const COUNTERS: [(Figure, &str); 6] = [
    (Figure::HandledPerS, "records/s"),
    (Figure::Lag, "lag"),
    (Figure::Workers, "workers"),
    (Figure::LatencyP95Ms, "p95 ms"),
    (Figure::RetriedPerS, "retries/s"),
    (Figure::HeldBytes, "bytes in memory"),
];

/// Writes a recording as a trace.
///
/// # Errors
/// The error of `out`.
pub fn write_trace(frames: impl Iterator<Item = Frame>, out: impl Write) -> io::Result<()> {
    let mut timeline = Timeline::default();
    let mut trace = Trace { out, origin: None, is_first: true };
    trace.out.write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n")?;
    let names = [
        (PARTITIONS, "partitions by owner"),
        (WORKERS, "workers: share of time in the handler"),
        (FIGURES, "figures of the run"),
        (GROUPS, "lag of watched groups"),
        (EVENTS, "events"),
    ];
    for (process, name) in names {
        trace.event(&json!({"ph": "M", "name": "process_name", "pid": process, "args": {"name": name}}))?;
        trace.event(
            &json!({"ph": "M", "name": "process_sort_index", "pid": process, "args": {"sort_index": process}}),
        )?;
    }
    let mut end_ms = None;
    for frame in frames {
        trace.origin.get_or_insert(frame.at_ms);
        end_ms = Some(frame.at_ms);
        add(&mut timeline, &frame);
        for event in frame.events.iter().filter(|event| event.kind.severity() >= Severity::Notice) {
            trace.instant(event)?;
        }
    }
    if let (Some(from_ms), Some(to_ms)) = (trace.origin, end_ms) {
        // The end of a range does not belong to it.
        let range = TimeRange::new(Moment::from_ms(from_ms), Moment::from_ms(to_ms).plus_ms(1));
        trace.owners(&timeline, range)?;
        trace.figures(&timeline, range)?;
        trace.workers(&timeline, range)?;
        trace.groups(&timeline, range)?;
    }
    trace.out.write_all(b"\n]}\n")?;
    trace.out.flush()
}

/// Why an owner no longer has a partition.
fn in_words(end: SpanEnd) -> &'static str {
    match end {
        SpanEnd::Revoked => "revoked",
        SpanEnd::Lost => "lost",
        SpanEnd::Reassigned => "assigned to another owner",
        SpanEnd::RunEnded => "the run ended",
    }
}

struct Trace<W> {
    out: W,
    /// The first moment, which is time 0 of the trace.
    origin: Option<i64>,
    is_first: bool,
}

impl<W: Write> Trace<W> {
    fn event(&mut self, event: &Value) -> io::Result<()> {
        if !std::mem::take(&mut self.is_first) {
            self.out.write_all(b",\n")?;
        }
        Ok(serde_json::to_writer(&mut self.out, event)?)
    }

    /// Microseconds since the first moment.
    fn micros(&self, at: Moment) -> i64 {
        (at.ms() - self.origin.unwrap_or_default()).max(0).saturating_mul(1_000)
    }

    fn instant(&mut self, event: &Event) -> io::Result<()> {
        let at = self.micros(event.at.into());
        let name = event.kind.to_string();
        self.event(&json!({"ph": "i", "s": "g", "name": name, "ts": at, "pid": EVENTS, "tid": 0}))
    }

    fn counter(&mut self, process: u32, name: &str, at: Moment, value: f64) -> io::Result<()> {
        let args = Map::from_iter([(name.to_owned(), json!(value))]);
        let at = self.micros(at);
        self.event(&json!({"ph": "C", "name": name, "ts": at, "pid": process, "args": args}))
    }

    /// A track for each partition that had an owner, and a span for each owner.
    fn owners(&mut self, timeline: &Timeline, range: TimeRange) -> io::Result<()> {
        let (mut track, mut last) = (0_u32, None);
        for span in timeline.owners(range) {
            if last.as_ref() != Some(&span.partition) {
                track += 1;
                let name = span.partition.to_string();
                self.event(&json!({
                    "ph": "M", "name": "thread_name", "pid": PARTITIONS, "tid": track, "args": {"name": name},
                }))?;
                last = Some(span.partition.clone());
            }
            let from = self.micros(span.from.unwrap_or(range.from()).max(range.from()));
            let to = self.micros(span.end.map_or(range.to(), |(to, _)| to).min(range.to()));
            let end = span.end.map_or("still owned", |(_, why)| in_words(why));
            self.event(&json!({
                "ph": "X", "name": *span.owner, "ts": from, "dur": (to - from).max(0), "pid": PARTITIONS, "tid": track,
                "args": {"end": end, "begins before the recording": span.from.is_none()},
            }))?;
        }
        Ok(())
    }

    fn figures(&mut self, timeline: &Timeline, range: TimeRange) -> io::Result<()> {
        for (figure, name) in COUNTERS {
            for (cell_range, cell) in timeline.series(figure).overlapping(range) {
                self.counter(FIGURES, name, cell_range.from(), cell.mean())?;
            }
        }
        Ok(())
    }

    fn workers(&mut self, timeline: &Timeline, range: TimeRange) -> io::Result<()> {
        let mut numbers: Vec<u32> = timeline.workers().keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            let Some(cells) = timeline.workers().get(&number) else { continue };
            for (cell_range, cell) in cells.overlapping(range) {
                self.counter(WORKERS, &format!("worker-{number}"), cell_range.from(), cell.busy())?;
            }
        }
        Ok(())
    }

    fn groups(&mut self, timeline: &Timeline, range: TimeRange) -> io::Result<()> {
        let mut names: Vec<_> = timeline.groups().keys().cloned().collect();
        names.sort_unstable();
        for name in names {
            let Some(cells) = timeline.groups().get(&name) else { continue };
            for (cell_range, cell) in cells.overlapping(range) {
                if let Some(lag) = cell.lag {
                    self.counter(GROUPS, &name, cell_range.from(), f64::from(lag.last))?;
                }
            }
        }
        Ok(())
    }
}
