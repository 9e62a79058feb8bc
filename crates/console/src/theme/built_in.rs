//! The themes that come with kreplay.

/// A theme file that is part of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// The name of the theme.
    pub name: &'static str,
    /// The content of its file.
    pub text: &'static str,
}

impl BuiltIn {
    /// The first sentence of the theme file: what the theme is for.
    #[must_use]
    pub fn about(&self) -> &'static str {
        let line = self.text.lines().next().unwrap_or_default();
        line.trim_start_matches(['#', ' '])
    }
}

macro_rules! built_in {
    ($($name:literal),+ $(,)?) => {
        /// All built-in themes, in the order of lists.
        pub const BUILT_IN: &[BuiltIn] =
            &[$(BuiltIn { name: $name, text: include_str!(concat!("../../../../themes/", $name, ".toml")) }),+];
    };
}

built_in![
    "dark",
    "light",
    "mono",
    "high-contrast",
    "deuteranopia",
    "tritanopia",
    "catppuccin-mocha",
    "catppuccin-latte",
    "gruvbox",
    "nord",
    "solarized-light",
    "tokyo-night",
];

/// The names of the built-in themes.
#[must_use]
pub fn names() -> Vec<&'static str> {
    BUILT_IN.iter().map(|theme| theme.name).collect()
}

pub(super) fn find(name: &str) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|theme| theme.name == name)
}
