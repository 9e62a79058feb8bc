//! The groups of a cluster that are watched.

mod known;

use std::collections::BTreeMap;
use std::sync::Arc;

use kreplay_model::watch::GroupType;
use kreplay_monitor::look::ListedGroup;

use self::known::KnownGroups;
use crate::selection::GroupSelection;
use crate::source::{GroupAnswer, Kind, Listed, WatchClient, WatchError};

/// The groups that are selected, as of the last list.
pub(crate) struct Groups {
    client: WatchClient,
    selection: GroupSelection,
    known: KnownGroups,
}

impl Groups {
    pub(crate) fn new(client: WatchClient, selection: GroupSelection) -> Self {
        Self { client, selection, known: KnownGroups::default() }
    }

    /// Asks through another client from now on.
    pub(crate) fn ask_through(&mut self, client: WatchClient) {
        self.client = client;
    }

    /// The selected groups, as `client` lists them. A group that it does not list any more is as in the last list that
    /// has it, until its coordinator says that it does not exist.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub(crate) async fn list(&mut self, client: &WatchClient) -> Result<Vec<ListedGroup>, WatchError> {
        self.known.take_list(client.list(&self.selection).await?);
        let missing = self.selection.names().filter(|name| !self.known.contains(name)).map(Arc::from);
        let missing: Vec<Arc<str>> = missing.collect();
        if !missing.is_empty() {
            for name in self.client.refused(&missing).await {
                self.known.add_unlisted(not_listed(name));
            }
        }
        Ok(self.known.all())
    }

    /// Describes groups and requests their committed offsets. An error of one group does not affect the others.
    pub(crate) async fn ask(&mut self, names: &[Arc<str>]) -> BTreeMap<Arc<str>, GroupAnswer> {
        let kind = |name: &Arc<str>| self.known.kind(name).unwrap_or(Kind::Classic);
        let groups: Vec<_> = names.iter().map(|name| (name.clone(), kind(name))).collect();
        let mut answers = self.client.groups(&groups).await;
        for (name, answer) in &mut answers {
            answer.coordinator = answer.coordinator.or_else(|| self.known.coordinator(name));
            self.known.take_description(name, answer.described.as_ref().err());
        }
        answers
    }
}

/// A group that exists or not: the user may not describe it.
fn not_listed(name: Arc<str>) -> Listed {
    let group = ListedGroup { group: name, group_type: GroupType::Other, protocol: String::new(), state: None };
    Listed { group, kind: Kind::Classic, coordinator: None }
}
