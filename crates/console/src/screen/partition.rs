//! The details window of a partition.

use kreplay_model::{
    domain::Offset,
    feed::{PartitionState, PartitionView, RunState},
};
use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    style::Style,
};

use super::foot;
use crate::{
    action::Action,
    key::Mode,
    layout::centred,
    number,
    state::{MAX_TREND_CELLS, State},
    text::{clean, cut, wrap},
    theme::Theme,
    widget::{frame, paint, symbol, table::sparkline},
};

/// The first word of the title.
pub(super) const TITLE: &str = "Partition";
const LABEL_WIDTH: u16 = 12;

pub(super) fn render(buf: &mut Buffer, state: &State, theme: &Theme) {
    let Some(partition) = state.selected() else { return };
    let wide = 64.min(buf.area.width);
    let topic = clean(&partition.id.topic);
    let name = wrap(&topic, usize::from(wide - LABEL_WIDTH - 5));
    let over = state.run().is_some_and(|run| run.state.is_over());
    let paused = state.run().is_some_and(|run| run.state == RunState::Paused);
    let mut rows: Vec<(&'static str, String, Style)> = Vec::new();
    for (label, value, style) in figures(partition, over, paused, theme) {
        for (index, line) in wrap(&value, usize::from(wide - LABEL_WIDTH - 5)).into_iter().enumerate() {
            rows.push((if index == 0 { label } else { "" }, line, style));
        }
    }
    if let Some(plan) = state.run().map(|run| &run.plan).filter(|plan| !plan.is_whole()) {
        for (index, line) in wrap(&clean(&plan.selection), usize::from(wide - LABEL_WIDTH - 5)).into_iter().enumerate()
        {
            rows.push((if index == 0 { "selection" } else { "" }, line, theme.base));
        }
    }
    let area = centred(buf.area, wide, number::cells(name.len() + rows.len() + 5));
    let title = format!("{TITLE} {}", partition.id.partition);
    let keys: [(&[Action], &str); 3] = [
        (&[Action::Up, Action::Down], "other partitions"),
        (&[Action::RunDetails], "the run"),
        (&[Action::Close], "closes"),
    ];
    let inner = frame::window(buf, area, &title, &foot::of_keys(state, Mode::Reading, &keys), theme);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(1), ..inner };
    let mut y = inner.y + 1;
    let mut put = |buf: &mut Buffer, label: &str, value: &str, style: Style| {
        if y < inner.bottom() {
            paint::text(buf, inner.x, y, LABEL_WIDTH, label, theme.muted);
            let room = inner.width.saturating_sub(LABEL_WIDTH);
            paint::text(buf, inner.x + LABEL_WIDTH, y, room, &cut(value, usize::from(room)), style);
        }
        y += 1;
    };
    for (row, line) in name.iter().enumerate() {
        put(buf, if row == 0 { "topic" } else { "" }, line, theme.strong);
    }
    for (label, value, style) in &rows {
        put(buf, label, value, *style);
    }
    let trend: Vec<f32> =
        state.feed.run_history().map(|history| history.trend(&partition.id, MAX_TREND_CELLS)).unwrap_or_default();
    put(buf, "trend", &sparkline(&trend), theme.chart);
    if y < inner.bottom() {
        let bar = Rect::new(inner.x, y, inner.width.saturating_sub(7), 1);
        let share = partition.progress();
        paint::bar(buf, bar, share, theme.bar, theme.bar_rest);
        let at = Rect::new(inner.x, y, inner.width, 1);
        paint::aligned(buf, at, &number::percent(share), theme.base, Alignment::Right);
    }
}

fn figures(partition: &PartitionView, over: bool, paused: bool, theme: &Theme) -> Vec<(&'static str, String, Style)> {
    let (sign, style) = symbol::partition_of(over, paused, partition.state, theme);
    let shown_state = match partition.state {
        PartitionState::Active if over => "stopped".to_owned(),
        PartitionState::Active if paused => "paused".to_owned(),
        state => state.to_string(),
    };
    let rate = if over { "–".to_owned() } else { format!("{}/s", number::rate(partition.records_per_s)) };
    let offset = |value: Offset| number::count(value.since(Offset::ZERO));
    let planned = number::count(partition.end.since(partition.first));
    vec![
        ("state", format!("{sign} {shown_state}"), style),
        ("owner", clean(&partition.owner.to_string()).into_owned(), theme.base),
        (
            "offsets",
            format!("{} to {} ({planned} planned)", offset(partition.first), offset(partition.end)),
            theme.base,
        ),
        ("position", offset(partition.position), theme.base),
        ("lag", partition.lag.known().map_or("unknown".to_owned(), number::count), theme.base),
        ("ahead", ahead(partition), theme.base),
        ("handled", number::count(partition.handled), theme.base),
        ("rate", rate, theme.base),
        ("p95", partition.p95_ms.map_or("–".to_owned(), number::millis), theme.base),
    ]
}

/// The offsets settled above the position.
fn ahead(partition: &PartitionView) -> String {
    match partition.ahead {
        0 => "0".to_owned(),
        some => format!("{} of the lag already settled", number::count(some)),
    }
}
