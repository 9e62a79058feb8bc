//! Colour depth of a terminal.

use ratatui::style::Color;

/// The number of colours that a terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorDepth {
    /// 16 million colours.
    True,
    /// The 256 colours of xterm.
    Indexed,
    /// The 16 colours of ANSI, which the terminal defines.
    Ansi,
}

impl ColorDepth {
    /// The colour depth according to the environment variables `COLORTERM` and `TERM`.
    ///
    /// Terminals that show only 16 colours are known by name; all others are taken to have 256, as all current ones do.
    #[must_use]
    pub fn from_environment(colorterm: Option<&str>, term: Option<&str>) -> Self {
        if matches!(colorterm, Some("truecolor" | "24bit")) {
            return Self::True;
        }
        let term = term.unwrap_or_default();
        if term.ends_with("-direct") {
            Self::True
        } else if term.contains("16color") || ["linux", "ansi", "cygwin", "vt100", "vt220"].contains(&term) {
            Self::Ansi
        } else {
            Self::Indexed
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

/// xterm's defaults for the 16 colours of ANSI. Terminals define their own, which are usually close.
const ANSI: [(Color, (u8, u8, u8)); 16] = [
    (Color::Black, (0, 0, 0)),
    (Color::Red, (205, 0, 0)),
    (Color::Green, (0, 205, 0)),
    (Color::Yellow, (205, 205, 0)),
    (Color::Blue, (0, 0, 238)),
    (Color::Magenta, (205, 0, 205)),
    (Color::Cyan, (0, 205, 205)),
    (Color::Gray, (229, 229, 229)),
    (Color::DarkGray, (127, 127, 127)),
    (Color::LightRed, (255, 0, 0)),
    (Color::LightGreen, (0, 255, 0)),
    (Color::LightYellow, (255, 255, 0)),
    (Color::LightBlue, (92, 92, 255)),
    (Color::LightMagenta, (255, 0, 255)),
    (Color::LightCyan, (0, 255, 255)),
    (Color::White, (255, 255, 255)),
];

/// The nearest of the 16 colours of ANSI by RGB distance. Colours that the terminal defines are returned unchanged.
pub(super) fn nearest_ansi(colour: Color) -> Color {
    let Some(wanted) = known_rgb(colour) else { return colour };
    let nearest = ANSI.into_iter().min_by_key(|(_, shown)| distance(*shown, wanted));
    nearest.map_or(colour, |(name, _)| name)
}

/// The RGB value of a colour that does not depend on the terminal.
pub(super) fn known_rgb(colour: Color) -> Option<(u8, u8, u8)> {
    match colour {
        Color::Rgb(r, g, b) => Some((r, g, b)),
        Color::Indexed(index) if index >= 16 => Some(rgb(index)),
        _ => None,
    }
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
    fn every_ansi_colour_is_nearest_to_itself() {
        for (name, (r, g, b)) in ANSI {
            assert_eq!(nearest_ansi(Color::Rgb(r, g, b)), name);
            assert_eq!(nearest_ansi(name), name);
        }
        assert_eq!(nearest_ansi(Color::Indexed(196)), Color::LightRed);
    }

    #[test]
    fn the_environment_tells_the_depth() {
        for (colorterm, term, depth) in [
            (Some("truecolor"), Some("linux"), ColorDepth::True),
            (Some("yes"), Some("xterm-256color"), ColorDepth::Indexed),
            (None, Some("xterm-direct"), ColorDepth::True),
            (None, Some("linux"), ColorDepth::Ansi),
            (None, Some("screen-16color"), ColorDepth::Ansi),
            (None, None, ColorDepth::Indexed),
        ] {
            assert_eq!(ColorDepth::from_environment(colorterm, term), depth, "{colorterm:?} {term:?}");
        }
    }
}
