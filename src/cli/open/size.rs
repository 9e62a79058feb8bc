//! Sizes of frames.

use std::{ops::RangeInclusive, str::FromStr};

const COLUMNS: RangeInclusive<u16> = 60..=400;
const ROWS: RangeInclusive<u16> = 15..=200;

/// The size of a frame in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameSize {
    pub(super) columns: u16,
    pub(super) rows: u16,
}

impl Default for FrameSize {
    fn default() -> Self {
        Self { columns: 120, rows: 40 }
    }
}

impl FromStr for FrameSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<u16>().ok();
        let parsed = text.split_once('x').and_then(|(columns, rows)| Some((number(columns)?, number(rows)?)));
        match parsed {
            Some((columns, rows)) if COLUMNS.contains(&columns) && ROWS.contains(&rows) => Ok(Self { columns, rows }),
            _ => Err(format!("`{text}` is not a size from 60x15 to 400x200")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_bounds() {
        assert_eq!("80x24".parse(), Ok(FrameSize { columns: 80, rows: 24 }));
        for wrong in ["80", "80x", "59x24", "80x201", "-80x24", "80x24x2"] {
            assert!(wrong.parse::<FrameSize>().is_err(), "{wrong}");
        }
    }
}
