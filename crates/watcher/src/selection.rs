//! Which groups are watched.

use kreplay_model::domain::Glob;

/// Patterns for the names of groups. Without any, all groups are watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupSelection(pub Vec<Glob>);

impl GroupSelection {
    /// Whether a group is watched.
    #[must_use]
    pub fn contains(&self, group: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|glob| glob.is_match(group.as_bytes()))
    }

    /// The patterns without special characters. A group with such a name can be described even if the user may not
    /// list it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Glob::as_str).filter(|text| !text.contains(['*', '?', '[', ']', '{', '}', '\\']))
    }

    /// The patterns that none of these groups matches.
    #[must_use]
    pub fn without_match<'a>(&self, groups: &(impl Iterator<Item = &'a str> + Clone)) -> Vec<&str> {
        let is_unmatched = |glob: &&Glob| !groups.clone().any(|group| glob.is_match(group.as_bytes()));
        self.0.iter().filter(is_unmatched).map(Glob::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_select_groups_and_names_are_told_apart() {
        let selection = GroupSelection(["bill*", "orders"].map(|text| text.parse().unwrap()).to_vec());
        assert!(selection.contains("billing") && selection.contains("orders") && !selection.contains("orders-2"));
        assert_eq!(selection.names().collect::<Vec<_>>(), ["orders"]);
        assert_eq!(selection.without_match(&["billing"].into_iter()), ["orders"]);
        assert!(GroupSelection::default().contains("anything"));
    }
}
