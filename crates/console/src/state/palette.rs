//! The palette: a line of text, and the entries that it finds.

use std::sync::Arc;

use super::LineInput;

mod entry;
mod fuzzy;
mod verb;

pub use entry::{PaletteEntry, PaletteItem};
use fuzzy::{Match, find};
pub use verb::Verb;

/// An entry that the text finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The entry.
    pub entry: Arc<PaletteEntry>,
    /// The characters of the entry's text that were found, as indexes of characters.
    pub marks: Vec<usize>,
}

/// The palette. The entries are those of the moment at which it was opened, so that none moves under the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Palette {
    /// The text typed so far.
    pub input: LineInput,
    /// Why the selected entry was rejected.
    pub error: Option<String>,
    /// All entries, in the order in which they are listed without a text.
    entries: Arc<[Arc<PaletteEntry>]>,
    /// The entries that the text finds, the best first.
    hits: Vec<Hit>,
    /// The selected hit.
    selected: usize,
    /// Whether the user has moved the selection since the text was changed.
    moved: bool,
}

impl Palette {
    /// A palette without a text. It lists all entries.
    #[must_use]
    pub fn new(entries: Vec<PaletteEntry>) -> Self {
        let entries: Arc<[Arc<PaletteEntry>]> = entries.into_iter().map(Arc::new).collect();
        let mut palette =
            Self { input: LineInput::default(), error: None, entries, hits: Vec::new(), selected: 0, moved: false };
        palette.search(None);
        palette
    }

    /// The command that the text begins with, and its argument.
    #[must_use]
    pub fn command(&self) -> Option<(Verb, &str)> {
        Verb::split(self.input.text())
    }

    /// The hits, the best first.
    #[must_use]
    pub fn hits(&self) -> &[Hit] {
        &self.hits
    }

    /// The index of the selected hit. Without hits, it is 0.
    #[must_use]
    pub fn selected_row(&self) -> usize {
        self.selected
    }

    /// The selected hit.
    #[must_use]
    pub fn selected(&self) -> Option<&Hit> {
        self.hits.get(self.selected)
    }

    /// Finds the entries for the text. `typed` is the entry that the text itself stands for; it becomes the first one.
    pub(crate) fn search(&mut self, typed: Option<PaletteEntry>) {
        let (verb, text) = match Verb::split(self.input.text()) {
            Some((verb, argument)) => (Some(verb), argument.to_owned()),
            None => (None, self.input.text().to_owned()),
        };
        let is_candidate =
            |entry: &&Arc<PaletteEntry>| entry.argument_of == verb || (verb.is_none() && !entry.only_typed);
        let found =
            self.entries.iter().filter(is_candidate).filter_map(|entry| Some((entry, find(&text, &entry.text)?)));
        let mut found: Vec<(&Arc<PaletteEntry>, Match)> = found.collect();
        // The sort is stable: equally good entries keep their order.
        found.sort_by_key(|(entry, hit)| (entry.name != text, -hit.score));
        let typed = typed.map(|entry| Hit { entry: Arc::new(entry), marks: Vec::new() });
        let found = found.into_iter().map(|(entry, hit)| Hit { entry: Arc::clone(entry), marks: hit.marks });
        self.hits = typed.into_iter().chain(found).collect();
        (self.selected, self.moved, self.error) = (0, false, None);
    }

    /// Moves the selection up (negative) or down.
    pub(crate) fn step(&mut self, by: isize) {
        self.select(self.selected.saturating_add_signed(by));
    }

    /// Selects a hit, or the last one.
    pub(crate) fn select(&mut self, row: usize) {
        self.selected = row.min(self.hits.len().saturating_sub(1));
        (self.moved, self.error) = (true, None);
    }

