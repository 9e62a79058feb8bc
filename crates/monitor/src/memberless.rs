//! Tells changes of offsets from commits while a group has no members.
//!
//! Tools such as `kreplay groups` and `kafka-consumer-groups.sh` change the offsets of a group only while it has no
//! members. Such a change is not consumption. A consumer that assigns its partitions itself, however, commits without
//! being a member: its commits continue, and only forward.

/// Changes forward, with none back between them, after which further ones are commits.
const CHANGES_BEFORE_COMMITS: u32 = 3;

/// The changes of offsets since a group was last seen with members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemberlessChanges {
    forward: u32,
}

impl MemberlessChanges {
    /// Takes the next change. Returns whether it is the commit of a consumer that assigns its partitions itself.
    pub(crate) fn is_commit(&mut self, goes_back: bool) -> bool {
        if goes_back {
            self.forward = 0;
            return false;
        }
        self.forward = self.forward.saturating_add(1);
        self.forward > CHANGES_BEFORE_COMMITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_that_go_on_forward_are_commits() {
        let mut changes = MemberlessChanges::default();
        let found: Vec<bool> =
            [false, false, true, false, false, false, false, false].map(|back| changes.is_commit(back)).into();
        assert_eq!(found, [false, false, false, false, false, false, true, true]);
    }
}
