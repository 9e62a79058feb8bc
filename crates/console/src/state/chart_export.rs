//! The values of charts, as they are exported: those of the cells and columns that the chart shows.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use kreplay_model::{domain::TopicPartition, timeline::Moment};

use super::{HeatMetric, LaneCell, LaneKey, ScreenId, State, StripFigure};
use crate::{
    number,
    table::{Value, export::Sheet},
};

impl StripFigure {
    /// The name of the column, with the unit of its numbers.
    fn column_name(self) -> &'static str {
        match self {
            Self::Rate => "rate_per_s",
            Self::Arriving | Self::In => "in_per_s",
            Self::Lag => "lag",
            Self::P50 => "p50_s",
            Self::P95 => "p95_s",
            Self::P99 => "p99_s",
            Self::Workers => "workers",
            Self::Held => "held_bytes",
            Self::Retried => "retries_per_s",
            Self::Failed => "failed_per_s",
            Self::Age => "age_s",
            Self::Out => "out_per_s",
        }
    }

    /// A value in that unit. Latencies are measured in milliseconds.
    fn exported(self, value: f64) -> f64 {
        if matches!(self, Self::P50 | Self::P95 | Self::P99) { number::seconds_of_ms(value) } else { value }
    }
}

impl State {
    /// A row for each column of the timeline, with the end of its time.
    pub(super) fn timeline_sheet(&self) -> Sheet<'static> {
        let Some(columns) = self.drawn_timeline_columns() else { return Sheet::default() };
        let strips = self.timeline_strips(columns);
        let mut names = vec![Cow::Borrowed("time")];
        names.extend(strips.iter().map(|strip| Cow::Borrowed(strip.figure.column_name())));
        let row = |index: usize| {
            let value = |strip: &super::Strip| {
                let value = strip.values.get(index).copied().flatten();
                value.map_or(Value::Unknown, |value| Value::Number(strip.figure.exported(value)))
            };
            let mut row = vec![time(columns.column(index).to())];
            row.extend(strips.iter().map(value));
            row
        };
        Sheet { columns: names, rows: (0..columns.count()).map(row).collect() }
    }

    /// A row for each cell of a lane in which something was measured, with the start of its time.
    pub(super) fn lanes_sheet(&self) -> Sheet<'static> {
        let Some(run) = self.feed.run_time() else { return Sheet::default() };
        let grid = self.user.workers.window.grid(run, self.time_columns(ScreenId::Workers).unwrap_or(1));
        let mut rows = Vec::new();
        for lane in self.lanes(run, grid) {
            let name = match &lane.key {
                LaneKey::Workers(first, last) if first == last => format!("worker-{first}"),
                LaneKey::Workers(first, last) => format!("worker-{first}..{last}"),
                LaneKey::Partition(id) => id.to_string(),
            };
            for (index, (cell, changed)) in lane.cells.iter().zip(&lane.changes).enumerate() {
                let (state, share) = match cell {
                    LaneCell::Empty => continue,
                    LaneCell::Waits => ("waits", 0.0),
                    LaneCell::Stalled => ("stalled", 1.0),
                    LaneCell::Busy(share) => ("busy", *share),
                };
                let changed = if *changed { "yes" } else { "no" };
                rows.push(vec![
                    time(grid.cell(index).from()),
                    Value::Text(Cow::Owned(name.clone())),
                    Value::Text(Cow::Borrowed(state)),
                    Value::Number(share),
                    Value::Text(Cow::Borrowed(changed)),
                ]);
            }
        }
        Sheet { columns: ["time", "lane", "state", "share", "new_owner"].map(Cow::Borrowed).to_vec(), rows }
    }

    /// A row for each cell of a partition that has a value, with the start of its time. No partitions are joined.
    pub(super) fn heat_map_sheet(&self) -> Sheet<'static> {
        let Some(run) = self.feed.run_time() else { return Sheet::default() };
        let view = &self.user.heat;
        let grid = view.window.grid(run, self.time_columns(ScreenId::HeatMap).unwrap_or(1));
        let (name, divisor) = match view.metric {
            HeatMetric::Rate => ("rate_per_s", 1.0),
            HeatMetric::Lag => ("lag", 1.0),
            HeatMetric::P95 => ("p95_s", 1000.0),
        };
        let mut rows = Vec::new();
        for row in self.heat_map(grid, usize::MAX).rows {
            let Some(TopicPartition { topic, partition }) = row.partitions.first() else { continue };
            for (index, value) in row.values.iter().enumerate() {
                let Some(value) = value else { continue };
                rows.push(vec![
                    time(grid.cell(index).from()),
                    Value::Text(Cow::Owned(topic.to_string())),
                    Value::Count(u64::try_from(partition.0).unwrap_or_default()),
                    Value::Number(f64::from(*value) / divisor),
                ]);
            }
        }
        Sheet { columns: ["time", "topic", "partition", name].map(Cow::Borrowed).to_vec(), rows }
    }
}

/// A moment as text, in UTC.
fn time(at: Moment) -> Value<'static> {
    let time = DateTime::<Utc>::from_timestamp_millis(at.ms());
    time.map_or(Value::Unknown, |time| Value::Text(Cow::Owned(time.to_rfc3339_opts(SecondsFormat::Millis, true))))
}
