//! What was sent: positions, committed as the offsets of a group.

use std::time::Duration;

use kreplay_engine::replay::{CommitNote, HandledOffsets, Position};
use kreplay_kafka::{ClientError, Commit, GroupOffsets};
use kreplay_model::domain::{Offset, TopicPartition};

use crate::dlq::DlqError;

/// The progress in one partition of a dead-letter topic.
pub(super) struct PartitionProgress {
    pub(super) id: TopicPartition,
    pub(super) position: Position,
    /// Earlier commands have sent every letter below this offset.
    pub(super) first_pending: i64,
    /// Letters above `first_pending` that earlier commands have sent.
    sent_before: HandledOffsets,
    /// What this command has committed last.
    committed: Option<(i64, String)>,
}

impl PartitionProgress {
    /// The progress in the log from `low` to `end`, given what the group has committed.
    pub(super) fn new(id: TopicPartition, (low, end): (Offset, Offset), committed: Option<(Offset, String)>) -> Self {
        let (first_pending, sent_before) = match committed {
            // An offset beyond the end is from an earlier topic of the same name.
            Some((offset, note)) if offset <= end => (offset.max(low), CommitNote::decode(offset.get(), &note).handled),
            _ => (low, HandledOffsets::default()),
        };
        let first_pending = first_pending.get();
        let position = Position::starting_at(first_pending);
        // Each command commits every partition, even if nothing has changed there: the group has no members, so brokers
        // delete an offset some time after its last commit.
        Self { id, position, first_pending, sent_before, committed: None }
    }

    /// Whether an earlier command has sent the letter.
    pub(super) fn was_sent_before(&self, offset: i64) -> bool {
        offset < self.first_pending || self.sent_before.contains(offset)
    }

    /// The commit to make, if it is the first one or anything changed, and whether its metadata covers everything.
    fn commit(&mut self) -> (Option<Commit>, bool) {
        let at = self.position.get();
        let mut handled = self.position.handled_from(at);
        for (first, end) in self.sent_before.above(self.position.reached()) {
            handled.push(first, end);
        }
        let complete = CommitNote::from(handled);
        let note = complete.encode(at);
        let is_complete = CommitNote::decode(at, &note) == complete;
        let current = Some((at, note.clone()));
        if self.committed == current {
            return (None, is_complete);
        }
        self.committed = current;
        (Offset::new(at).map(|offset| (self.id.clone(), offset, note)), is_complete)
    }
}

/// Commits every partition the first time, and then what changed. Each commit is repeated for up to `timeout` while the
/// coordinator of the group is away.
pub(super) fn commit_all(
    all: &mut [PartitionProgress],
    offsets: &GroupOffsets,
    group: &str,
    timeout: Duration,
) -> Result<(), DlqError> {
    let mut commits = Vec::new();
    let mut full = None;
    for progress in all {
        let (commit, is_complete) = progress.commit();
        commits.extend(commit);
        if !is_complete {
            full = Some(progress.id.clone());
        }
    }
    if let Err(error) = offsets.commit(&commits, timeout) {
        let ClientError::NotesTooLong(_) = error else { return Err(error.into()) };
        full = full.or_else(|| commits.iter().find(|(_, _, note)| !note.is_empty()).map(|(id, _, _)| id.clone()));
        for (_, _, note) in &mut commits {
            note.clear();
        }
        offsets.commit(&commits, timeout)?;
    }
    full.map_or(Ok(()), |id| Err(DlqError::NotesTooLong(id, group.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_commits_each_partition_once_and_then_only_what_changed() {
        let offset = |raw: i64| Offset::new(raw).unwrap();
        let id = TopicPartition::new("orders.dlq", 0);
        let note = CommitNote::from(HandledOffsets::from_iter([(7, 9)])).encode(5);
        for (found, committed) in [
            (None, (2, String::new())),
            (Some((offset(10), String::new())), (10, String::new())),
            (Some((offset(5), note.clone())), (5, note)),
            // Retention has overtaken the group, or the topic was recreated.
            (Some((offset(1), String::new())), (2, String::new())),
            (Some((offset(11), String::new())), (2, String::new())),
        ] {
            let (at, text) = committed;
            let mut progress = PartitionProgress::new(id.clone(), (offset(2), offset(10)), found);
            assert_eq!(progress.commit(), (Some((id.clone(), offset(at), text)), true));
            assert_eq!(progress.commit(), (None, true), "nothing has changed since");
        }
    }
}
