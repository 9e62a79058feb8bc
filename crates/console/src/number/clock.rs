//! Times since a start, as on a clock.

/// A time since a start with a number of decimals of a second, at most 3: `01:12.4`, `1:02:03.4`, `3d 04:05:06.0`. One
/// before the start begins with `-`.
pub(crate) fn clock(ms: i64, decimals: usize) -> String {
    let unit = 10_u64.pow(3 - u32::try_from(decimals.min(3)).unwrap_or(3));
    let parts = ms.unsigned_abs() / unit;
    // What is not shown does not make a time negative.
    let sign = if ms < 0 && parts > 0 { "-" } else { "" };
    let (seconds, part) = (parts * unit / 1000, parts * unit % 1000 / unit);
    let (days, hours, minutes, seconds) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    let part = if decimals == 0 { String::new() } else { format!(".{part:0decimals$}", decimals = decimals.min(3)) };
    if days > 0 {
        format!("{sign}{days}d {hours:02}:{minutes:02}:{seconds:02}{part}")
    } else if hours > 0 {
        format!("{sign}{hours}:{minutes:02}:{seconds:02}{part}")
    } else {
        format!("{sign}{minutes:02}:{seconds:02}{part}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_as_long_as_needed_and_is_never_rounded_up() {
        assert_eq!(clock(72_490, 1), "01:12.4");
        assert_eq!(clock(72_490, 0), "01:12");
        assert_eq!(clock(72_490, 2), "01:12.49");
        assert_eq!(clock(3_723_000, 0), "1:02:03");
        assert_eq!(clock(3 * 86_400_000 + 14_706_000, 1), "3d 04:05:06.0");
        assert_eq!(clock(-1_500, 1), "-00:01.5");
        assert_eq!(clock(-99, 1), "00:00.0");
        assert_eq!(clock(-999, 0), "00:00");
        assert_eq!(clock(i64::MIN, 0).chars().next(), Some('-'));
    }
}
