//! Colours by what they mean. A theme gives each role a look; views name roles and never colours.

use std::{path::PathBuf, str::FromStr};

use ratatui::style::{Color, Modifier, Style};
use serde::{Deserialize, Deserializer, de};

mod depth;

pub use depth::ColorDepth;
pub(super) use depth::rgb as indexed_rgb;

/// Which theme to use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ThemeChoice {
    /// Light text on a dark ground.
    #[default]
    Dark,
    /// Dark text on a light ground.
    Light,
    /// No colours: bold, dim, reversed and underlined only.
    Mono,
    /// A theme of the user's own.
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

/// A theme that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    /// The name is neither a theme's nor a file's.
    #[error("there is no theme `{0}`; use dark, light, mono or the path of a .toml file")]
    Unknown(String),
    /// The file cannot be read.
    #[error("theme {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no theme; the text names line and key.
    #[error("theme {origin}: {source}")]
    Parse {
        /// The file, or the name of a built-in theme.
        origin: String,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
}

macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident),+ $(,)?) => {
        /// The look of each role.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Theme {
            $($(#[$doc])* pub $role: Style,)+
        }

        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Roles {
            $($role: Option<Look>,)+
        }

        impl Roles {
            fn over(&self, parent: &Theme) -> Theme {
                Theme { $($role: self.$role.as_ref().map_or(parent.$role, Look::style),)+ }
            }
        }

        impl Theme {
            /// Every role by name.
            #[must_use]
            pub fn roles(&self) -> Vec<(&'static str, Style)> {
                vec![$((stringify!($role), self.$role)),+]
            }

            /// The theme with each of its colours changed.
            #[must_use]
            fn map_colours(&self, change: impl Fn(Color) -> Color) -> Self {
                let style = |style: Style| Style { fg: style.fg.map(&change), bg: style.bg.map(&change), ..style };
                Self { $($role: style(self.$role),)+ }
            }
        }
    };
}

roles! {
    /// The ground of everything, and ordinary text.
    base,
    /// Names of things beside their values, units, what can be left unread.
    muted,
    /// Values that matter most.
    strong,
    /// The bar at the very top.
    banner,
    /// Lines around panels.
    border,
    /// Lines around the panel that has the keys.
    border_focused,
    /// Titles of panels.
    title,
    /// The title of the panel that has the keys.
    title_focused,
    /// Heads of columns.
    column,
    /// The head of the column that is sorted by.
    column_sorted,
    /// The selected row.
    selected,
    /// What is going, or went, well.
    good,
    /// What happens on purpose and is worth a look: assignments, rebalances, changes.
    notice,
    /// What wants a look.
    warning,
    /// What went wrong.
    bad,
    /// The filled part of a bar.
    bar,
    /// The rest of a bar.
    bar_rest,
    /// The throughput chart and sparklines.
    chart,
    /// Axes and the lines of marks in the chart.
    axis,
    /// Names of keys.
    key,
    /// Windows in front of the dashboard.
    popup,
    /// Lines around them.
    popup_border,
    /// A text that is being typed.
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
struct Look {
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

impl Look {
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
    /// Reads the theme that was chosen.
    ///
    /// # Errors
    /// [`ThemeError`] names the file, and line and key where it can be read but not understood.
    pub fn load(choice: &ThemeChoice) -> Result<Self, ThemeError> {
        match choice {
            ThemeChoice::Dark => Self::parse("dark", include_str!("../../themes/dark.toml")),
            ThemeChoice::Light => Self::parse("light", include_str!("../../themes/light.toml")),
            ThemeChoice::Mono => Self::parse("mono", include_str!("../../themes/mono.toml")),
            ThemeChoice::File(path) => {
                let text =
                    std::fs::read_to_string(path).map_err(|source| ThemeError::Read { path: path.clone(), source })?;
                Self::parse(&path.display().to_string(), &text)
            }
        }
    }

    /// Reads a theme's text. Roles that it leaves out are its parent's.
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

    /// The theme as a terminal with so many colours can show it.
    #[must_use]
    pub fn for_depth(&self, depth: ColorDepth) -> Self {
        match depth {
            ColorDepth::True => self.clone(),
            ColorDepth::Indexed => self.map_colours(depth::nearest_indexed),
        }
    }
}
