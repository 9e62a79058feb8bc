//! The topics to choose from: what is shown, which one the cursor is on, and which are marked.

use std::collections::BTreeSet;

use crate::feed::TopicView;

/// What the user has chosen so far among the cluster's topics.
///
/// Cursor and marks go by name: a list that is asked for again may have moved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics {
    /// Whether the window is open, if perhaps behind another one.
    pub open: bool,
    /// Whether it has opened by itself already.
    pub offered: bool,
    /// The topic under the cursor; until one is chosen, the first.
    pub selected: Option<String>,
    /// The marked topics.
    pub marked: BTreeSet<String>,
    /// What a name has to contain; empty lets all through.
    pub filter: String,
    /// The first row in view.
    pub offset: usize,
}

impl Topics {
    /// The topics that the filter lets through, by their index in the catalog.
    #[must_use]
    pub fn shown(&self, catalog: &[TopicView]) -> Vec<usize> {
        let needle = self.filter.to_lowercase();
        let passes = |topic: &TopicView| needle.is_empty() || topic.name.to_lowercase().contains(&needle);
        catalog.iter().enumerate().filter(|(_, topic)| passes(topic)).map(|(index, _)| index).collect()
    }

    /// The row under the cursor; `None` only where there are no rows.
    #[must_use]
    pub fn selected_row(&self, shown: &[usize], catalog: &[TopicView]) -> Option<usize> {
        let at = self.selected.as_ref().and_then(|selected| {
            shown.iter().position(|index| catalog.get(*index).is_some_and(|topic| topic.name == *selected))
        });
        if shown.is_empty() { None } else { Some(at.unwrap_or(0)) }
    }

    /// The first row of a view of `height` rows: where it was, moved as little as keeps the cursor in view.
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

    /// What would be replayed: the marked topics, shown or not; without marks, the one under the cursor.
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
