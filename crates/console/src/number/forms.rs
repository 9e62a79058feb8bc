//! Alternative forms of a number, longest first. In narrow places a number loses digits or gets a larger unit; it is
//! never truncated.

use kreplay_model::domain::number::{estimate, estimate_at_least};

use super::{bytes, count, millis, rate, seconds};
use crate::text::width;

/// A number in several forms, from longest to shortest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forms(Vec<String>);

impl Forms {
    /// A text with a single form.
    pub(crate) fn of(text: impl Into<String>) -> Self {
        Self(vec![text.into()])
    }

    /// The longest form that fits into `room` cells; empty if none fits.
    pub(crate) fn fit(&self, room: u16) -> &str {
        let fits = |form: &&String| width(form) <= usize::from(room);
        self.0.iter().find(fits).map_or("", String::as_str)
    }

    /// Appends a unit to each form, such as `/s`.
    pub(crate) fn with(mut self, unit: &str) -> Self {
        self.0.iter_mut().for_each(|form| form.push_str(unit));
        self
    }

    /// Puts a sign in front of each form, such as `-`.
    pub(crate) fn after(mut self, sign: &str) -> Self {
        self.0.iter_mut().for_each(|form| form.insert_str(0, sign));
        self
    }

    /// Adds the forms of `shorter`, which are used if none of these forms fits.
    pub(crate) fn or(self, shorter: Self) -> Self {
        self.then(shorter.0)
    }

    fn then(mut self, shorter: impl IntoIterator<Item = String>) -> Self {
        for form in shorter {
            if self.0.last().is_none_or(|last| width(&form) < width(last)) {
                self.0.push(form);
            }
        }
        self
    }
}

/// A count: `1,502,881`, `1.50 M`, `1.5 M`, `1.5M`, `2M`. The shortest form has at most four cells.
#[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn counts(value: u64) -> Forms {
    let forms = Forms::of(count(value));
    if value < 1000 { forms } else { forms.then(scaled(value as f64)) }
}

/// A rate per second, without the unit: `1,502,881`, `1.50 M`, `1.5M`. The shortest form has at most four cells.
pub(crate) fn rates(per_s: f64) -> Forms {
    let per_s = if per_s.is_finite() { per_s.clamp(0.0, 1e19) } else { 0.0 };
    let forms = Forms::of(rate(per_s));
    if per_s < 999.5 { forms } else { forms.then(scaled(per_s)) }
}

/// A duration: `59.9 s`, `60s`; `3m 12s`, `3m12s`, `3m`. The shortest form has at most five cells.
pub(crate) fn times(value: f64) -> Forms {
    let value = sane(value);
    shorter_time(seconds(value), value)
}

/// An estimated duration, without decimals from a second on: `23 s`, `23s`; `3m 12s`, `3m`. The shortest form has at
/// most five cells.
pub(crate) fn estimates(value: f64) -> Forms {
    shorter_time(estimate(value), sane(value))
}

/// The same as a lower bound: rounded down.
pub(crate) fn estimates_at_least(value: f64) -> Forms {
    shorter_time(estimate_at_least(value), sane(value))
}

/// The estimated time left of something that has not ended: `< 1 s`, `<1s`, then as [`estimates`].
pub(crate) fn times_left(value: f64) -> Forms {
    if value < 1.0 { Forms::of("< 1 s").or(Forms::of("<1s")) } else { estimates(value) }
}

/// A duration with two decimals below a minute, for comparisons: `12.34 s`. The shortest form has at most five cells.
pub(crate) fn exact_times(value: f64) -> Forms {
    let value = sane(value);
    if value < 59.995 { Forms::of(format!("{value:.2} s")).then(times(value).0) } else { times(value) }
}

fn sane(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.max(0.0) }
}

fn shorter_time(long: String, value: f64) -> Forms {
    let close: String = long.chars().filter(|c| *c != ' ').collect();
    let first = if long.contains('.') {
        format!("{value:.0}s")
    } else {
        // Of `3m 12s`, the minutes. `23 s` has only one number, which needs its unit.
        long.split(' ').find(|part| part.ends_with(char::is_alphabetic) && part.len() > 1).unwrap_or(&close).to_owned()
    };
    Forms::of(long).then([close, first])
}

/// A duration in milliseconds: `1.24 ms`, `1.24ms`, `1ms`. The shortest form has at most five cells.
pub(crate) fn latencies(value: f64) -> Forms {
    let long = millis(value);
    if value >= 99_950.0 {
        return shorter_time(long, value / 1000.0);
    }
    let close: String = long.chars().filter(|c| *c != ' ').collect();
    let digits = close.trim_end_matches(|c: char| c.is_alphabetic() || c == 'µ');
    let unit = &close[digits.len()..];
    let whole = digits.parse::<f64>().map_or_else(|_| close.clone(), |number| format!("{number:.0}{unit}"));
    Forms::of(long.clone()).then([close, whole])
}

