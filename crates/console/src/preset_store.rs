//! Where the presets of the launch form are kept. The program that opens the console reads and writes the file: the
//! console itself reads no files.

use std::fmt;

use super::state::Preset;

/// What became of a preset that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresetKept {
    /// It is kept.
    Kept,
    /// Another one has its name, and was not to be replaced.
    NameTaken,
}

/// Keeps the presets of the launch form, for all clusters.
pub trait PresetStore: fmt::Debug + Send + Sync {
    /// All presets, by name.
    ///
    /// # Errors
    /// Why they cannot be read, in one sentence.
    fn load(&self) -> Result<Vec<Preset>, String>;

    /// Keeps a preset. Afterwards the old presets or the new ones are kept, also if the process is killed.
    ///
    /// # Errors
    /// Why it is not kept, in one sentence. The presets that were there are unchanged.
    fn keep(&self, preset: &Preset, replace: bool) -> Result<PresetKept, String>;

    /// Deletes the preset with a name, if there is one.
    ///
    /// # Errors
    /// Why it is not deleted, in one sentence. The presets that were there are unchanged.
    fn delete(&self, name: &str) -> Result<(), String>;
}
