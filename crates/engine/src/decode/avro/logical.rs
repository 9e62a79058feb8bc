//! Converts Avro's logical types to text.

use chrono::{DateTime, NaiveDate, NaiveTime};
use kreplay_model::domain::number::counted;
use num_bigint::BigInt;
use serde_json::Value;

use super::node::Unit;

/// Maximum size of a decimal in bytes, about 1,200 digits. Converting longer ones to text takes quadratic time.
const MAX_DECIMAL_BYTES: usize = 512;
/// Maximum scale in either direction.
const MAX_SCALE: u64 = 1_200;
/// Days from 0001-01-01, which is day 1, to 1970-01-01.
const DAYS_TO_1970: i32 = 719_163;

/// A decimal: an integer in big-endian two's complement, and the number of its digits after the decimal point.
pub(super) fn decimal(digits: &[u8], scale: i64) -> Result<Value, String> {
    if digits.len() > MAX_DECIMAL_BYTES || scale.unsigned_abs() > MAX_SCALE {
        return Err(format!(
            "a decimal has {} and the scale {scale}; the limits are {MAX_DECIMAL_BYTES} bytes and {MAX_SCALE}",
            counted(digits.len(), "byte")
        ));
    }
    let number = BigInt::from_signed_bytes_be(digits).to_string();
    let (sign, digits) = number.strip_prefix('-').map_or(("", number.as_str()), |digits| ("-", digits));
    let places = usize::try_from(scale.unsigned_abs()).unwrap_or(0);
    Ok(Value::String(match scale {
        0 => number,
        1.. => {
            let digits = format!("{digits:0>width$}", width = places + 1);
            let (whole, part) = digits.split_at(digits.len() - places);
            format!("{sign}{whole}.{part}")
        }
        _ if digits == "0" => number,
        _ => format!("{number}{}", "0".repeat(places)),
    }))
}

/// A date, from days since 1970.
pub(super) fn date(days: i32) -> Value {
    let date = days.checked_add(DAYS_TO_1970).and_then(NaiveDate::from_num_days_from_ce_opt);
    date.map_or_else(|| Value::from(days), |date| Value::String(date.to_string()))
}

/// A time of day; `count` is in units of 1 / `per_second` seconds.
pub(super) fn time(count: i64, per_second: u32) -> Value {
    let per = i64::from(per_second);
    let seconds = u32::try_from(count.div_euclid(per)).ok();
    let nanos = u32::try_from(count.rem_euclid(per) * (1_000_000_000 / per)).ok();
    let time = seconds.zip(nanos).and_then(|(s, n)| NaiveTime::from_num_seconds_from_midnight_opt(s, n));
    let format = if per_second == 1_000 { "%H:%M:%S%.3f" } else { "%H:%M:%S%.6f" };
    time.map_or_else(|| Value::from(count), |time| Value::String(time.format(format).to_string()))
}

/// A timestamp since 1970, as an instant or as local time.
pub(super) fn timestamp(count: i64, unit: Unit, utc: bool) -> Value {
    let (at, format) = match unit {
        Unit::Millis => (DateTime::from_timestamp_millis(count), "%Y-%m-%dT%H:%M:%S%.3f"),
        Unit::Micros => (DateTime::from_timestamp_micros(count), "%Y-%m-%dT%H:%M:%S%.6f"),
        Unit::Nanos => (Some(DateTime::from_timestamp_nanos(count)), "%Y-%m-%dT%H:%M:%S%.9f"),
    };
    at.map_or_else(
        || Value::from(count),
        |at| Value::String(format!("{}{}", at.format(format), if utc { "Z" } else { "" })),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn decimals_keep_every_digit() {
        for (digits, scale, text) in [
            (&[][..], 2, "0.00"),
            (&[0x04, 0xd2], 2, "12.34"),
            (&[0xff], 0, "-1"),
            (&[0xff], 3, "-0.001"),
            (&[5], -2, "500"),
            (&[0], -2, "0"),
            (&[0x7f; 20], 4, "72788512918048890436026656374497232743648405.0815"),
        ] {
            assert_eq!(decimal(digits, scale).unwrap(), text);
        }
        assert!(decimal(&[1; 513], 0).is_err());
        assert!(decimal(&[1], 1_000_000_000).is_err());
        assert!(decimal(&[1], i64::MIN).is_err());
    }

    #[test]
    fn out_of_range_dates_and_times_remain_numbers() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(-1), "1969-12-31");
        assert_eq!(date(i32::MAX), json!(i32::MAX));
        assert_eq!(time(36_000_001, 1_000), "10:00:00.001");
        assert_eq!(time(-1, 1_000), json!(-1));
        assert_eq!(time(86_400_000_000, 1_000_000), json!(86_400_000_000_i64));
        assert_eq!(timestamp(1_769_850_000_123, Unit::Millis, true), "2026-01-31T09:00:00.123Z");
        assert_eq!(timestamp(-1, Unit::Micros, false), "1969-12-31T23:59:59.999999");
        assert_eq!(timestamp(i64::MIN, Unit::Millis, true), json!(i64::MIN));
        assert!(timestamp(i64::MIN, Unit::Nanos, true).is_string());
    }
}
