//! Sizes in bytes, such as `32MiB`: parsing and formatting.

/// Each unit with its size.
pub(super) const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Parses a whole number with a unit: B, KiB, MiB, GiB, or the decimal kB, MB, GB.
///
/// # Errors
/// The text is not a size, or is larger than `u64::MAX` bytes.
pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit.trim_start()).ok_or_else(wrong)?;
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(*scale)).ok_or_else(wrong)
}

/// Formats a size in the largest binary unit that gives a whole number.
pub(super) fn show_bytes(bytes: u64) -> String {
    let (unit, scale) =
        UNITS[..3].iter().find(|(_, scale)| bytes > 0 && bytes.is_multiple_of(*scale)).unwrap_or(&("B", 1));
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
        for wrong in ["", "32", "MiB", "1.5GiB", "-1B", "32mib", "99999999999GiB", "1 PiB"] {
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
