//! What was sent: positions, committed as the offsets of a group.

use kreplay_engine::replay::{HandledOffsets, Position};
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
    committed: (i64, String),
}

impl PartitionProgress {
    /// The progress in the log from `low` to `end`, given what the group has committed.
    pub(super) fn new(id: TopicPartition, (low, end): (Offset, Offset), committed: Option<(Offset, String)>) -> Self {
        let (first_pending, sent_before) = match committed {
            // An offset beyond the end is from an earlier topic of the same name.
            Some((offset, note)) if offset <= end => (offset.max(low), HandledOffsets::decode(offset.get(), &note)),
            _ => (low, HandledOffsets::default()),
        };
        let first_pending = first_pending.get();
        let position = Position::starting_at(first_pending);
        Self { id, position, first_pending, sent_before, committed: (first_pending, String::new()) }
    }

    /// Whether an earlier command has sent the letter.
    pub(super) fn was_sent_before(&self, offset: i64) -> bool {
        offset < self.first_pending || self.sent_before.contains(offset)
    }

    /// The commit to make, if anything changed, and whether its metadata covers everything.
    fn commit(&mut self) -> (Option<Commit>, bool) {
        let at = self.position.get();
        let mut handled = self.position.handled_from(at);
        for (first, end) in self.sent_before.above(self.position.reached()) {
            handled.push(first, end);
        }
        let note = handled.encode(at);
        let is_complete = HandledOffsets::decode(at, &note) == handled;
        if self.committed == (at, note.clone()) {
            return (None, is_complete);
        }
        self.committed = (at, note.clone());
        (Offset::new(at).map(|offset| (self.id.clone(), offset, note)), is_complete)
    }
}

/// Commits what changed.
pub(super) fn commit_all(all: &mut [PartitionProgress], offsets: &GroupOffsets, group: &str) -> Result<(), DlqError> {
    let mut commits = Vec::new();
    let mut full = None;
    for progress in all {
        let (commit, is_complete) = progress.commit();
        commits.extend(commit);
        if !is_complete {
            full = Some(progress.id.clone());
        }
    }
    if let Err(error) = offsets.commit(&commits) {
        let ClientError::NotesTooLong(_) = error else { return Err(error.into()) };
        full = full.or_else(|| commits.iter().find(|(_, _, note)| !note.is_empty()).map(|(id, _, _)| id.clone()));
        for (_, _, note) in &mut commits {
            note.clear();
        }
        offsets.commit(&commits)?;
    }
    full.map_or(Ok(()), |id| Err(DlqError::NotesTooLong(id, group.to_owned())))
}
