//! The colours of heat maps.

use ratatui::style::Color;

use super::Theme;

/// Colours from low to high values, whose luminance rises or falls steadily: they can be told apart with every kind of
/// colour vision, and in grey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeatRamp([Color; Self::STEPS as usize]);

impl HeatRamp {
    /// The number of colours.
    pub const STEPS: u8 = 8;

    /// The colour of a step. Steps above the last one have its colour.
    #[must_use]
    pub fn colour(&self, step: u8) -> Color {
        let [.., last] = self.0;
        self.0.get(usize::from(step)).copied().unwrap_or(last)
    }
}

impl Theme {
    /// The colours of heat maps; `None` if the theme does not define all of them, so that shades are drawn instead.
    #[must_use]
    pub fn heat_ramp(&self) -> Option<HeatRamp> {
        let Self { heat_0, heat_1, heat_2, heat_3, heat_4, heat_5, heat_6, heat_7, .. } = self;
        let mut colours = [Color::Reset; HeatRamp::STEPS as usize];
        let roles = [heat_0, heat_1, heat_2, heat_3, heat_4, heat_5, heat_6, heat_7];
        for (colour, role) in colours.iter_mut().zip(roles) {
            *colour = role.fg?;
        }
        Some(HeatRamp(colours))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::{BUILT_IN, ColorDepth, ThemeChoice, depth::known_rgb};

    /// The relative luminance by which grey values are told apart.
    fn brightness(colour: Color) -> f64 {
        let (r, g, b) = known_rgb(colour).unwrap();
        0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b)
    }

    #[test]
    fn every_ramp_rises_or_falls_steadily() {
        for built_in in BUILT_IN {
            let choice = ThemeChoice::BuiltIn(built_in.name);
            assert_eq!(Theme::load_for(&choice, ColorDepth::Ansi).unwrap().heat_ramp(), None, "{}", built_in.name);
            let ramp = Theme::load(&choice).unwrap().heat_ramp();
            assert_eq!(ramp.is_none(), built_in.name == "mono", "{}", built_in.name);
            let Some(ramp) = ramp else { continue };
            let steps: Vec<f64> = (0..HeatRamp::STEPS).map(|step| brightness(ramp.colour(step))).collect();
            let (rises, falls) = (
                steps.windows(2).all(|pair| pair[1] > pair[0] + 10.0),
                steps.windows(2).all(|pair| pair[0] > pair[1] + 10.0),
            );
            assert!(rises || falls, "{}: {steps:?}", built_in.name);
        }
    }
}
