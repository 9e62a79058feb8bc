//! Floating-point numbers as JSON, which cannot represent all of them.

use serde_json::{Number, Value};

/// The number, or the strings `NaN`, `Infinity`, and `-Infinity`, which JSON has no numbers for.
pub(super) fn double(number: f64) -> Value {
    Number::from_f64(number).map_or_else(
        || {
            Value::from(if number.is_nan() {
                "NaN"
            } else if number > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            })
        },
        Value::Number,
    )
}

/// Like [`double`], for single precision: the shortest text of a single differs from that of the same number in double
/// precision.
pub(super) fn single(number: f32) -> Value {
    number.to_string().parse().map_or(Value::Null, double)
}
