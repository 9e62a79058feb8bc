//! Charts of figures over time.

use kreplay_model::timeline::{Figure, MarkClass, Summary, TimeRange, Timeline};

use crate::{
    markup::{Markup, Text},
    scale::{BOTTOM, COLUMNS, LEFT, WIDTH, column_x, round_up, short, time_axis, x},
};

/// Height of a chart without its time axis.
const HEIGHT: f64 = 120.0;
/// Room for the upper half of the highest label.
const TOP: f64 = 10.0;

/// A line of a chart.
pub(crate) struct Line {
    pub(crate) figure: Figure,
    /// The class of its colour.
    pub(crate) class: &'static str,
    /// Its name in the legend.
    pub(crate) name: &'static str,
}

/// A chart of some figures with one axis, with marks; `None` if none of the figures was measured.
pub(crate) fn chart(timeline: &Timeline, range: TimeRange, title: &str, unit: &str, lines: &[Line]) -> Option<Markup> {
    let columns: Vec<(&Line, Vec<Option<Summary>>)> =
        lines.iter().map(|line| (line, timeline.series(line.figure).columns(range, COLUMNS))).collect();
    let measured = || columns.iter().flat_map(|(_, cells)| cells.iter().flatten());
    measured().next()?;
    let top = round_up(measured().map(|cell| cell.max).fold(0.0, f64::max));
    let y = |value: f64| TOP + (HEIGHT - TOP) * (1.0 - (value / top).clamp(0.0, 1.0));
    let mut svg = Markup::default();
    svg.add(format_args!("<figure><figcaption>{} <span>{}</span>", Text(title), Text(unit)));
    for (line, _) in columns.iter().filter(|_| lines.len() > 1) {
        svg.add(format_args!(" <b class=\"{}\">{}</b>", line.class, Text(line.name)));
    }
    svg.add(format_args!(
        "</figcaption><svg viewBox=\"0 0 {WIDTH} {:.1}\" role=\"img\" aria-label=\"{}\">",
        HEIGHT + BOTTOM,
        Text(title)
    ));
    for share in [0.0, 0.5, 1.0] {
        let at = y(top * share);
        svg.add(format_args!(
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text class=\"axis\" \
             x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            at + 4.0,
            Text(short(top * share))
        ));
    }
    marks(&mut svg, timeline, range);
    for (line, cells) in &columns {
        svg.add(format_args!("<path class=\"line {}\" d=\"{}\"/>", line.class, path(cells, y)));
    }
    time_axis(&mut svg, range, HEIGHT + BOTTOM - 4.0);
    svg.add("</svg></figure>");
    Some(svg)
}

/// Mean values as a line that is interrupted where nothing was measured.
fn path(cells: &[Option<Summary>], y: impl Fn(f64) -> f64) -> Markup {
    let mut path = Markup::default();
    let mut is_drawing = false;
    for (column, cell) in cells.iter().enumerate() {
        if let Some(cell) = cell {
            let (from, to, at) = (column_x(column), column_x(column + 1), y(cell.mean()));
            path.add(format_args!("{}{from:.1} {at:.1}H{to:.1}", if is_drawing { "L" } else { "M" }));
        }
        is_drawing = cell.is_some();
    }
    path
}

/// A vertical line for each thing that happened to the whole run.
fn marks(svg: &mut Markup, timeline: &Timeline, range: TimeRange) {
    for mark in timeline.marks(range) {
        let what = match mark.kind.class() {
            MarkClass::Concurrency => "change of the number of workers",
            MarkClass::Rebalance => "rebalance",
            MarkClass::Pause => "pause or its end",
            MarkClass::Error => "error",
            MarkClass::Retention => "records deleted before they were read",
            MarkClass::Run | MarkClass::Retry | MarkClass::Failure => continue,
        };
        let at = x(share_of(range, mark.at.ms()));
        svg.add(format_args!(
            "<line class=\"mark\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{HEIGHT}\"><title>{}</title></line>",
            Text(what)
        ));
    }
}

/// Where a moment is in a range, 0 to 1.
#[allow(clippy::cast_precision_loss, reason = "milliseconds of a run")]
pub(crate) fn share_of(range: TimeRange, ms: i64) -> f64 {
    if range.ms() == 0 { 0.0 } else { ((ms - range.from().ms()) as f64 / range.ms() as f64).clamp(0.0, 1.0) }
}
