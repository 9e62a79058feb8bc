//! What a cell shows, without its position and width.

use crate::{number::Forms, theme::Role};

/// The content of a cell and its style.
#[derive(Clone, Debug)]
pub struct Cell {
    pub(crate) content: Content,
    pub(crate) role: Role,
}

/// How a content adapts to the width of its column. Outside text must be escaped before.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// A name. It is shortened in the middle.
    Name(String),
    /// A name with an ending that is never shortened, such as an offset.
    NameWith(String, String),
    /// A number. It is shortened by its unit.
    Number(Forms),
    /// A share from 0 to 1 as a percentage, with a bar in the given style if there is room.
    Progress(f64, Role),
    /// Values over time, oldest first, as blocks relative to their maximum. The latest ones are shown.
    Trend(Vec<f32>),
}

impl Cell {
    /// A name.
    pub(crate) fn name(name: impl Into<String>, role: Role) -> Self {
        Self { content: Content::Name(name.into()), role }
    }

    /// A name with an ending that is never shortened.
    pub(crate) fn name_with(name: impl Into<String>, ending: String, role: Role) -> Self {
        Self { content: Content::NameWith(name.into(), ending), role }
    }

    /// A number.
    pub(crate) fn number(forms: Forms, role: Role) -> Self {
        Self { content: Content::Number(forms), role }
    }

    /// A share with a bar.
    pub(crate) fn progress(share: f64, bar: Role, role: Role) -> Self {
        Self { content: Content::Progress(share, bar), role }
    }

    /// Values over time.
    pub(crate) fn trend(values: Vec<f32>, role: Role) -> Self {
        Self { content: Content::Trend(values), role }
    }
}
