//! Units of durations and sizes in texts that users write.
//!
//! Settings, rate limits and the filters of the console have different grammars: whether a number may have decimals,
//! and which of the units are accepted. What a unit means is the same everywhere.

/// The seconds of a unit of time: `ns`, `us` or `µs`, `ms`, `s`, `m`, `h`, `d`. `None` for any other text.
#[must_use]
pub fn seconds(unit: &str) -> Option<f64> {
    match unit {
        "ns" => Some(1e-9),
        "us" | "µs" => Some(1e-6),
        "ms" => Some(1e-3),
        "s" => Some(1.0),
        "m" => Some(60.0),
        "h" => Some(3600.0),
        "d" => Some(86_400.0),
        _ => None,
    }
}

/// The bytes of a unit of size: `B`, the decimal `kB` or `KB`, `MB`, `GB`, and the binary `KiB`, `MiB`, `GiB`, `TiB`.
/// `None` for any other text.
#[must_use]
pub fn bytes(unit: &str) -> Option<u64> {
    match unit {
        "B" => Some(1),
        "kB" | "KB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        "TiB" => Some(1 << 40),
        _ => None,
    }
}

/// Splits a text into the digits at its start and the rest, which is the unit. Decimal points count as digits.
#[must_use]
pub fn split_decimal(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()))
}

/// Splits a text into the digits at its start and the rest, which is the unit.
#[must_use]
pub fn split_whole(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_ends_where_its_unit_begins() {
        assert_eq!(split_decimal("1.5GiB"), ("1.5", "GiB"));
        assert_eq!(split_whole("1.5GiB"), ("1", ".5GiB"));
        assert_eq!([split_decimal("12"), split_whole("12")], [("12", ""); 2]);
        assert_eq!([split_decimal("µs"), split_whole("µs")], [("", "µs"); 2]);
    }

    #[test]
    fn units_are_case_sensitive_except_the_decimal_kilobyte() {
        assert_eq!([bytes("kB"), bytes("KB")], [Some(1000); 2]);
        assert_eq!(["kb", "kib", "MIB", "", " B"].map(bytes), [None; 5]);
        assert_eq!(["S", "M", "min", "", " s"].map(seconds), [None; 5]);
    }
}
