//! Workers by time: how busy each was, and what all of them spent their time on.

use kreplay_model::{
    feed::{Charge, Charges},
    timeline::{TimeRange, Timeline, WorkerCell},
};

use crate::{
    markup::{Markup, Text},
    scale::{BOTTOM, COLUMNS, LEFT, WIDTH, column_x, time_axis},
};

/// Height of a worker's lane.
const LANE_HEIGHT: f64 = 14.0;
/// The number of colours of states, the classes `c0`, `c1` and so on.
const COLOURS: usize = 8;
/// More workers than these are not drawn one by one.
const MAX_LANES: usize = 100;

/// A lane for each worker, filled as far as the worker was in its handler; `None` if nothing was measured.
pub(crate) fn lanes(timeline: &Timeline, range: TimeRange) -> Option<Markup> {
    let mut numbers: Vec<u32> = timeline.workers().keys().copied().collect();
    numbers.sort_unstable();
    let rows: Vec<(u32, Vec<Option<WorkerCell>>)> = numbers
        .into_iter()
        .filter_map(|number| Some((number, timeline.workers().get(&number)?.columns(range, COLUMNS))))
        .filter(|(_, cells)| cells.iter().any(Option::is_some))
        .collect();
    if rows.is_empty() {
        return None;
    }
    let shown = &rows[..rows.len().min(MAX_LANES)];
    #[allow(clippy::cast_precision_loss, reason = "at most 100 lanes")]
    let bottom = shown.len() as f64 * LANE_HEIGHT;
    let mut svg = Markup::default();
    svg.add("<figure><figcaption>Workers <span>share of the time in the handler</span>");
    if shown.len() < rows.len() {
        svg.add(format_args!(" the first {} of {}", shown.len(), rows.len()));
    }
    svg.add(format_args!(
        "</figcaption><svg viewBox=\"0 0 {WIDTH} {:.1}\" role=\"img\" aria-label=\"How busy each worker was over time\" shape-rendering=\"crispEdges\">",
        bottom + BOTTOM
    ));
    let mut y = 0.0;
    for (number, cells) in shown {
        svg.add(format_args!(
            "<text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">worker-{number}</text>",
            LEFT - 6.0,
            y + LANE_HEIGHT - 4.0
        ));
        lane(&mut svg, cells, y);
        y += LANE_HEIGHT;
    }
    time_axis(&mut svg, range, bottom + BOTTOM - 4.0);
    svg.add("</svg></figure>");
    Some(svg)
}

/// The lane of a worker; neighbours that are equally busy are one rectangle.
fn lane(svg: &mut Markup, cells: &[Option<WorkerCell>], y: f64) {
    const FULL: f64 = LANE_HEIGHT - 2.0;
    // Tenths of a unit of the picture: finer differences cannot be seen.
    #[allow(clippy::cast_possible_truncation, reason = "0 to 120")]
    let tenths = |cell: &Option<WorkerCell>| cell.as_ref().map(|cell| (cell.busy() * FULL * 10.0).round() as i32);
    let mut from = 0;
    while from < cells.len() {
        let of_first = tenths(&cells[from]);
        let length = cells[from..].iter().take_while(|cell| tenths(cell) == of_first).count();
        if let Some(tenths) = of_first {
            let (x, width) = (column_x(from), column_x(from + length) - column_x(from));
            let high = f64::from(tenths) / 10.0;
            svg.add(format_args!(
                "<rect class=\"there\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{FULL:.1}\"/><rect \
                 class=\"busy\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{high:.1}\"/>",
                y + FULL - high
            ));
        }
        from += length;
    }
}

/// The time of all workers as a bar of 100 % with its legend; `None` without any time.
pub(crate) fn charges(charges: &Charges) -> Option<Markup> {
    let parts: Vec<(Charge, f64)> = charges.percentages();
    if parts.is_empty() {
        return None;
    }
    let mut html = Markup::default();
    html.add("<h2>What the workers' time was spent on</h2><div class=\"bar\">");
    for (index, (charge, percent)) in parts.iter().enumerate() {
        html.add(format_args!(
            "<u class=\"c{}\" style=\"width:{percent:.1}%\" title=\"{}\"></u>",
            index % COLOURS,
            Text(charge.in_words())
        ));
    }
    html.add("</div><ul class=\"legend\">");
    for (index, (charge, percent)) in parts.iter().enumerate() {
        html.add(format_args!(
            "<li><u class=\"c{}\"></u>{percent:.1} % {}</li>",
            index % COLOURS,
            Text(charge.in_words())
        ));
    }
    html.add("</ul>");
    Some(html)
}
