//! The figures of runs and groups as CSV.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use csv::Writer;
use kreplay_model::{
    domain::Lag,
    feed::RunView,
    recording::Frame,
    timeline::{Figure, Moment, Timeline},
    watch::{GroupView, WatchSnapshot},
};

use super::add;

/// The shortest time between two rows of a run, in milliseconds.
const ROW_INTERVAL_MS: i64 = 1_000;

/// The columns. A cell is empty where a figure is not known, or where the subject does not have it.
const COLUMNS: [&str; 16] = [
    "at",
    "subject",
    "name",
    "state",
    "lag",
    "in_per_s",
    "out_per_s",
    "handled",
    "workers",
    "members",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "held_bytes",
    "age_s",
    "verdict",
];

/// Writes the figures as CSV: a row for each second and the end of a run, and a row for each group and look.
///
/// # Errors
/// The error of `out`.
pub fn write_csv(frames: impl Iterator<Item = Frame>, out: impl Write) -> io::Result<()> {
    let mut table = Table { rows: Writer::from_writer(out), history: Timeline::default(), last: None };
    table.rows.write_record(COLUMNS)?;
    for frame in frames {
        add(&mut table.history, &frame);
        if let Some(run) = frame.snapshot.as_ref().and_then(|snapshot| snapshot.run.as_ref()) {
            table.take_run(run, frame.at_ms)?;
        }
        if let Some(look) = &frame.groups {
            table.write_look(look)?;
        }
    }
    table.rows.flush()
}

struct Table<W: Write> {
    rows: Writer<W>,
    history: Timeline,
    /// The run of the last row: its id, its time, and whether it is over.
    last: Option<(String, i64, bool)>,
}

impl<W: Write> Table<W> {
    fn take_run(&mut self, run: &RunView, at_ms: i64) -> io::Result<()> {
        let Some(started) = run.started_at.map(Moment::from) else { return Ok(()) };
        let is_over = run.state.is_over();
        let is_due = self.last.as_ref().is_none_or(|(id, last_ms, was_over)| {
            *id != run.id || is_over != *was_over || !is_over && at_ms - last_ms >= ROW_INTERVAL_MS
        });
        if !is_due {
            return Ok(());
        }
        self.last = Some((run.id.clone(), at_ms, is_over));
        let figure = |figure| {
            let at = started.plus_s(run.elapsed_s)?;
            self.history.value_at(figure, at)
        };
        let row = [
            time(DateTime::from_timestamp_millis(at_ms)),
            "run".into(),
            run.id.clone(),
            run.state.to_string(),
            if let Lag::Known(lag) = run.totals.lag { lag.to_string() } else { String::new() },
            decimal(figure(Figure::ArrivingPerS)),
            decimal(Some(run.throughput.records_per_s)),
            run.totals.handled.to_string(),
            run.concurrency.to_string(),
            String::new(),
            decimal(figure(Figure::LatencyP50Ms)),
            decimal(figure(Figure::LatencyP95Ms)),
            decimal(figure(Figure::LatencyP99Ms)),
            run.buffered_bytes.to_string(),
            String::new(),
            String::new(),
        ];
        Ok(self.rows.write_record(row)?)
    }

    fn write_look(&mut self, look: &WatchSnapshot) -> io::Result<()> {
        look.groups.iter().try_for_each(|group| self.write_group(look.at, group))
    }

    fn write_group(&mut self, at: DateTime<Utc>, group: &GroupView) -> io::Result<()> {
        let empty = String::new;
        let row = [
            time(Some(at)),
            "group".into(),
            group.group.clone(),
            group.state.as_ref().map(ToString::to_string).unwrap_or_default(),
            group.lag.total.map(|lag| lag.to_string()).unwrap_or_default(),
            decimal(group.rates.in_per_s),
            decimal(group.rates.out_per_s),
            empty(),
            empty(),
            group.as_of.map(|_| group.members.len().to_string()).unwrap_or_default(),
            empty(),
            empty(),
            empty(),
            empty(),
            decimal(group.age_s.map(|age| age.value)),
            group.verdict.kind.to_string(),
        ];
        Ok(self.rows.write_record(row)?)
    }
}

fn time(at: Option<DateTime<Utc>>) -> String {
    at.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true)).unwrap_or_default()
}

fn decimal(value: Option<f64>) -> String {
    value.map(|value| format!("{value:.3}")).unwrap_or_default()
}
