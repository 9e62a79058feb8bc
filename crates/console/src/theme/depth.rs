//! Colour depth of a terminal.

use ratatui::style::Color;

/// The number of colours that a terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorDepth {
    /// 16 million colours.
    True,
    /// The 256 colours of xterm.
    Indexed,
}

impl ColorDepth {
    /// The colour depth according to `COLORTERM`. Without it, 256 colours are assumed, which all current terminals
    /// support.
    #[must_use]
    pub fn from_colorterm(value: Option<&str>) -> Self {
        match value {
            Some("truecolor" | "24bit") => Self::True,
            _ => Self::Indexed,
        }
    }
}

/// The channel levels of xterm's 6 × 6 × 6 colour cube, indexes 16 to 231.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The nearest of xterm's colours by RGB distance. Colours that are not RGB are returned unchanged.
pub(super) fn nearest_indexed(colour: Color) -> Color {
    let Color::Rgb(r, g, b) = colour else { return colour };
    let candidates = (16..=255_u8).map(|index| (distance(rgb(index), (r, g, b)), index));
    candidates.min().map_or(colour, |(_, index)| Color::Indexed(index))
}

/// The RGB value of an index from 16 on.
fn rgb(index: u8) -> (u8, u8, u8) {
    if index >= 232 {
        let grey = 8 + (index - 232) * 10;
        return (grey, grey, grey);
    }
    let place = index.saturating_sub(16);
    let level = |digit: u8| CUBE[usize::from(digit % 6)];
    (level(place / 36), level(place / 6), level(place))
}

fn distance(a: (u8, u8, u8), b: (u8, u8, u8)) -> u32 {
    let square = |x: u8, y: u8| u32::from(x.abs_diff(y)).pow(2);
    square(a.0, b.0) + square(a.1, b.1) + square(a.2, b.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_indexed_colour_is_nearest_to_itself() {
        for index in 16..=255_u8 {
            let (r, g, b) = rgb(index);
            let Color::Indexed(found) = nearest_indexed(Color::Rgb(r, g, b)) else { panic!("no index") };
            assert_eq!(rgb(found), (r, g, b));
        }
        assert_eq!(nearest_indexed(Color::Reset), Color::Reset);
    }

    #[test]
    fn true_colour_requires_colorterm() {
        assert_eq!(ColorDepth::from_colorterm(Some("truecolor")), ColorDepth::True);
        assert_eq!(ColorDepth::from_colorterm(Some("yes")), ColorDepth::Indexed);
        assert_eq!(ColorDepth::from_colorterm(None), ColorDepth::Indexed);
    }
}
