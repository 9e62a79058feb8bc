//! Floating-point numbers as JSON, which has no word for some of them.

use serde_json::{Number, Value};

/// A number, or the word for it where JSON has none.
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

/// The same for a number of single precision: its shortest text is not that of the same number in double precision.
pub(super) fn single(number: f32) -> Value {
    number.to_string().parse().map_or(Value::Null, double)
}
