//! What is known of the runs that have a journal.

use std::{sync::Arc, time::Duration};

use kreplay_model::journal::{JournalListing, JournaledRun};

/// What is known of the runs that have a journal.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum JournalFeed {
    /// Nothing lists them.
    #[default]
    Unavailable,
    /// They can be listed, and have not been.
    Unlisted,
    /// They are being listed, since this time after the console was opened. The runs of the list before stay.
    Listing(Duration, Option<Arc<JournalListing>>),
    /// They were listed.
    Listed(Arc<JournalListing>),
}

impl JournalFeed {
    /// The latest list.
    #[must_use]
    pub fn listing(&self) -> Option<&JournalListing> {
        match self {
            Self::Unavailable | Self::Unlisted => None,
            Self::Listing(_, before) => before.as_deref(),
            Self::Listed(listing) => Some(listing),
        }
    }

    /// The runs of the latest list.
    #[must_use]
    pub fn runs(&self) -> &[JournaledRun] {
        self.listing().and_then(|listing| listing.runs.as_deref().ok()).unwrap_or_default()
    }
}
