//! Reads and writes the presets of the launch form. Their file is small, so that the console waits for it.

use super::{Next, Runtime};
use crate::{ConsoleError, state::Preset, update::Event};

impl Runtime {
    /// Lists the presets.
    pub(super) fn list_presets(&mut self) -> Result<Next, ConsoleError> {
        let presets = self.presets.as_ref().map_or_else(|| Ok(Vec::new()), |store| store.load());
        self.apply(Event::Presets(presets))
    }

    /// Keeps a preset.
    pub(super) fn keep_preset(&mut self, preset: Box<Preset>, replace: bool) -> Result<Next, ConsoleError> {
        let Some(store) = &self.presets else { return Ok(Next::Continue) };
        let kept = store.keep(&preset, replace);
        self.apply(Event::PresetKept(preset, kept))
    }

    /// Deletes a preset.
    pub(super) fn delete_preset(&mut self, name: String) -> Result<Next, ConsoleError> {
        let Some(store) = &self.presets else { return Ok(Next::Continue) };
        let deleted = store.delete(&name);
        self.apply(Event::PresetDeleted(name, deleted))
    }
}
