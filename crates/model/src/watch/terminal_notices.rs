//! Control sequences that a console writes to its terminal for others, such as the bell.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;

/// The number of sequences that wait for the console; the oldest are dropped first.
const MAX_WAITING: usize = 16;

/// Control sequences for the terminal of a console. Only the console writes to it, so that no sequence lands within a
/// frame. Clones share the sequences.
#[derive(Clone, Debug, Default)]
pub struct TerminalNotices {
    waiting: Arc<Mutex<VecDeque<String>>>,
}

impl TerminalNotices {
    /// Adds a complete sequence.
    pub fn push(&self, sequence: String) {
        let mut waiting = self.waiting.lock();
        if waiting.len() == MAX_WAITING {
            waiting.pop_front();
        }
        waiting.push_back(sequence);
    }

    /// The sequences that were added since the last call, oldest first.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        self.waiting.lock().drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_sequences_are_kept_until_they_are_taken() {
        let notices = TerminalNotices::default();
        (0..MAX_WAITING + 2).for_each(|number| notices.clone().push(number.to_string()));
        let taken = notices.take();
        assert_eq!((taken.len(), taken[0].as_str()), (MAX_WAITING, "2"));
        assert!(notices.take().is_empty());
    }
}
