//! Themes. A theme assigns a style to each role; the screens use roles, never colours.

mod background;
mod built_in;
mod choice;
mod contrast;
mod depth;
mod error;
mod file;
mod heat_ramp;
mod role;
mod style;

pub(crate) use background::for_background_of_terminal;
pub use built_in::{BUILT_IN, BuiltIn};
pub use choice::ThemeChoice;
pub use contrast::{Contrast, GRAPHICS_MIN_RATIO, TEXT_MIN_RATIO, measure};
pub use depth::ColorDepth;
pub use error::ThemeError;
pub use heat_ramp::HeatRamp;
pub use role::{Role, Theme};

use file::{Parent, ThemeFile};

/// A theme for terminals with many colours, and for those with 16.
struct Variants {
    rich: Theme,
    ansi: Theme,
}

impl Theme {
    /// Loads a theme with its true colours. [`ThemeChoice::Auto`] is the dark theme.
    ///
    /// # Errors
    /// [`ThemeError`] names the file, and line and key if its content is invalid.
    pub fn load(choice: &ThemeChoice) -> Result<Self, ThemeError> {
        Self::load_for(choice, ColorDepth::True)
    }

    /// Loads a theme for a terminal with the given number of colours. [`ThemeChoice::Auto`] is the dark theme.
    ///
    /// # Errors
    /// As [`Theme::load`].
    pub fn load_for(choice: &ThemeChoice, depth: ColorDepth) -> Result<Self, ThemeError> {
        let variants = match choice {
            ThemeChoice::Auto => named("dark")?,
            ThemeChoice::BuiltIn(name) => named(name)?,
            ThemeChoice::File(path) => {
                let text =
                    std::fs::read_to_string(path).map_err(|source| ThemeError::Read { path: path.clone(), source })?;
                variants(&path.display().to_string(), &text)?
            }
        };
        Ok(variants.at(depth))
    }

    /// Parses a theme. Missing roles are taken from its parent.
    ///
    /// # Errors
    /// [`ThemeError::Parse`] names line and key.
    pub fn parse(origin: &str, text: &str) -> Result<Self, ThemeError> {
        Ok(variants(origin, text)?.at(ColorDepth::True))
    }
}

impl Variants {
    fn at(self, depth: ColorDepth) -> Theme {
        match depth {
            ColorDepth::True => self.rich,
            ColorDepth::Indexed => self.rich.map_colours(depth::nearest_indexed),
            ColorDepth::Ansi => self.ansi.map_colours(depth::nearest_ansi),
        }
    }
}

fn named(name: &str) -> Result<Variants, ThemeError> {
    let built_in = built_in::find(name).ok_or_else(|| ThemeError::Unknown { name: name.to_owned() })?;
    variants(built_in.name, built_in.text)
}

fn variants(origin: &str, text: &str) -> Result<Variants, ThemeError> {
    let file: ThemeFile = toml::from_str(text)
        .map_err(|source| ThemeError::Parse { origin: origin.to_owned(), source: Box::new(source) })?;
    let Parent::BuiltIn(parent) = file.parent else {
        let rich = file.roles.over(&Theme::default());
        let ansi = file.ansi.over(&rich);
        return Ok(Variants { rich, ansi });
    };
    let parent = variants(parent.name, parent.text)?;
    Ok(Variants { rich: file.roles.over(&parent.rich), ansi: file.ansi.over(&parent.ansi) })
}

#[cfg(test)]
mod theme_test;
