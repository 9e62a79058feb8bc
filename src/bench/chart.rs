//! Bars as plain text.

/// Fractions of a block in eighths, from none to seven.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A bar of up to `width` blocks for `value` on a scale from 0 to `full`. Any positive value is visible.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a few blocks")]
pub(super) fn bar(value: f64, full: f64, width: usize) -> String {
    if !(value > 0.0 && full > 0.0) {
        return String::new();
    }
    let eighths = ((value / full).min(1.0) * (width * 8) as f64).round().max(1.0) as usize;
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_proportional_to_their_value() {
        let bars = [0.0, 0.001, 1.0, 1.5, 2.0, 4.0, 9.0, f64::NAN].map(|value| bar(value, 4.0, 4));
        assert_eq!(bars, ["", "▏", "█", "█▌", "██", "████", "████", ""]);
        assert_eq!(bar(1.0, 0.0, 4), "");
    }
}
