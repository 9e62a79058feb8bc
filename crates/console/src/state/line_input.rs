//! A line of text that is being typed, with a cursor.

use tui_input::{Input, InputRequest};

/// Maximum length of the text in bytes. A list of 16 topics with the longest names fits.
const MAX_BYTES: usize = 4 << 10;

/// A step of editing. It moves over, or deletes, whole graphemes or words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Moves the cursor to the left.
    Left,
    /// Moves the cursor to the right.
    Right,
    /// Moves the cursor to the beginning of the word, or of the one before.
    WordLeft,
    /// Moves the cursor to the beginning of the next word.
    WordRight,
    /// Moves the cursor to the beginning of the line.
    Start,
    /// Moves the cursor to the end of the line.
    End,
    /// Deletes the grapheme before the cursor.
    DeleteLeft,
    /// Deletes the grapheme after the cursor.
    DeleteRight,
    /// Deletes the word before the cursor.
    DeleteWord,
    /// Deletes the line.
    DeleteAll,
}

/// A line of text and the place of the cursor in it. It has no control characters and is bounded in length.
#[derive(Clone, Debug, Default)]
pub struct LineInput(Input);

impl PartialEq for LineInput {
    fn eq(&self, other: &Self) -> bool {
        (self.text(), self.0.cursor()) == (other.text(), other.0.cursor())
    }
}

impl Eq for LineInput {}

impl LineInput {
    /// A line with the cursor at its end.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Input::new(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.value()
    }

    /// The text before the cursor, and the text after it.
    #[must_use]
    pub fn parts(&self) -> (&str, &str) {
        let text = self.text();
        let at = text.char_indices().nth(self.0.cursor()).map_or(text.len(), |(at, _)| at);
        text.split_at(at)
    }

    /// Whether the cursor is at the end of the line.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.parts().1.is_empty()
    }

    /// Inserts a character at the cursor. Ignores control characters, and those for which there is no room.
    pub(crate) fn insert(&mut self, c: char) {
        if !c.is_control() && self.text().len() + c.len_utf8() <= MAX_BYTES {
            self.0.handle(InputRequest::InsertChar(c));
        }
    }

    /// Makes a step of editing.
    pub(crate) fn edit(&mut self, edit: Edit) {
        let request = match edit {
            Edit::Left => InputRequest::GoToPrevChar,
            Edit::Right => InputRequest::GoToNextChar,
            Edit::WordLeft => InputRequest::GoToPrevWord,
            Edit::WordRight => InputRequest::GoToNextWord,
            Edit::Start => InputRequest::GoToStart,
            Edit::End => InputRequest::GoToEnd,
            Edit::DeleteLeft => InputRequest::DeletePrevChar,
            Edit::DeleteRight => InputRequest::DeleteNextChar,
            Edit::DeleteWord => InputRequest::DeletePrevWord,
            Edit::DeleteAll => InputRequest::DeleteLine,
        };
        self.0.handle(request);
    }

    /// Replaces the text, and moves the cursor to its end.
    pub(crate) fn set(&mut self, text: &str) {
        let mut kept: String = text.chars().filter(|c| !c.is_control()).collect();
        while kept.len() > MAX_BYTES {
            kept.pop();
        }
        self.0 = Input::new(kept);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_segmentation::UnicodeSegmentation as _;

    use super::*;

    const EDITS: [Edit; 10] = [
        Edit::Left,
        Edit::Right,
        Edit::WordLeft,
        Edit::WordRight,
        Edit::Start,
        Edit::End,
        Edit::DeleteLeft,
        Edit::DeleteRight,
        Edit::DeleteWord,
        Edit::DeleteAll,
    ];

    #[test]
    fn words_are_moved_over_and_deleted() {
        let mut line = LineInput::new("lag>1k old orders");
        line.edit(Edit::WordLeft);
        assert_eq!(line.parts().1, "orders");
        line.edit(Edit::Start);
        line.edit(Edit::DeleteRight);
        assert_eq!(line.text(), "ag>1k old orders");
        line.edit(Edit::End);
        line.edit(Edit::DeleteWord);
        assert_eq!((line.text(), line.is_at_end()), ("ag>1k old ", true));
        line.edit(Edit::DeleteAll);
        assert_eq!(line.text(), "");
    }

    #[test]
    fn text_is_bounded_and_without_control_characters() {
        let mut line = LineInput::default();
        line.set(&"x\u{1b}".repeat(10_000));
        assert_eq!((line.text(), line.is_at_end()), ("x".repeat(MAX_BYTES).as_str(), true));
        line.insert('x');
        line.insert('\u{1b}');
        assert_eq!(line.text().len(), MAX_BYTES);
        line.set(&format!("a{}", "\u{301}".repeat(10_000)));
        assert!(line.text().len() <= MAX_BYTES, "{}", line.text().len());
        line.edit(Edit::DeleteAll);
        line.insert('\u{1b}');
        assert_eq!(line.text(), "");
    }

    proptest! {
        /// Compared with a list of graphemes of one character each, and the number of those before the cursor.
        #[test]
        fn editing_behaves_like_a_list_of_characters(
            steps in prop::collection::vec(prop_oneof![
                any::<prop::sample::Index>().prop_map(|at| Err(*at.get(&EDITS[..2]))),
                any::<prop::sample::Index>().prop_map(|at| Err(*at.get(&EDITS[4..8]))),
                prop::char::range('a', 'z').prop_map(Ok),
            ], 0..60),
        ) {
            let (mut line, mut model, mut cursor) = (LineInput::default(), Vec::new(), 0_usize);
            for step in steps {
                match step {
                    Ok(c) => {
                        line.insert(c);
                        model.insert(cursor, c);
                        cursor += 1;
                    }
                    Err(edit) => {
                        line.edit(edit);
                        match edit {
                            Edit::Left => cursor = cursor.saturating_sub(1),
                            Edit::Right => cursor = (cursor + 1).min(model.len()),
                            Edit::Start => cursor = 0,
                            Edit::End => cursor = model.len(),
                            Edit::DeleteLeft if cursor > 0 => {
                                cursor -= 1;
                                model.remove(cursor);
                            }
                            Edit::DeleteRight if cursor < model.len() => drop(model.remove(cursor)),
                            _ => {}
                        }
                    }
                }
                let text: String = model.iter().collect();
                prop_assert_eq!(line.parts(), text.split_at(cursor));
            }
        }

        #[test]
        fn the_cursor_stays_between_graphemes(
            text in "(♻️|👨‍👩‍👧‍👦|🇨🇭|e\u{301}|名|a| |-){0,12}",
            edits in prop::collection::vec(prop::sample::select(EDITS.to_vec()), 0..30),
        ) {
            let mut line = LineInput::new(text);
            for edit in edits {
                line.edit(edit);
                let (before, _) = line.parts();
                let is_boundary = line.text().grapheme_indices(true).any(|(at, _)| at == before.len());
                prop_assert!(is_boundary || line.is_at_end(), "{:?}", line.parts());
            }
        }
    }
}