    /// The whole text of which the input is the beginning, if the selected hit has one: what completion makes of it.
    #[must_use]
    pub fn completion(&self) -> Option<String> {
        let entry = &self.selected()?.entry;
        let whole = match (self.command(), entry.argument_of) {
            (Some((verb, _)), _) => format!("{} {}", verb.name(), entry.name),
            (None, Some(verb)) if entry.only_typed => format!("{} {}", verb.name(), entry.name),
            (None, _) => entry.name.clone(),
        };
        (whole != self.input.text()).then_some(whole)
    }

    /// What completion adds at the end of the input, if it only adds something.
    #[must_use]
    pub fn ghost(&self) -> Option<String> {
        let text = self.input.text();
        let rest = self.completion()?.strip_prefix(text)?.to_owned();
        (self.input.is_at_end() && !text.is_empty() && !rest.is_empty()).then_some(rest)
    }

    /// The theme under the cursor. One that only matches best so far is not meant.
    #[must_use]
    pub fn previewed_theme(&self) -> Option<&'static str> {
        let is_meant = self.moved || self.command().is_some_and(|(verb, _)| verb == Verb::Theme);
        match self.selected()?.entry.item {
            PaletteItem::Theme(name) if is_meant => Some(name),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn theme(name: &'static str) -> PaletteEntry {
        PaletteEntry::of_argument(PaletteItem::Theme(name), Verb::Theme, "theme", name)
    }

    fn palette(text: &str) -> Palette {
        let column = PaletteEntry {
            only_typed: true,
            ..PaletteEntry::of_argument(PaletteItem::Sort("lag"), Verb::Sort, "sort", "lag")
        };
        let mut palette = Palette::new(vec![
            PaletteEntry::of_verb(Verb::Theme),
            theme("dark"),
            theme("nord"),
            theme("catppuccin-mocha"),
            column,
        ]);
        palette.input.set(text);
        palette.search(None);
        palette
    }

    fn names(palette: &Palette) -> Vec<&str> {
        palette.hits().iter().map(|hit| hit.entry.name.as_str()).collect()
    }

    #[test]
    fn without_a_text_all_entries_are_listed_in_their_order() {
        assert_eq!(names(&palette("")), ["theme ", "dark", "nord", "catppuccin-mocha"]);
    }

    #[test]
    fn after_a_command_only_its_arguments_are_found() {
        assert_eq!(names(&palette("theme ")), ["dark", "nord", "catppuccin-mocha"]);
        assert_eq!(names(&palette("theme nrd")), ["nord"]);
        assert_eq!(names(&palette("sort ")), ["lag"]);
        assert_eq!(names(&palette("lag")), [""; 0], "a column is only an argument");
    }

    #[test]
    fn the_end_of_the_selected_entry_is_shown_where_it_only_adds_something() {
        assert_eq!(palette("theme no").ghost().as_deref(), Some("rd"));
        assert_eq!(palette("da").ghost().as_deref(), Some("rk"));
        assert_eq!((palette("theme nrd").ghost(), palette("theme nord").ghost()), (None, None));
        assert_eq!(palette("theme nrd").completion().as_deref(), Some("theme nord"));
        let mut in_the_middle = palette("da");
        in_the_middle.input.edit(super::super::Edit::Left);
        assert_eq!(in_the_middle.ghost(), None);
    }

    #[test]
    fn a_theme_is_previewed_once_it_is_meant() {
        assert_eq!(palette("nor").previewed_theme(), None);
        assert_eq!(palette("theme nor").previewed_theme(), Some("nord"));
        let mut moved = palette("");
        moved.step(2);
        assert_eq!(moved.previewed_theme(), Some("nord"));
        moved.step(-2);
        assert_eq!(moved.previewed_theme(), None);
    }

    proptest! {
        #[test]
        fn the_selection_is_always_a_hit(text in "(theme |sort )?[a-z ]{0,6}", steps in prop::collection::vec(-9..9_isize, 0..6)) {
            let mut palette = palette(&text);
            for by in steps {
                palette.step(by);
                prop_assert_eq!(palette.selected().is_some(), !palette.hits().is_empty());
            }
        }
    }
}
