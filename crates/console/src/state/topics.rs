//! The topic list: order, filter, cursor, and marks.

use std::collections::BTreeSet;

use kreplay_model::feed::TopicView;

use super::{
    FeedState,
    topic_row::{COLUMNS_OF_WATCH, TopicRow},
};
use crate::table::{TableRow as _, TableState, arrange};

/// The state of the topic list.
///
/// Cursor and marks refer to names, because a reloaded list may have a different order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topics {
    /// Whether the list has been opened automatically.
    pub auto_opened: bool,
    /// The order, the filter, and the topic under the cursor.
    pub table: TableState<String>,
    /// The marked topics.
    pub marked: BTreeSet<String>,
}

impl Topics {
    /// The table as it is shown: without a watch of groups also without the columns that it fills, whatever the user
    /// has hidden. One column at least is shown.
    #[must_use]
    pub fn shown_table(&self, feed: &FeedState) -> TableState<String> {
        let mut table = self.table.clone();
        if !feed.watched.is_on() {
            table.hidden.extend(COLUMNS_OF_WATCH);
            if table.hidden.len() == TopicRow::columns().len() {
                table.hidden.remove("topic");
            }
        }
        table
    }

    /// The rows of all topics, in the order of the catalog.
    #[must_use]
    pub fn rows<'a>(&self, feed: &'a FeedState) -> Vec<TopicRow<'a>> {
        let row = |topic: &'a TopicView| TopicRow {
            topic,
            marked: self.is_marked(topic),
            listing: feed.snapshot.listing,
            groups: feed.watched.topic(&topic.name),
        };
        feed.catalog().iter().map(row).collect()
    }

    /// The topics that pass the filter, in table order, as indexes into the catalog.
    #[must_use]
    pub fn shown(&self, feed: &FeedState) -> Vec<usize> {
        arrange(&self.table, &self.rows(feed)).shown
    }

    /// The row under the cursor; `None` if there are no rows.
    #[must_use]
    pub fn selected_row(&self, shown: &[usize], feed: &FeedState) -> Option<usize> {
        self.table.selected_row(shown, &self.rows(feed))
    }

    /// The first visible row of a view of `height` rows.
    #[must_use]
    pub fn first_row(&self, shown: &[usize], feed: &FeedState, height: usize) -> usize {
        self.table.first_row(shown, &self.rows(feed), height)
    }

    /// The topic that is `by` rows below the cursor, or above if negative; `None` if there are no rows.
    #[must_use]
    pub fn topic_at_distance(&self, feed: &FeedState, by: isize) -> Option<String> {
        self.table.key_at_distance(&self.shown(feed), &self.rows(feed), by)
    }

    /// Whether a topic is marked.
    #[must_use]
    pub fn is_marked(&self, topic: &TopicView) -> bool {
        self.marked.contains(&topic.name)
    }

    /// The selected topic if it is no longer in the list and no topic is marked. The cursor is then on another topic,
    /// which the user did not select.
    #[must_use]
    pub fn lost_selection(&self, feed: &FeedState) -> Option<&str> {
        let selected = self.table.selected.as_deref()?;
        let is_chosen = |topic: &TopicView| topic.name == selected || self.is_marked(topic);
        (!feed.catalog().iter().any(is_chosen)).then_some(selected)
    }

    /// The chosen topics: the marked ones, shown or not, or without marks the one under the cursor.
    #[must_use]
    pub fn chosen<'a>(&self, feed: &'a FeedState) -> Vec<&'a TopicView> {
        let marked: Vec<&TopicView> = feed.catalog().iter().filter(|topic| self.is_marked(topic)).collect();
        if !marked.is_empty() {
            return marked;
        }
        let shown = self.shown(feed);
        let row = self.selected_row(&shown, feed);
        row.and_then(|row| feed.catalog().get(*shown.get(row)?)).into_iter().collect()
    }
}
