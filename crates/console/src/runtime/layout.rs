//! Keeps the layout from one start to the next.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    layout_store::LayoutStore,
    state::{SavedLayout, State},
};

/// The shortest time between two writes. What changed last is written when the console is closed.
const SAVE_INTERVAL: Duration = Duration::from_secs(2);

/// The layout that is kept, and when it was written.
#[derive(Debug)]
pub(super) struct KeptLayout {
    store: Arc<dyn LayoutStore>,
    kept: SavedLayout,
    saved_at: Instant,
    /// Whether a write failed, which is reported once.
    has_failed: bool,
}

impl KeptLayout {
    /// Loads the layout. The text says why it is not used, if it is not.
    pub(super) fn load(store: Arc<dyn LayoutStore>) -> (Self, Option<String>) {
        let loaded = store.load().and_then(|text| match text {
            Some(text) => SavedLayout::parse(&text).map(Some).map_err(|error| error.to_string()),
            None => Ok(None),
        });
        let (kept, problem) = match loaded {
            Ok(layout) => (layout.unwrap_or_default(), None),
            Err(reason) => (
                SavedLayout::default(),
                Some(format!("the layout of the last console on this cluster is ignored: {reason}")),
            ),
        };
        (Self { store, kept, saved_at: Instant::now(), has_failed: false }, problem)
    }

    /// The layout that was loaded.
    pub(super) fn loaded(&self) -> Option<&SavedLayout> {
        (self.kept != SavedLayout::default()).then_some(&self.kept)
    }

    /// Writes the layout if it has changed and the last write was some time ago. Returns why not, once.
    pub(super) fn keep(&mut self, state: &State) -> Option<String> {
        (self.saved_at.elapsed() >= SAVE_INTERVAL).then(|| self.save(state)).flatten()
    }

    /// Writes the layout if it has changed. Returns why not, once.
    pub(super) fn save(&mut self, state: &State) -> Option<String> {
        self.saved_at = Instant::now();
        let layout = SavedLayout::of(state, &self.kept);
        if layout == self.kept {
            return None;
        }
        let written = layout.to_text().map_err(|error| error.to_string()).and_then(|text| self.store.save(&text));
        self.kept = layout;
        let reason = written.err().filter(|_| !self.has_failed)?;
        self.has_failed = true;
        Some(format!("the layout is not kept: {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug, Default)]
    struct InMemory(Mutex<Option<String>>);

    impl LayoutStore for InMemory {
        fn load(&self) -> Result<Option<String>, String> {
            Ok(self.0.lock().unwrap().clone())
        }

        fn save(&self, text: &str) -> Result<(), String> {
            *self.0.lock().unwrap() = Some(text.to_owned());
            Ok(())
        }
    }

    #[test]
    fn a_layout_is_written_once_and_loaded_again() {
        let store = Arc::new(InMemory::default());
        let (mut layout, problem) = KeptLayout::load(store.clone());
        assert_eq!((problem, layout.loaded()), (None, None));
        let mut state = State::new(80, 24, None);
        state.user.show_empty = true;
        assert_eq!(layout.save(&state), None);
        let written = store.0.lock().unwrap().take().unwrap();
        assert_eq!(layout.save(&state), None);
        assert_eq!(*store.0.lock().unwrap(), None, "nothing has changed");
        *store.0.lock().unwrap() = Some(written);
        assert!(KeptLayout::load(store).0.loaded().is_some());
    }

    #[test]
    fn a_damaged_layout_is_ignored_with_a_reason() {
        let store = Arc::new(InMemory(Mutex::new(Some("{".to_owned()))));
        let (layout, problem) = KeptLayout::load(store);
        assert_eq!(layout.loaded(), None);
        assert!(problem.is_some_and(|text| text.contains("it is corrupt")));
    }
}
