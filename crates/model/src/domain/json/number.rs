//! JSON numbers: exact for any number of digits and in any notation.

use std::{borrow::Cow, fmt};

use num_bigint::BigInt;

/// Decimal point positions for which a number is written without an exponent.
const PLAIN_NOTATION_RANGE: std::ops::RangeInclusive<i64> = -20..=21;
/// Maximum number of decimals compared with those of a double, which has at most 1,074.
const MAX_DOUBLE_DECIMALS: usize = 1_100;

/// A number in its source notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<'a>(&'a str);

/// The value of a number, independent of notation: two values are equal exactly if the numbers are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    negative: bool,
    /// The digits without leading and trailing zeros; empty for zero.
    digits: String,
    /// The power of ten of the last digit.
    exponent: BigInt,
}

impl<'a> Number<'a> {
    /// Parses a JSON number; `None` for any other text.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (whole, mut rest) = digits(text.strip_prefix('-').unwrap_or(text));
        if whole.is_empty() || whole.len() > 1 && whole.starts_with('0') {
            return None;
        }
        if let Some(after) = rest.strip_prefix('.') {
            let (part, after) = digits(after);
            rest = (!part.is_empty()).then_some(after)?;
        }
        if let Some(after) = rest.strip_prefix(['e', 'E']) {
            let (power, after) = digits(after.strip_prefix(['+', '-']).unwrap_or(after));
            rest = (!power.is_empty()).then_some(after)?;
        }
        rest.is_empty().then_some(Self(text))
    }

    pub(super) fn checked(text: &'a str) -> Self {
        Self(text)
    }

    /// The source text.
    #[must_use]
    pub fn text(self) -> &'a str {
        self.0
    }

    /// Its value.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        let (negative, text) = self.0.strip_prefix('-').map_or((false, self.0), |rest| (true, rest));
        let (mantissa, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = if part.is_empty() { Cow::Borrowed(whole) } else { Cow::Owned([whole, part].concat()) };
        let digits = all.trim_start_matches('0');
        let kept = digits.trim_end_matches('0');
        if kept.is_empty() {
            return Decimal { negative: false, digits: String::new(), exponent: BigInt::ZERO };
        }
        let shift = i64::try_from(digits.len() - kept.len()).unwrap_or_default()
            - i64::try_from(part.len()).unwrap_or_default();
        let power: BigInt = power.trim_start_matches('+').parse().unwrap_or_default();
        Decimal { negative, digits: kept.to_owned(), exponent: power + shift }
    }

    /// The number, if it is an integer of at most 64 bits, in any notation: `7`, `7.0`, `70e-1`.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        if self.is_plain_integer() {
            return self.0.parse().ok();
        }
        let Decimal { negative, digits, exponent } = self.decimal();
        let zeros = usize::try_from(exponent).ok().filter(|zeros| digits.len().saturating_add(*zeros) <= 19)?;
        format!(
            "{}{}{}",
            if negative { "-" } else { "" },
            if digits.is_empty() { "0" } else { &digits },
            "0".repeat(zeros)
        )
        .parse()
        .ok()
    }

    /// The nearest double; `None` if it is out of range.
    #[must_use]
    pub fn as_f64(self) -> Option<f64> {
        self.0.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// The double that preserves all digits: written as short as possible, or with the same number of decimals, it
    /// equals this number.
    #[must_use]
    pub fn as_exact_f64(self) -> Option<f64> {
        let double = self.as_f64()?;
        let is_short = self.0.len() <= f64::DIGITS as usize && !self.0.contains(['e', 'E']);
        if is_short || format!("{double}") == self.0 {
            return Some(double);
        }
        let decimal = self.decimal();
        let is_same = |text: String| Number(&text).decimal() == decimal;
        let decimals = usize::try_from(-&decimal.exponent).unwrap_or(0);
        let keeps = is_same(format!("{double:e}"))
            || decimals <= MAX_DOUBLE_DECIMALS && is_same(format!("{double:.decimals$}"));
        keeps.then_some(double)
    }

    /// Whether it consists of digits only, with an optional minus sign.
    #[must_use]
    pub fn is_plain_integer(self) -> bool {
        self.0.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit())
    }

    /// Whether two numbers are equal, regardless of notation.
    #[must_use]
    pub fn equals(self, other: &Decimal) -> bool {
        // Most unequal numbers differ in their first digit.
        let digit = self.0.trim_start_matches(['-', '0', '.']).as_bytes().first();
        let is_zero = digit.is_none_or(|digit| !digit.is_ascii_digit());
        let first = digit.copied().filter(|_| !is_zero);
        first == other.digits.as_bytes().first().copied() && self.decimal() == *other
    }
}

/// Splits a text after its leading digits.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

impl fmt::Display for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Decimal {
    /// Whether it is an integer.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        self.exponent >= BigInt::ZERO
    }
}

/// One text per value: plain digits if short, otherwise `1.5e400`.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.digits.is_empty() {
            return f.write_str("0");
        }
        if self.negative {
            f.write_str("-")?;
        }
        let digits = self.digits.as_str();
        let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        // The position of the decimal point, counted from the first digit.
        let point = i64::try_from(&self.exponent).ok().and_then(|exponent| exponent.checked_add(count));
        match point.filter(|point| PLAIN_NOTATION_RANGE.contains(point) || self.exponent == BigInt::ZERO) {
            Some(point) if point >= count => {
                let zeros = usize::try_from(point - count).unwrap_or_default();
                write!(f, "{digits}{:0<zeros$}", "")
            }
            Some(point) if point > 0 => {
                let (whole, part) = digits.split_at(usize::try_from(point).unwrap_or_default());
                write!(f, "{whole}.{part}")
            }
            Some(point) => {
                let zeros = usize::try_from(-point).unwrap_or_default();
                write!(f, "0.{:0<zeros$}{digits}", "")
            }
            None => {
                let (first, rest) = digits.split_at(1);
                let dot = if rest.is_empty() { "" } else { "." };
                write!(f, "{first}{dot}{rest}e{}", &self.exponent + (count - 1))
            }
        }
    }
}
