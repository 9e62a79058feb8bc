//! Rate limits, as set by users.

use std::{fmt, num::NonZeroU64, str::FromStr};

use serde::{Deserialize, Serialize};

use super::unit;

/// Maximum number of records or bytes per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateLimit {
    /// Records per second.
    Records(NonZeroU64),
    /// Bytes of keys and values per second.
    Bytes(NonZeroU64),
}

/// Examples of rates, for errors.
const EXAMPLES: &str = "use a value such as 5000/s, 20k/s, 500KB/s or 10MiB/s";

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Records(records) => f.pad(&format!("{records}/s")),
            Self::Bytes(bytes) => f.pad(&format!("{bytes}B/s")),
        }
    }
}

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a rate; {EXAMPLES}");
        let amount = text.trim().strip_suffix("/s").unwrap_or(text.trim());
        let (number, unit) = unit::split_whole(amount);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let (scale, bytes) = match unit {
            "" => (1, false),
            "k" => (1000, false),
            "M" => (1_000_000, false),
            "TiB" => return Err(wrong()),
            _ => (unit::bytes(unit).ok_or_else(wrong)?, true),
        };
        let amount = number.checked_mul(scale).and_then(NonZeroU64::new).ok_or_else(wrong)?;
        Ok(if bytes { Self::Bytes(amount) } else { Self::Records(amount) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_round_trip_through_text() {
        for (text, shown) in [
            ("5000/s", "5000/s"),
            ("5000", "5000/s"),
            ("20k/s", "20000/s"),
            ("500KB/s", "500000B/s"),
            ("10MiB/s", "10485760B/s"),
        ] {
            let rate: RateLimit = text.parse().unwrap();
            assert_eq!(rate.to_string(), shown);
            assert_eq!(rate.to_string().parse::<RateLimit>(), Ok(rate));
        }
        assert!("1TiB/s".parse::<RateLimit>().is_err(), "a unit of sizes, but not of rates");
        for wrong in
            ["", "/s", "0/s", "fast", "5/m", "5XB/s", "-1/s", "99999999999999999999/s", "18446744073709551615GB/s"]
        {
            assert!(wrong.parse::<RateLimit>().unwrap_err().contains("such as 5000/s"), "{wrong}");
        }
    }
}
