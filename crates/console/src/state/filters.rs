//! The filters of tables, and the words of the help.

use super::{LineInput, State};
use crate::table::filter::FilterInput;

/// What the filter of a screen hides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filters {
    /// Rows of the partition table.
    Partitions,
    /// Topics of the list.
    Topics,
    /// Watched groups.
    Groups,
    /// Partitions of the opened group.
    GroupPartitions,
    /// Keys of the help.
    Help,
    /// Events of the log.
    Events,
    /// Hot keys.
    HotKeys,
    /// Runs that have a journal.
    Journals,
}

/// The input of a filter. The filter itself is in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterPrompt {
    /// What the filter hides.
    pub filters: Filters,
    /// The filter before the prompt was opened.
    pub before: String,
    /// The text typed so far.
    pub input: LineInput,
}

impl FilterPrompt {
    /// A prompt to change a filter.
    #[must_use]
    pub fn new(filters: Filters, text: &str) -> Self {
        Self { filters, before: text.to_owned(), input: LineInput::new(text) }
    }
}

impl State {
    /// The filter of a table; `None` for the help, which is no table.
    #[must_use]
    pub fn table_filter(&self, filters: Filters) -> Option<&FilterInput> {
        let user = &self.user;
        Some(match filters {
            Filters::Partitions => &user.table.filter,
            Filters::Topics => &user.topics.table.filter,
            Filters::Groups => &user.watch.groups.filter,
            Filters::GroupPartitions => &user.watch.partitions.filter,
            Filters::Events => &user.event_log.table.filter,
            Filters::HotKeys => &user.hot_keys.filter,
            Filters::Journals => &user.journal.filter,
            Filters::Help => return None,
        })
    }

    /// The text of a filter.
    #[must_use]
    pub fn filter_text(&self, filters: Filters) -> &str {
        self.table_filter(filters).map_or(&self.user.help_filter, FilterInput::text)
    }

    /// What the open prompt asks for.
    #[must_use]
    pub fn asked(&self) -> Option<super::Asked> {
        self.user.navigation.dialog.as_ref()?.asked()
    }

    /// The input of a filter while it is open.
    #[must_use]
    pub fn filter_prompt(&self, filters: Filters) -> Option<&FilterPrompt> {
        let dialog = self.user.navigation.dialog.as_ref()?;
        dialog.filter_prompt().filter(|prompt| prompt.filters == filters)
    }
}
