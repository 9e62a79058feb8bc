//! The groups of a cluster that are watched.

use std::collections::BTreeMap;
use std::sync::Arc;

use kreplay_model::watch::GroupType;
use kreplay_monitor::look::ListedGroup;

use crate::selection::GroupSelection;
use crate::source::{GroupAnswer, Kind, Listed, WatchClient, WatchError};

/// The groups that are selected, as of the last list.
pub(crate) struct Groups {
    client: WatchClient,
    selection: GroupSelection,
    known: BTreeMap<Arc<str>, Listed>,
}

impl Groups {
    pub(crate) fn new(client: WatchClient, selection: GroupSelection) -> Self {
        Self { client, selection, known: BTreeMap::new() }
    }

    /// The selected groups, as `client` lists them. Those of a broker that does not answer are as in the list before.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub(crate) async fn list(&mut self, client: &WatchClient) -> Result<Vec<ListedGroup>, WatchError> {
        let listing = client.list(&self.selection).await?;
        let mut known = listing.groups;
        for (name, group) in std::mem::take(&mut self.known) {
            if listing.missing.may_have(&group) {
                known.entry(name).or_insert(group);
            }
        }
        let missing = self.selection.names().filter(|name| !known.contains_key(*name)).map(Arc::from);
        let missing: Vec<Arc<str>> = missing.collect();
        if !missing.is_empty() {
            for name in self.client.refused(&missing).await {
                known.insert(name.clone(), not_listed(name));
            }
        }
        self.known = known;
        Ok(self.known.values().map(|known| known.group.clone()).collect())
    }

    /// Describes groups and requests their committed offsets. An error of one group does not affect the others.
    pub(crate) async fn ask(&self, names: &[Arc<str>]) -> BTreeMap<Arc<str>, GroupAnswer> {
        let kind = |name: &Arc<str>| self.known.get(name).map_or(Kind::Classic, |known| known.kind);
        let groups: Vec<_> = names.iter().map(|name| (name.clone(), kind(name))).collect();
        let mut answers = self.client.groups(&groups).await;
        for (name, answer) in &mut answers {
            let listed = self.known.get(name).and_then(|known| known.coordinator);
            answer.coordinator = answer.coordinator.or(listed);
        }
        answers
    }
}

/// A group that exists or not: the user may not describe it.
fn not_listed(name: Arc<str>) -> Listed {
    let group = ListedGroup { group: name, group_type: GroupType::Other, protocol: String::new(), state: None };
    Listed { group, kind: Kind::Classic, coordinator: None }
}
