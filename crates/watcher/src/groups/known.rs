//! Which groups exist, as lists and descriptions say.

use std::collections::BTreeMap;
use std::sync::Arc;

use kreplay_model::watch::Reason;
use kreplay_monitor::look::ListedGroup;

use crate::source::{Kind, Listed, Listing};

/// The groups that exist as far as is known.
///
/// While a group moves to another coordinator, no broker may list it: the former coordinator has left the cluster, and
/// the new one answers with an error, or without the group because it has not begun to load it. So a list that lacks a
/// group does not end it; an answer of its coordinator that it does not exist does.
#[derive(Debug, Default)]
pub(super) struct KnownGroups(BTreeMap<Arc<str>, Known>);

#[derive(Debug)]
struct Known {
    group: Listed,
    /// Whether the last list has it.
    is_listed: bool,
    existence: Existence,
}

/// What descriptions say about the existence of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Existence {
    /// Nothing against it.
    Assumed,
    /// The last list lacks the group, and its description cannot be obtained, such as for lack of a permission.
    NotVisible,
    /// Its coordinator says that it does not exist.
    Denied,
}

impl KnownGroups {
    /// Takes a list. Groups that it lacks are kept unless their coordinators have denied them.
    pub(super) fn take_list(&mut self, listing: Listing) {
        let Listing { groups, missing } = listing;
        let listed = |(name, group)| (name, Known { group, is_listed: true, existence: Existence::Assumed });
        let before = std::mem::replace(&mut self.0, groups.into_iter().map(listed).collect());
        for (name, known) in before {
            let is_kept = match known.existence {
                Existence::Assumed => true,
                Existence::NotVisible => missing.may_have(&known.group),
                Existence::Denied => false,
            };
            if is_kept {
                self.0.entry(name).or_insert(Known { is_listed: false, ..known });
            }
        }
    }

    /// Adds a group that no list has.
    pub(super) fn add_unlisted(&mut self, group: Listed) {
        let name = group.group.group.clone();
        self.0.insert(name, Known { group, is_listed: false, existence: Existence::Assumed });
    }

    /// Takes the result of describing a group: why it failed, or `None` if the group was described.
    pub(super) fn take_description(&mut self, name: &str, failure: Option<&Reason>) {
        let Some(known) = self.0.get_mut(name) else { return };
        match failure {
            None => known.existence = Existence::Assumed,
            Some(Reason::GroupGone) => known.existence = Existence::Denied,
            // A listed group exists. If the next list lacks it, only a later description says something about that.
            Some(Reason::CoordinatorMoved | Reason::CoordinatorLoading | Reason::TimedOut | Reason::NotAsked) => {}
            Some(_) if !known.is_listed => known.existence = Existence::NotVisible,
            Some(_) => {}
        }
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// How a group is described.
    pub(super) fn kind(&self, name: &str) -> Option<Kind> {
        self.0.get(name).map(|known| known.group.kind)
    }

    /// The coordinator of a group, as of the last list that has it.
    pub(super) fn coordinator(&self, name: &str) -> Option<i32> {
        self.0.get(name).and_then(|known| known.group.coordinator)
    }

    /// All groups, as of the last list that has each of them.
    pub(super) fn all(&self) -> Vec<ListedGroup> {
        self.0.values().map(|known| known.group.group.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::watch::GroupType;

    use super::*;
    use crate::source::Missing;

    fn listing(names: &[&str], missing: Missing) -> Listing {
        let listed = |name: &&str| {
            let group: Arc<str> = (*name).into();
            let listed = ListedGroup {
                group: group.clone(),
                group_type: GroupType::Classic,
                protocol: "consumer".to_owned(),
                state: None,
            };
            (group, Listed { group: listed, kind: Kind::Classic, coordinator: Some(1) })
        };
        Listing { groups: names.iter().map(listed).collect(), missing }
    }

    fn known(names: &[&str]) -> KnownGroups {
        let mut known = KnownGroups::default();
        known.take_list(listing(names, Missing::None));
        known
    }

    fn names(known: &KnownGroups) -> Vec<String> {
        known.all().into_iter().map(|group| group.group.to_string()).collect()
    }

    #[test]
    fn a_group_is_kept_while_its_coordinator_is_replaced() {
        let mut known = known(&["billing", "orders"]);
        // Its coordinator has left the cluster, and the new one has not begun to load it: nothing has failed.
        known.take_list(listing(&["billing"], Missing::None));
        assert_eq!(names(&known), ["billing", "orders"]);
        for why in [Reason::CoordinatorMoved, Reason::CoordinatorLoading, Reason::TimedOut] {
            known.take_description("orders", Some(&why));
            // The new one is loading it.
            known.take_list(listing(&["billing"], Missing::Any));
            assert_eq!(names(&known), ["billing", "orders"], "{why}");
        }
        assert_eq!((known.kind("orders"), known.coordinator("orders")), (Some(Kind::Classic), Some(1)));
        known.take_list(listing(&["billing", "orders"], Missing::None));
        assert_eq!(names(&known), ["billing", "orders"]);
    }

    #[test]
    fn a_group_that_its_coordinator_denies_is_dropped() {
        for missing in [Missing::None, Missing::Any] {
            let mut known = known(&["billing", "orders"]);
            known.take_list(listing(&["billing"], Missing::Any));
            known.take_description("orders", Some(&Reason::GroupGone));
            // An error after that answer does not take it back.
            known.take_description("orders", Some(&Reason::TimedOut));
            known.take_list(listing(&["billing"], missing));
            assert_eq!(names(&known), ["billing"]);
        }
    }

    #[test]
    fn a_group_that_is_listed_or_described_again_is_not_denied_any_more() {
        let mut known = known(&["billing", "orders"]);
        known.take_description("billing", Some(&Reason::GroupGone));
        known.take_description("orders", Some(&Reason::GroupGone));
        known.take_description("billing", None);
        known.take_list(listing(&["orders"], Missing::None));
        known.take_list(listing(&[], Missing::None));
        assert_eq!(names(&known), ["billing", "orders"]);
    }

    #[test]
    fn a_group_that_cannot_be_described_is_dropped_by_a_complete_list() {
        let refused = Reason::NotAuthorized { operation: "DESCRIBE".to_owned(), resource: "group orders".to_owned() };
        for why in [refused, Reason::Unsupported, Reason::NotInLibrdkafka] {
            let mut known = known(&["orders"]);
            // While it is listed, this says nothing about its existence.
            known.take_description("orders", Some(&why));
            known.take_list(listing(&[], Missing::None));
            assert_eq!(names(&known), ["orders"]);
            known.take_description("orders", Some(&why));
            known.take_list(listing(&[], Missing::Any));
            assert_eq!(names(&known), ["orders"]);
            known.take_list(listing(&[], Missing::None));
            assert!(names(&known).is_empty(), "{why}");
        }
    }
}