/// A size: `1.2 MiB`, `1.2MiB`, `1MiB`. The shortest form has at most seven cells.
pub(crate) fn sizes(value: u64) -> Forms {
    let long = bytes(value);
    let close: String = long.chars().filter(|c| *c != ' ').collect();
    let whole = match close.split_once('.') {
        Some((whole, rest)) => {
            let tenth = rest.starts_with(|c: char| c >= '5');
            let rounded = whole.parse::<u64>().map_or(0, |whole| whole + u64::from(tenth));
            format!("{rounded}{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => close.clone(),
    };
    Forms::of(long).then([close, whole])
}

/// The value with three, two, and one significant digits, each with the unit that leaves less than a thousand.
fn scaled(value: f64) -> [String; 4] {
    const UNITS: [&str; 6] = ["k", "M", "G", "T", "P", "E"];
    let with = |digits: i32, gap: &str| {
        let (mut left, mut unit) = (value / 1000.0, 0);
        loop {
            // The number of digits before the decimal point.
            let whole = if left >= 99.95 {
                3
            } else if left >= 9.995 {
                2
            } else {
                1
            };
            let after = usize::try_from(digits - whole).unwrap_or(0);
            let text = format!("{left:.after$}");
            // A value that would be rounded up to a thousand gets the next unit.
            if left < 999.5 || unit + 1 == UNITS.len() {
                return format!("{text}{gap}{}", UNITS[unit]);
            }
            left /= 1000.0;
            unit += 1;
        }
    };
    [with(3, " "), with(2, " "), with(2, ""), with(1, "")]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(forms: &Forms) -> String {
        forms.0.join(" | ")
    }

    #[test]
    fn numbers_lose_digits_instead_of_being_cut() {
        assert_eq!(all(&counts(1_502_881)), "1,502,881 | 1.50 M | 1.5 M | 1.5M | 2M");
        assert_eq!(all(&counts(999_960)), "999,960 | 1.00 M | 1.0 M | 1.0M | 1M");
        assert_eq!(all(&counts(20_000)), "20,000 | 20 k | 20k");
        assert_eq!(all(&counts(999)), "999");
        assert_eq!(all(&counts(u64::MAX)), "18,446,744,073,709,551,615 | 18.4 E | 18 E | 18E");
        assert_eq!(all(&rates(1_702_881.4).with("/s")), "1,702,881/s | 1.70 M/s | 1.7 M/s | 1.7M/s | 2M/s");
        assert_eq!(all(&exact_times(20.238)), "20.24 s | 20.2 s | 20.2s | 20s");
        assert_eq!(all(&times(192.0)), "3m 12s | 3m12s | 3m");
        assert_eq!(all(&estimates(22.62)), "23 s | 23s");
        assert_eq!(
            (all(&times_left(0.4)), all(&times_left(61.0))),
            ("< 1 s | <1s".into(), "1m 01s | 1m01s | 1m".into())
        );
        assert_eq!(all(&latencies(1.236)), "1.24 ms | 1.24ms | 1ms");
        assert_eq!(all(&sizes(1_600_000)), "1.5 MiB | 1.5MiB | 2MiB");
        assert_eq!(counts(1_502_881).fit(1), "", "empty rather than truncated");
    }

    proptest! {
        #[test]
        fn any_number_fits_into_a_few_cells(
            count in any::<u64>(),
            number in prop_oneof![any::<f64>(), 0.0..1e7_f64, 0.0..2e3_f64],
            room in 0_u16..30,
        ) {
            for (forms, least) in [
                (counts(count), 4),
                (rates(number), 4),
                (times(number), 5),
                (exact_times(number), 5),
                (times_left(number), 5),
                (latencies(number), 5),
                (sizes(count), 7),
            ] {
                let text = forms.fit(room);
                prop_assert!(text.chars().count() <= usize::from(room));
                prop_assert!(room < least || !text.is_empty(), "{room} cells: {forms:?}");
                prop_assert!(!text.contains('…'));
            }
        }

        /// The value of a short form is close to the exact value.
        #[test]
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "small")]
        fn short_forms_are_close_to_the_value(value in 1000_u64..1_000_000_000_000_000) {
            for form in counts(value).0.iter().skip(1) {
                let text: String = form.chars().filter(|c| *c != ' ').collect();
                let (digits, unit) = text.split_at(text.len() - 1);
                let unit = 1000_f64.powi(1 + "kMGTPE".find(unit).unwrap() as i32);
                let shown = digits.parse::<f64>().unwrap() * unit;
                let off = (shown / value as f64 - 1.0).abs();
                prop_assert!(off <= 0.5, "{form} for {value}");
                prop_assert!(!form.contains(' ') || off <= 0.05, "{form} for {value}");
            }
        }
    }
}
