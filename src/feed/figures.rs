//! Figures as people read them, the same in every text.

use std::time::Duration;

use indicatif::FormattedDuration;
pub(super) use indicatif::{HumanBytes as Bytes, HumanCount as Count};

/// `1.69 s` below a minute, `0:02:05` from there on.
pub(super) fn seconds(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 60.0 {
        return format!("{seconds:.2} s");
    }
    Duration::try_from_secs_f64(seconds.round()).map_or_else(|_| "?".into(), |time| FormattedDuration(time).to_string())
}

/// A rate without its fraction, with separators: `5,912`; below 10 with one decimal.
pub(super) fn rate(per_s: f64) -> String {
    if per_s < 9.95 { format!("{:.1}", per_s.max(0.0)) } else { Count(whole(per_s)).to_string() }
}

/// The nearest count.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is what is wanted"
)]
pub(super) fn whole(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well_at_any_size() {
        assert_eq!(seconds(1.694), "1.69 s");
        assert_eq!(seconds(-1.0), "0.00 s");
        assert_eq!(seconds(125.4), "00:02:05");
        assert_eq!(seconds(f64::INFINITY), "?");
        assert_eq!([rate(0.0), rate(9.94), rate(9.96), rate(3_400_000.4)], ["0.0", "9.9", "10", "3,400,000"]);
        assert_eq!(whole(f64::NAN), 0);
    }
}
