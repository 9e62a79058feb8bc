//! Where the layout is kept from one start to the next. The program that opens the console reads and writes the file.

use std::fmt;

/// Keeps the layout of the console for one cluster.
pub trait LayoutStore: fmt::Debug + Send + Sync {
    /// The text that was kept last; `None` if there is none.
    ///
    /// # Errors
    /// Why it cannot be read, in one sentence.
    fn load(&self) -> Result<Option<String>, String>;

    /// Replaces the text: afterwards the old one or the new one is kept, also if the process is killed.
    ///
    /// # Errors
    /// Why it is not kept, in one sentence.
    fn save(&self, text: &str) -> Result<(), String>;
}
