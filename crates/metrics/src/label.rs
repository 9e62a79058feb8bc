//! Labels of series.

use std::borrow::Cow;

use prometheus_client::encoding::{EncodeLabel as _, EncodeLabelSet, LabelSetEncoder};

/// The maximum length of a label value in bytes. Kafka allows group ids of 32,767 bytes.
const MAX_VALUE_BYTES: usize = 512;

/// The value of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// A name, cut to [`MAX_VALUE_BYTES`].
    Text(Cow<'a, str>),
    /// The number of a partition.
    Number(i32),
}

/// A name of a label with its value.
pub(crate) type Label<'a> = (&'static str, Value<'a>);

/// A label with a name as its value.
pub(crate) fn text<'a>(name: &'static str, value: &'a str) -> Label<'a> {
    (name, Value::Text(bounded(value)))
}

/// A label with a number as its value.
pub(crate) fn number(name: &'static str, value: i32) -> Label<'static> {
    (name, Value::Number(value))
}

/// Cuts a value that is too long. A hash of the whole value at the end keeps different values different.
fn bounded(value: &str) -> Cow<'_, str> {
    if value.len() <= MAX_VALUE_BYTES {
        return Cow::Borrowed(value);
    }
    let hash = format!("…{:016x}", fnv1a(value.as_bytes()));
    let end = value.floor_char_boundary_of(MAX_VALUE_BYTES - hash.len());
    Cow::Owned(format!("{}{hash}", value.get(..end).unwrap_or_default()))
}

/// The last place at which a text can be cut.
trait CharBoundary {
    fn floor_char_boundary_of(&self, at_most: usize) -> usize;
}

impl CharBoundary for str {
    fn floor_char_boundary_of(&self, at_most: usize) -> usize {
        (0..=at_most).rev().find(|at| self.is_char_boundary(*at)).unwrap_or(0)
    }
}

/// FNV-1a with 64 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>.
fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// The labels of one series: those of what it describes, and one that tells its values apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Labels<'a> {
    pub(crate) subject: &'a [Label<'a>],
    pub(crate) part: Option<(&'static str, &'a str)>,
}

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder) -> Result<(), std::fmt::Error> {
        for (name, value) in self.subject {
            match value {
                Value::Text(value) => (*name, value.as_ref()).encode(encoder.encode_label())?,
                Value::Number(value) => (*name, *value).encode(encoder.encode_label())?,
            }
        }
        if let Some((name, value)) = self.part {
            (name, bounded(value)).encode(encoder.encode_label())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_are_bounded_and_short_ones_are_kept(value in "[a-zé漢]{0,700}") {
            let cut = bounded(&value);
            prop_assert!(cut.len() <= MAX_VALUE_BYTES);
            prop_assert_eq!(value.len() <= MAX_VALUE_BYTES, cut == value);
        }
    }

    #[test]
    fn long_values_with_the_same_beginning_stay_different() {
        let [a, b] = ["a", "b"].map(|end| "x".repeat(MAX_VALUE_BYTES) + end);
        assert_ne!(bounded(&a), bounded(&b));
    }
}
