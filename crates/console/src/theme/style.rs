//! The style of a role in a theme file.

use ratatui::style::{Color, Modifier, Style};
use serde::{Deserialize, Deserializer, de};

/// The style of a role.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(clippy::struct_excessive_bools, reason = "a terminal's modifiers are switches")]
pub(super) struct RoleStyle {
    fg: Option<Colour>,
    bg: Option<Colour>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    reverse: bool,
}

#[derive(Clone, Debug)]
struct Colour(Color);

impl<'de> Deserialize<'de> for Colour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| {
            de::Error::custom(format!(
                "`{text}` is not a colour; use \"#rrggbb\", a number from \"0\" to \"255\", a name such as \"blue\" or \"reset\""
            ))
        })
    }
}

impl RoleStyle {
    pub(super) fn style(&self) -> Style {
        let modifiers = [
            (self.bold, Modifier::BOLD),
            (self.dim, Modifier::DIM),
            (self.italic, Modifier::ITALIC),
            (self.underline, Modifier::UNDERLINED),
            (self.reverse, Modifier::REVERSED),
        ];
        let mut style = Style::new();
        style.fg = self.fg.as_ref().map(|colour| colour.0);
        style.bg = self.bg.as_ref().map(|colour| colour.0);
        for (on, modifier) in modifiers {
            if on {
                style = style.add_modifier(modifier);
            }
        }
        style
    }
}
