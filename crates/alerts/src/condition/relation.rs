//! Operators of comparisons.

/// An operator for values that have an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// An operator for words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Equality {
    Is,
    IsNot,
}

/// Longer operators first: `<=` begins with `<`.
pub(super) const RELATIONS: [(&str, Relation); 7] = [
    ("!=", Relation::NotEqual),
    ("<=", Relation::LessOrEqual),
    (">=", Relation::GreaterOrEqual),
    ("==", Relation::Equal),
    ("=", Relation::Equal),
    ("<", Relation::Less),
    (">", Relation::Greater),
];

impl Relation {
    pub(crate) fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }

    /// Whether it holds for a value between two bounds, which are included; `None` if that depends on the value.
    pub(crate) fn holds_within<T: PartialOrd>(self, low: &T, high: &T, right: &T) -> Option<bool> {
        let (at_low, at_high) = (self.holds(low, right), self.holds(high, right));
        let is_inside = low < right && right < high;
        let is_certain = match self {
            Self::Equal | Self::NotEqual => at_low == at_high && !is_inside,
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => at_low == at_high,
        };
        is_certain.then_some(at_low)
    }

    /// Its shortest form.
    pub(crate) fn word(self) -> &'static str {
        RELATIONS.iter().rev().find(|(_, relation)| *relation == self).map_or("=", |(word, _)| word)
    }
}

impl Equality {
    pub(crate) fn holds(self, is_equal: bool) -> bool {
        (self == Self::Is) == is_equal
    }

    pub(crate) fn word(self) -> &'static str {
        if self == Self::Is { "=" } else { "!=" }
    }
}
