//! The width of a column, as a rule.

/// How wide a column is, in cells. `widget::table` distributes the width of a table by these rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    /// The minimum, also of a heading without content.
    pub(crate) min: u16,
    /// The maximum of the first distribution. The column gets the width of its content up to here.
    pub(crate) start: u16,
    /// The maximum of the second distribution, if there is spare width.
    pub(crate) natural: u16,
    /// The maximum of the last distribution, independent of the content. `u16::MAX` takes what is left.
    pub(crate) most: u16,
    /// The width to which it may shrink below `min`, if there is too little room.
    pub(crate) shrunk: Option<u16>,
    /// The place in the second distribution; columns with the same place are served from left to right.
    pub(crate) turn: u8,
}

impl Width {
    /// Always the same width.
    #[must_use]
    pub const fn fixed(cells: u16) -> Self {
        Self::natural(cells, cells)
    }

    /// The width of the content, within bounds.
    #[must_use]
    pub const fn natural(min: u16, max: u16) -> Self {
        Self { min, start: max, natural: max, most: 0, shrunk: None, turn: 0 }
    }

    /// A share of the width that the other columns leave, at least `min`.
    #[must_use]
    pub const fn share(min: u16) -> Self {
        Self { most: u16::MAX, ..Self::fixed(min) }
    }

    /// Starts with at most `cells`; other columns are served before it gets more.
    #[must_use]
    pub const fn starting_with(self, cells: u16) -> Self {
        Self { start: cells, ..self }
    }

    /// May grow beyond its content.
    #[must_use]
    pub const fn growing_to(self, cells: u16) -> Self {
        Self { most: cells, ..self }
    }

    /// May shrink to `cells` before other columns disappear, or, if it never disappears, as the last resort.
    #[must_use]
    pub const fn shrinking_to(self, cells: u16) -> Self {
        Self { shrunk: Some(cells), ..self }
    }

    /// Its place in the second distribution.
    #[must_use]
    pub const fn in_turn(self, turn: u8) -> Self {
        Self { turn, ..self }
    }
}
