//! What is known about the timestamp of one offset.

/// The bounds of the timestamp of the first record at or after an offset, in milliseconds since 1970. Bounds hold for
/// logs with timestamps in order; otherwise the upper bound holds, and the lower one need not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bracket {
    /// The lower bound; `None` if no earlier record is known.
    pub low_ms: Option<i64>,
    /// The upper bound; `None` if no later record is known.
    pub high_ms: Option<i64>,
    /// Whether the broker named the record itself.
    pub named: bool,
}

impl Bracket {
    /// A bracket without bounds.
    pub const OPEN: Self = Self { low_ms: None, high_ms: None, named: false };

    /// The distance of the bounds in milliseconds; `None` if one of them is missing.
    #[must_use]
    pub fn width_ms(self) -> Option<i64> {
        Some(self.high_ms?.saturating_sub(self.low_ms?).max(0))
    }

    /// Whether both bounds are equal.
    #[must_use]
    pub fn is_exact(self) -> bool {
        self.width_ms() == Some(0)
    }
}
