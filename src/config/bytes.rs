//! Sizes in bytes, such as `32MiB`: parsing and formatting.

use kreplay_model::domain::unit;

/// The units that settings accept; the schema of the configuration lists them.
pub(super) const UNITS: [&str; 7] = ["GiB", "MiB", "KiB", "GB", "MB", "kB", "B"];
/// The units of formatted sizes, largest first.
const SHOWN_UNITS: [&str; 3] = ["GiB", "MiB", "KiB"];

/// Parses a whole number with a unit: B, KiB, MiB, GiB, or the decimal kB, MB, GB.
///
/// # Errors
/// The text is not a size, or is larger than `u64::MAX` bytes.
pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size");
    let (number, unit) = unit::split_whole(text);
    let unit = unit.trim_start();
    let scale = unit::bytes(unit).filter(|_| UNITS.contains(&unit)).ok_or_else(wrong)?;
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(scale)).ok_or_else(wrong)
}

/// Formats a size in the largest binary unit that gives a whole number.
pub(super) fn show_bytes(bytes: u64) -> String {
    let scaled = |unit: &'static str| Some((unit, unit::bytes(unit)?));
    let divides = |(_, scale): &(&str, u64)| bytes > 0 && bytes.is_multiple_of(*scale);
    let (unit, scale) = SHOWN_UNITS.into_iter().filter_map(scaled).find(divides).unwrap_or(("B", 1));
    format!("{}{unit}", bytes / scale)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_require_a_unit() {
        assert_eq!(parse_bytes("32MiB"), Ok(32 << 20));
        assert_eq!(parse_bytes("64 kB"), Ok(64_000));
        for wrong in ["", "32", "MiB", "1.5GiB", "-1B", "32mib", "99999999999GiB", "1 PiB", "1KB", "1TiB"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn formatted_sizes_parse_to_the_same_value(bytes in any::<u64>(), shift in 0..64_u32) {
            let bytes = bytes >> shift << (shift / 2);
            prop_assert_eq!(parse_bytes(&show_bytes(bytes)), Ok(bytes));
        }
    }
}
