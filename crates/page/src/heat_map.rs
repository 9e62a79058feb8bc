//! The heat map: partitions by time, coloured by rate.

use kreplay_model::{
    domain::{TopicPartition, number::rate},
    timeline::{PartitionCell, TimeRange, Timeline},
};

use crate::{
    markup::{Markup, Text},
    ramp::{STEPS, colour, step},
    scale::{BOTTOM, COLUMNS, LEFT, WIDTH, column_x, time_axis},
};

/// Heights of a row in units of the picture, by the number of rows: few rows are easier to read if they are high.
fn row_height(rows: usize) -> f64 {
    match rows {
        0..=40 => 14.0,
        41..=200 => 8.0,
        _ => 3.0,
    }
}

/// Rows of this height and more have a label.
const LABELLED_MIN_HEIGHT: f64 = 8.0;

/// The heat map of the partitions; `None` if none was measured.
pub(crate) fn heat_map(timeline: &Timeline, range: TimeRange, partitions: &[TopicPartition]) -> Option<Markup> {
    let rows: Vec<(&TopicPartition, Vec<Option<PartitionCell>>)> = partitions
        .iter()
        .filter_map(|id| Some((id, timeline.partitions().get(id)?.columns(range, COLUMNS))))
        .filter(|(_, cells)| cells.iter().any(Option::is_some))
        .collect();
    let fastest = rows.iter().flat_map(|(_, cells)| cells.iter().flatten()).map(PartitionCell::mean_per_s);
    let fastest = fastest.reduce(f64::max)?;
    let height = row_height(rows.len());
    #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
    let bottom = rows.len() as f64 * height;
    let mut svg = Markup::default();
    svg.add("<figure><figcaption>Partitions <span>records/s</span> <i class=\"ramp\">0 ");
    for index in 0..STEPS {
        svg.add(format_args!("<u style=\"background:{}\"></u>", colour(index)));
    }
    svg.add(format_args!(
        " {}</i></figcaption><svg viewBox=\"0 0 {WIDTH} {:.1}\" role=\"img\" aria-label=\"Records per second of \
         each partition over time\" shape-rendering=\"crispEdges\">",
        Text(rate(fastest)),
        bottom + BOTTOM
    ));
    let mut y = 0.0;
    for (id, cells) in &rows {
        svg.add(format_args!("<g><title>{}</title>", Text(*id)));
        if height >= LABELLED_MIN_HEIGHT {
            svg.add(label(id, y + height - height / 4.0, height));
        }
        row(&mut svg, cells, fastest, y, height);
        svg.add("</g>");
        y += height;
    }
    time_axis(&mut svg, range, bottom + BOTTOM - 4.0);
    svg.add("</svg></figure>");
    Some(svg)
}

/// The end of the name: partitions of a topic differ there.
fn label(id: &TopicPartition, y: f64, height: f64) -> Markup {
    const SHOWN: usize = 20;
    let name = id.to_string();
    let letters = name.chars().count();
    let shown: String = match letters.checked_sub(SHOWN) {
        Some(cut) if cut > 0 => std::iter::once('…').chain(name.chars().skip(cut + 1)).collect(),
        _ => name,
    };
    let mut svg = Markup::default();
    svg.add(format_args!(
        "<text class=\"axis\" x=\"{:.1}\" y=\"{y:.1}\" text-anchor=\"end\" style=\"font-size:{:.1}px\">{}</text>",
        LEFT - 6.0,
        (height * 0.85).min(11.0),
        Text(shown)
    ));
    svg
}

/// The cells of a row; neighbours of one colour are one rectangle.
fn row(svg: &mut Markup, cells: &[Option<PartitionCell>], fastest: f64, y: f64, height: f64) {
    let step_of = |cell: &Option<PartitionCell>| {
        let cell = cell.as_ref()?;
        Some(step(if fastest > 0.0 { cell.mean_per_s() / fastest } else { 0.0 }))
    };
    let mut from = 0;
    while from < cells.len() {
        let of_first = step_of(&cells[from]);
        let length = cells[from..].iter().take_while(|cell| step_of(cell) == of_first).count();
        if let Some(step) = of_first {
            svg.add(format_args!(
                "<rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" fill=\"{}\"/>",
                column_x(from),
                column_x(from + length) - column_x(from),
                colour(step)
            ));
        }
        from += length;
    }
}
