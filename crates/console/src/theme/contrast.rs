//! Contrast between the text of a theme and what is behind it.
//!
//! The ratio is that of the Web Content Accessibility Guidelines 2.1, success criteria 1.4.3 (text) and 1.4.11
//! (graphics): <https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio>.

use ratatui::style::{Color, Style};

use super::{Theme, depth};

/// The smallest contrast of text at level AA.
pub const TEXT_MIN_RATIO: f64 = 4.5;
/// The smallest contrast of graphics that carry information: bars, charts, the border of the focused panel.
pub const GRAPHICS_MIN_RATIO: f64 = 3.0;

/// A role on a background on which it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Contrast {
    /// The role of the text or line.
    pub role: &'static str,
    /// The role whose background is behind it.
    pub on: &'static str,
    /// The contrast ratio, 1 to 21.
    pub ratio: f64,
    /// The smallest ratio that is enough.
    pub required: f64,
}

impl Contrast {
    /// Whether the contrast is enough.
    #[must_use]
    pub fn suffices(&self) -> bool {
        self.ratio >= self.required
    }
}

/// What is drawn where: roles, the backgrounds behind them, and the smallest ratio. Borders of panels without focus and
/// the empty part of bars separate and carry no information.
const DRAWN: [(&[&str], &[&str], f64); 6] = [
    (
        &["base", "muted", "strong", "good", "notice", "warning", "bad"],
        &["base", "banner", "popup", "selected"],
        TEXT_MIN_RATIO,
    ),
    (&["title", "title_focused", "column", "column_sorted"], &["base", "popup"], TEXT_MIN_RATIO),
    (&["key"], &["base", "banner", "popup"], TEXT_MIN_RATIO),
    (&["axis"], &["base"], TEXT_MIN_RATIO),
    (&["banner", "popup", "input"], &[], TEXT_MIN_RATIO),
    (&["border_focused", "bar", "chart"], &["base"], GRAPHICS_MIN_RATIO),
];

/// The contrast of each role on each background on which it is drawn.
///
/// Colours that the terminal defines (names such as `blue`, `reset`) have no known ratio and are left out.
#[must_use]
pub fn measure(theme: &Theme) -> Vec<Contrast> {
    let roles = theme.roles();
    let style = |name: &str| roles.iter().find(|(role, _)| *role == name).map(|(role, style)| (*role, *style));
    let mut found = Vec::new();
    for (drawn, behind, required) in DRAWN {
        for (role, text) in drawn.iter().filter_map(|name| style(name)) {
            if behind.is_empty() {
                found.extend(between(text, text).map(|ratio| Contrast { role, on: role, ratio, required }));
            }
            for (on, background) in behind.iter().filter_map(|name| style(name)) {
                found.extend(between(text, background).map(|ratio| Contrast { role, on, ratio, required }));
            }
        }
    }
    found
}

fn between(text: Style, background: Style) -> Option<f64> {
    let (text, background) = (luminance(text.fg?)?, luminance(background.bg?)?);
    Some((text.max(background) + 0.05) / (text.min(background) + 0.05))
}

/// The relative luminance of a colour, 0 (black) to 1 (white), if the colour does not depend on the terminal.
fn luminance(colour: Color) -> Option<f64> {
    let (r, g, b) = depth::known_rgb(colour)?;
    let linear = |channel: u8| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    Some(0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::{BUILT_IN, ThemeChoice};

    #[test]
    fn black_on_white_has_the_largest_ratio() {
        let style = |fg, bg| Style::new().fg(fg).bg(bg);
        let black_on_white = style(Color::Rgb(0, 0, 0), Color::Rgb(255, 255, 255));
        assert!((between(black_on_white, black_on_white).unwrap() - 21.0).abs() < 1e-9);
        // The reference value of #767676 on white, the lightest grey that is enough for text.
        let grey = style(Color::Rgb(0x76, 0x76, 0x76), Color::Rgb(255, 255, 255));
        assert!((between(grey, grey).unwrap() - 4.54).abs() < 0.005);
        assert_eq!(between(style(Color::Blue, Color::Black), black_on_white), None);
    }

    #[test]
    fn every_built_in_theme_has_enough_contrast() {
        for built_in in BUILT_IN {
            let measured = measure(&Theme::load(&ThemeChoice::BuiltIn(built_in.name)).unwrap());
            let short: Vec<_> = measured.iter().filter(|contrast| !contrast.suffices()).collect();
            assert!(short.is_empty(), "{}: {short:#?}", built_in.name);
            assert_eq!(measured.is_empty(), built_in.name == "mono", "{}", built_in.name);
        }
    }

    #[test]
    fn the_high_contrast_theme_reaches_level_aaa() {
        let theme = Theme::load(&ThemeChoice::BuiltIn("high-contrast")).unwrap();
        let text = measure(&theme).into_iter().filter(|contrast| contrast.required >= TEXT_MIN_RATIO);
        let lowest = text.map(|contrast| contrast.ratio).fold(f64::INFINITY, f64::min);
        assert!(lowest >= 7.0, "{lowest}");
    }

    #[test]
    fn good_and_bad_differ_in_luminance_or_hue_for_every_kind_of_colour_vision() {
        for name in ["deuteranopia", "tritanopia"] {
            let theme = Theme::load(&ThemeChoice::BuiltIn(name)).unwrap();
            let rgb = |style: Style| depth::known_rgb(style.fg.unwrap()).unwrap();
            let (good, bad) = (rgb(theme.good), rgb(theme.bad));
            // Without red-green vision, blue against yellow remains; without blue vision, red against green does.
            let seen = |(r, g, b): (u8, u8, u8)| {
                let (r, g, b) = (i32::from(r), i32::from(g), i32::from(b));
                if name == "tritanopia" { r - g } else { b - i32::midpoint(r, g) }
            };
            assert!((seen(good) - seen(bad)).abs() > 100, "{name}: {good:?} {bad:?}");
        }
    }
}
