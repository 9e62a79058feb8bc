//! Axes: the time of a run across, values upwards.

use kreplay_model::{domain::number, timeline::TimeRange};

use crate::markup::{Markup, Text};

/// Width of all pictures in units of their own coordinates.
pub(crate) const WIDTH: f64 = 960.0;
/// Room for labels on the left.
pub(crate) const LEFT: f64 = 120.0;
/// Room for the labels of the time axis.
pub(crate) const BOTTOM: f64 = 18.0;
/// The number of columns that a picture has.
pub(crate) const COLUMNS: usize = 240;

/// The x coordinate of a share of the time, 0 to 1.
pub(crate) fn x(share: f64) -> f64 {
    LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT)
}

/// The x coordinate where a column begins.
#[allow(clippy::cast_precision_loss, reason = "at most 240 columns")]
pub(crate) fn column_x(column: usize) -> f64 {
    x(column as f64 / COLUMNS as f64)
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below a value; 1 for values without a power of ten.
pub(crate) fn round_up(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    // The tolerance keeps a value that is a round number.
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|top| *top >= value * 0.999_999)
        .unwrap_or(value)
}

/// The labels of the time axis: seconds since the start of the run.
pub(crate) fn time_axis(svg: &mut Markup, range: TimeRange, y: f64) {
    #[allow(clippy::cast_precision_loss, reason = "milliseconds of a run")]
    let length_s = range.ms() as f64 / 1000.0;
    for (share, anchor) in [(0.0, "start"), (0.25, "middle"), (0.5, "middle"), (0.75, "middle"), (1.0, "end")] {
        let label = number::seconds(length_s * share);
        svg.add(format_args!(
            "<text class=\"axis\" x=\"{:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
            x(share),
            Text(label)
        ));
    }
}

/// A number with a unit that keeps it short: `1.50 M`.
pub(crate) fn short(value: f64) -> String {
    for (limit, unit) in [(1e9, " G"), (1e6, " M"), (1e3, " k")] {
        if value >= limit {
            return format!("{:.3}", value / limit).trim_end_matches('0').trim_end_matches('.').to_owned() + unit;
        }
    }
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_of_an_axis_is_a_round_number_that_is_not_below_the_values() {
        for (value, top) in [(0.0, 1.0), (0.3, 0.5), (1.0, 1.0), (1_001.0, 2_000.0), (7e6, 1e7), (f64::NAN, 1.0)] {
            assert!((round_up(value) - top).abs() < top * 1e-9, "{value}: {}", round_up(value));
        }
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [(0.5, "0.5"), (20.0, "20"), (1_500_000.0, "1.5 M"), (2_000.0, "2 k"), (0.0, "0")] {
            assert_eq!(short(value), text);
        }
    }
}
