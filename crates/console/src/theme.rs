//! Themes. A theme assigns a style to each role; the screens use roles, never colours.

use std::{path::PathBuf, str::FromStr};

use ratatui::style::{Color, Modifier, Style};
use serde::{Deserialize, Deserializer, de};

mod depth;

pub use depth::ColorDepth;

/// The choice of a theme.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ThemeChoice {
    /// Light text on a dark background.
    #[default]
    Dark,
    /// Dark text on a light background.
    Light,
    /// No colours, only bold, dim, reverse, and underline.
    Mono,
    /// A theme file.
    File(PathBuf),
}

impl FromStr for ThemeChoice {
    type Err = ThemeError;

    fn from_str(text: &str) -> Result<Self, ThemeError> {
        match text {
            "dark" => Ok(Self::Dark),
            "light" => Ok(Self::Light),
            "mono" => Ok(Self::Mono),
            path if path.contains('/') || PathBuf::from(path).extension().is_some_and(|ending| ending == "toml") => {
                Ok(Self::File(path.into()))
            }
            _ => Err(ThemeError::Unknown(text.to_owned())),
        }
    }
}

/// A theme that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    /// Neither the name of a theme nor a file.
    #[error("unknown theme `{0}`; use dark, light, mono or the path of a .toml file")]
    Unknown(String),
    /// The file cannot be read.
    #[error("theme {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error.
        source: std::io::Error,
    },
    /// The file is not a valid theme. The error names line and key.
    #[error("theme {origin}: {source}")]
    Parse {
        /// The file, or the name of a built-in theme.
        origin: String,
        /// The error with its location.
        source: Box<toml::de::Error>,
    },
}

macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident),+ $(,)?) => {
        /// The style of each role.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Theme {
            $($(#[$doc])* pub $role: Style,)+
        }

        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Roles {
            $($role: Option<RoleStyle>,)+
        }

        impl Roles {
            fn over(&self, parent: &Theme) -> Theme {
                Theme { $($role: self.$role.as_ref().map_or(parent.$role, RoleStyle::style),)+ }
            }
        }

        impl Theme {
            /// All roles by name.
            #[must_use]
            pub fn roles(&self) -> Vec<(&'static str, Style)> {
                vec![$((stringify!($role), self.$role)),+]
            }

            /// The theme with `change` applied to each colour.
            #[must_use]
            fn map_colours(&self, change: impl Fn(Color) -> Color) -> Self {
                let style = |style: Style| Style { fg: style.fg.map(&change), bg: style.bg.map(&change), ..style };
                Self { $($role: style(self.$role),)+ }
            }
        }
    };
}

/// A style that is chosen when the theme is known.
pub type Role = fn(&Theme) -> Style;

roles! {
    /// The background, and ordinary text.
    base,
    /// Labels, units, and secondary text.
    muted,
    /// The most important values.
    strong,
    /// The banner at the top.
    banner,
    /// Panel borders.
    border,
    /// The border of the focused panel.
    border_focused,
    /// Panel titles.
    title,
    /// The title of the focused panel.
    title_focused,
    /// Column headings.
    column,
    /// The heading of the sort column.
    column_sorted,
    /// The selected row.
    selected,
    /// Success.
    good,
    /// Notable but intended: assignments, rebalances, changes.
    notice,
    /// Warnings.
    warning,
    /// Errors.
    bad,
    /// The filled part of a bar.
    bar,
    /// The rest of a bar.
    bar_rest,
    /// The throughput chart and sparklines.
    chart,
    /// Axes and mark lines in the chart.
    axis,
    /// Key names.
    key,
    /// Windows in front of the dashboard.
    popup,
    /// Window borders.
    popup_border,
    /// Text input.
    input,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ThemeFile {
    #[serde(default)]
    parent: Parent,
    #[serde(default)]
    roles: Roles,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Parent {
    #[default]
    Dark,
    Light,
    Mono,
    None,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(clippy::struct_excessive_bools, reason = "a terminal's modifiers are switches")]
struct RoleStyle {
    fg: Option<Colour>,
    bg: Option<Colour>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    reverse: bool,
}

#[derive(Debug)]
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
    fn style(&self) -> Style {
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

impl Theme {
    /// Loads a theme.
    ///
    /// # Errors
    /// [`ThemeError`] names the file, and line and key if its content is invalid.
    pub fn load(choice: &ThemeChoice) -> Result<Self, ThemeError> {
        match choice {
            ThemeChoice::Dark => Self::parse("dark", include_str!("../../../themes/dark.toml")),
            ThemeChoice::Light => Self::parse("light", include_str!("../../../themes/light.toml")),
            ThemeChoice::Mono => Self::parse("mono", include_str!("../../../themes/mono.toml")),
            ThemeChoice::File(path) => {
                let text =
                    std::fs::read_to_string(path).map_err(|source| ThemeError::Read { path: path.clone(), source })?;
                Self::parse(&path.display().to_string(), &text)
            }
        }
    }

    /// Parses a theme. Missing roles are taken from its parent.
    ///
    /// # Errors
    /// [`ThemeError::Parse`] names line and key.
    pub fn parse(origin: &str, text: &str) -> Result<Self, ThemeError> {
        let file: ThemeFile = toml::from_str(text)
            .map_err(|source| ThemeError::Parse { origin: origin.to_owned(), source: Box::new(source) })?;
        let parent = match file.parent {
            Parent::None => Self::default(),
            Parent::Dark => Self::load(&ThemeChoice::Dark)?,
            Parent::Light => Self::load(&ThemeChoice::Light)?,
            Parent::Mono => Self::load(&ThemeChoice::Mono)?,
        };
        Ok(file.roles.over(&parent))
    }

    /// The theme converted to the colours that the terminal can show.
    #[must_use]
    pub fn for_depth(&self, depth: ColorDepth) -> Self {
        match depth {
            ColorDepth::True => self.clone(),
            ColorDepth::Indexed => self.map_colours(depth::nearest_indexed),
        }
    }
}
