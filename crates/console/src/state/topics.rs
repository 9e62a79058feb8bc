//! The topic list: filter, cursor, and marks.

use std::collections::BTreeSet;

use kreplay_model::feed::TopicView;

/// The state of the topic list.
///
/// Cursor and marks refer to names, because a reloaded list may have a different order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics {
    /// Whether the list has been opened automatically.
    pub auto_opened: bool,
    /// The topic under the cursor. `None` is the first one.
    pub selected: Option<String>,
    /// The marked topics.
    pub marked: BTreeSet<String>,
    /// The text that a name must contain; empty shows all topics.
    pub filter: String,
    /// The first visible row.
    pub offset: usize,
}

impl Topics {
    /// The topics that pass the filter, as indexes into the catalog.
    #[must_use]
    pub fn shown(&self, catalog: &[TopicView]) -> Vec<usize> {
        let needle = self.filter.to_lowercase();
        let passes = |topic: &TopicView| needle.is_empty() || topic.name.to_lowercase().contains(&needle);
        catalog.iter().enumerate().filter(|(_, topic)| passes(topic)).map(|(index, _)| index).collect()
    }

    /// The row under the cursor; `None` if there are no rows.
    #[must_use]
    pub fn selected_row(&self, shown: &[usize], catalog: &[TopicView]) -> Option<usize> {
        let at = self.selected.as_ref().and_then(|selected| {
            shown.iter().position(|index| catalog.get(*index).is_some_and(|topic| topic.name == *selected))
        });
        if shown.is_empty() { None } else { Some(at.unwrap_or(0)) }
    }

    /// The first visible row of a view of `height` rows: the previous one, moved just enough to keep the cursor
    /// visible.
    #[must_use]
    pub fn first_row(&self, shown: &[usize], catalog: &[TopicView], height: usize) -> usize {
        let selected = self.selected_row(shown, catalog).unwrap_or(0);
        let lowest = (selected + 1).saturating_sub(height);
        let last = shown.len().saturating_sub(height);
        self.offset.clamp(lowest, selected.max(lowest)).min(last)
    }

    /// Whether a topic is marked.
    #[must_use]
    pub fn is_marked(&self, topic: &TopicView) -> bool {
        self.marked.contains(&topic.name)
    }

    /// The chosen topics: the marked ones, shown or not, or without marks the one under the cursor.
    #[must_use]
    pub fn chosen<'a>(&self, catalog: &'a [TopicView]) -> Vec<&'a TopicView> {
        let marked: Vec<&TopicView> = catalog.iter().filter(|topic| self.is_marked(topic)).collect();
        if !marked.is_empty() {
            return marked;
        }
        let shown = self.shown(catalog);
        let row = self.selected_row(&shown, catalog);
        row.and_then(|row| catalog.get(*shown.get(row)?)).into_iter().collect()
    }
}
