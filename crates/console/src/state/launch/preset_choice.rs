//! The list of presets, to load or delete one.

use super::Preset;

/// The list of presets, with a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresetChoice {
    /// The presets, by name.
    pub presets: Vec<Preset>,
    /// The index of the preset under the cursor.
    pub row: usize,
}

impl PresetChoice {
    /// The list, with the cursor on the preset with a name, or else on the first one.
    #[must_use]
    pub fn new(presets: Vec<Preset>, name: Option<&str>) -> Self {
        let row = presets.iter().position(|preset| Some(preset.name.as_str()) == name).unwrap_or(0);
        Self { presets, row }
    }

    /// The preset under the cursor.
    #[must_use]
    pub fn selected(&self) -> Option<&Preset> {
        self.presets.get(self.row)
    }

    /// Moves the cursor up (negative) or down.
    pub(crate) fn step(&mut self, by: isize) {
        self.select(self.row.saturating_add_signed(by));
    }

    /// Moves the cursor to a preset, or to the last one.
    pub(crate) fn select(&mut self, row: usize) {
        self.row = row.min(self.presets.len().saturating_sub(1));
    }
}
