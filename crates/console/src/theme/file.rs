//! The format of theme files.

use serde::{Deserialize, Deserializer, de};

use super::{
    built_in::{self, BuiltIn},
    role::Roles,
};

/// A theme file. Roles that it does not define are those of its parent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThemeFile {
    #[serde(default)]
    pub parent: Parent,
    /// The roles on terminals with 256 colours or more.
    #[serde(default)]
    pub roles: Roles,
    /// The roles on terminals with 16 colours.
    #[serde(default)]
    pub ansi: Roles,
}

/// Where a theme takes the roles from that it does not define. Only built-in themes can be parents.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parent {
    None,
    BuiltIn(&'static BuiltIn),
}

impl Default for Parent {
    fn default() -> Self {
        built_in::find("dark").map_or(Self::None, Self::BuiltIn)
    }
}

impl<'de> Deserialize<'de> for Parent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name == "none" {
            return Ok(Self::None);
        }
        built_in::find(&name).map(Self::BuiltIn).ok_or_else(|| {
            let names = built_in::names().join(", ");
            de::Error::custom(format!("unknown parent `{name}`; use none, {names}"))
        })
    }
}
