//! Steps of moving, in rows or pages.

/// A step of moving.
#[derive(Clone, Copy, Debug)]
pub(super) enum Motion {
    Up,
    Down,
    HalfPageUp,
    HalfPageDown,
    PageUp,
    PageDown,
    Top,
    Bottom,
}

impl Motion {
    /// The number of rows, downwards if positive, where `page` rows are visible at once.
    pub(super) fn rows(self, page: usize) -> isize {
        let full = isize::try_from(page.max(1)).unwrap_or(isize::MAX);
        match self {
            Self::Up => -1,
            Self::Down => 1,
            Self::HalfPageUp => -(full / 2).max(1),
            Self::HalfPageDown => (full / 2).max(1),
            Self::PageUp => -full,
            Self::PageDown => full,
            Self::Top => isize::MIN,
            Self::Bottom => isize::MAX,
        }
    }
}
