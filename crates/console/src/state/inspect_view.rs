//! The record that the user looks at: which one was asked for, the answer, and what is folded.

use std::{borrow::Cow, sync::Arc};

use kreplay_model::{
    domain::{Offset, TopicPartition},
    feed::{
        Event, Failure, PausedRecord, QuarantinedKey,
        errors::{FailureOutcome, failure_of},
    },
    inspect::{Decoded, InspectedRecord, Inspection, InspectionStep, RecordId},
};

use super::{ScreenId, State};
use crate::{
    layout::Panel,
    record::{FailureNote, Folding, Format, JsonTree, Line, Node, Shown},
};

/// The most columns of the window.
pub(crate) const MAX_WIDTH: u16 = 120;
/// Columns of the window around its lines: the frame and a space on each side.
const COLUMNS_AROUND: u16 = 4;
/// Cells of the labels, which the lines of the value do not have.
pub(crate) const LABEL_CELLS: u16 = 9;
/// Why nothing can be looked at.
const NO_INSPECTOR: &str = "no cluster to read records from";

/// The record that the user looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct InspectView {
    /// Whether records can be read at all.
    pub is_available: bool,
    /// The number of the last command.
    pub number: u64,
    /// The record that was asked for.
    pub asked: Option<RecordId>,
    /// The answer to the last command.
    pub step: InspectionStep,
    /// The values of the decoded value, if it is JSON.
    pub tree: Option<Arc<JsonTree>>,
    /// Which of them are folded.
    pub folding: Folding,
    /// How the value is shown.
    pub format: Format,
    /// The line under the cursor.
    pub cursor: usize,
    /// The first visible line.
    pub first: usize,
    /// The text that was searched last; empty before the first search.
    pub search: String,
}

impl Default for InspectView {
    fn default() -> Self {
        Self {
            is_available: false,
            number: 0,
            asked: None,
            step: InspectionStep::Reading,
            tree: None,
            folding: Folding::default(),
            format: Format::default(),
            cursor: 0,
            first: 0,
            search: String::new(),
        }
    }
}

impl InspectView {
    /// Asks for a record, and returns the number of the command. What was searched is kept.
    pub(crate) fn ask(&mut self, id: RecordId) -> u64 {
        let search = std::mem::take(&mut self.search);
        let (is_available, number) = (self.is_available, self.number + 1);
        *self = Self { is_available, number, asked: Some(id), search, ..Self::default() };
        number
    }

    /// Takes an answer. Answers to earlier commands are ignored.
    pub(crate) fn learn(&mut self, answer: &Inspection) {
        if answer.number != self.number {
            return;
        }
        self.step = answer.step.clone();
        let InspectionStep::Read(record) = &answer.step else { return };
        let json = record.value.as_ref().and_then(|value| match &value.decoded {
            Decoded::Json(json) => Some(json),
            Decoded::Plain | Decoded::Failed(_) | Decoded::TooLarge => None,
        });
        self.tree = json.and_then(JsonTree::parse).map(Arc::new);
        self.folding = self.tree.as_deref().map(Folding::of).unwrap_or_default();
    }

    /// Whether the answer is still awaited.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.asked.is_some() && self.step == InspectionStep::Reading
    }
}

/// The record that an event is about.
fn record_of(event: Option<&Event>) -> Result<RecordId, Cow<'static, str>> {
    let failure = event.and_then(|event| failure_of(&event.kind)).map(|(failure, _)| failure);
    let id = |failure: &Failure| RecordId { partition: failure.partition.clone(), offset: failure.offset };
    failure.map(id).ok_or_else(|| "this event is not about a record".into())
}

impl State {
    /// The record that the user can look at: that of the selection in front.
    ///
    /// # Errors
    /// Why there is none, in one sentence.
    pub fn record_to_inspect(&self) -> Result<RecordId, Cow<'static, str>> {
        if !self.user.inspect.is_available {
            return Err(NO_INSPECTOR.into());
        }
        let id = |partition: &TopicPartition, offset| RecordId { partition: partition.clone(), offset };
        let found = match self.user.navigation.front().screen {
            ScreenId::Errors => self.selected_error().map(|kind| id(&kind.last.partition, kind.last.offset)),
            ScreenId::FailedRecord => self.feed.paused_record().map(PausedRecord::id),
            ScreenId::Quarantine => {
                let key = self.quarantined_row().and_then(|row| self.feed.quarantined().get(row));
                key.map(|key| id(&key.partition, key.offset))
            }
            ScreenId::Event => return self.record_of_selected_event(),
            ScreenId::EventLog => return self.record_of_logged_event(),
            ScreenId::Dashboard if self.user.focus == Panel::Events => return self.record_of_selected_event(),
            ScreenId::Partition => self.selected().map(|partition| id(&partition.id, partition.position)),
            ScreenId::Dashboard if self.user.focus == Panel::Partitions => {
                self.selected().map(|partition| id(&partition.id, partition.position))
            }
            ScreenId::Group => return self.record_of_selected_group_partition(),
            ScreenId::Groups | ScreenId::Trouble => {
                return Err("open a group and select one of its partitions".into());
            }
            _ => None,
        };
        found.ok_or_else(|| "there is no record to show here".into())
    }

    fn record_of_selected_event(&self) -> Result<RecordId, Cow<'static, str>> {
        record_of(self.user.log.selected(&self.feed.events))
    }

    fn record_of_logged_event(&self) -> Result<RecordId, Cow<'static, str>> {
        let rows = self.event_rows();
        let shown = self.shown_events(&rows).shown;
        let row = self.user.event_log.selected_row(&shown, &rows).and_then(|row| shown.get(row));
        record_of(row.and_then(|row| rows.get(*row)).map(|row| row.event))
    }

    /// The record at the committed offset: the one that the group handles, or is stuck on.
    fn record_of_selected_group_partition(&self) -> Result<RecordId, Cow<'static, str>> {
        let row = self.selected_group_partition().ok_or("no partition of the group is selected")?;
        let offset: Offset = row.committed.ok_or("the selected partition has no committed offset")?;
        Ok(RecordId { partition: TopicPartition::new(row.topic.as_str(), row.partition), offset })
    }

    /// The record that is looked at, once it was read.
    #[must_use]
    pub fn inspected_record(&self) -> Option<&InspectedRecord> {
        match &self.user.inspect.step {
            InspectionStep::Read(record) => Some(record),
            InspectionStep::Reading | InspectionStep::Failed(_) => None,
        }
    }

    /// Whether its value is shown as a tree that can be folded.
    #[must_use]
    pub fn shows_record_tree(&self) -> bool {
        let tree = self.user.inspect.tree.as_ref().filter(|_| self.user.inspect.format == Format::Decoded);
        self.inspected_record().is_some() && tree.and_then(|tree| tree.node(0)).is_some_and(Node::is_foldable)
    }

    /// The record that paused the run, if it is the one that was asked for.
    fn inspected_paused_record(&self) -> Option<&PausedRecord> {
        self.paused_record_with(self.user.inspect.asked.as_ref()?)
    }

    /// The record that paused the run, if it is this one.
    pub(crate) fn paused_record_with(&self, id: &RecordId) -> Option<&PausedRecord> {
        self.feed.paused_record().filter(|record| record.partition == id.partition && record.offset == id.offset)
    }

    /// Whether the record that was asked for paused the run.
    #[must_use]
    pub fn inspects_paused_record(&self) -> bool {
        self.inspected_paused_record().is_some()
    }

    /// The key in quarantine because the record that was asked for failed.
    #[must_use]
    pub fn inspected_key(&self) -> Option<&QuarantinedKey> {
        let asked = self.user.inspect.asked.as_ref()?;
        self.feed.quarantined().iter().find(|key| key.partition == asked.partition && key.offset == asked.offset)
    }

    /// How the record that was asked for failed.
    #[must_use]
    pub fn inspected_failure(&self) -> Option<FailureNote> {
        if let Some(record) = self.inspected_paused_record() {
            let (attempts, error) = (record.attempts, record.error.clone());
            return Some(FailureNote { attempts, error, outcome: "it pauses the run" });
        }
        if let Some(key) = self.inspected_key() {
            let (attempts, error) = (key.attempts, key.error.clone());
            return Some(FailureNote { attempts, error, outcome: "its key is in quarantine" });
        }
        let asked = self.user.inspect.asked.as_ref()?;
        let (failure, outcome) =
            self.feed.events.of(kreplay_model::feed::Severity::Info).rev().find_map(|event: &Event| {
                let (failure, outcome) = failure_of(&event.kind)?;
                let is_asked = failure.partition == asked.partition && failure.offset == asked.offset;
                is_asked.then_some((failure, outcome))
            })?;
        let outcome = match outcome {
            FailureOutcome::Retried => "a retry followed",
            FailureOutcome::Skipped => "it was skipped",
            FailureOutcome::DeadLettered => "it was dead-lettered",
            FailureOutcome::Quarantined => "its key was quarantined",
        };
        Some(FailureNote { attempts: failure.attempt, error: failure.error.clone(), outcome })
    }

    /// The record as it is shown.
    #[must_use]
    pub fn shown_record<'a>(&'a self, failure: Option<&'a FailureNote>) -> Option<Shown<'a>> {
        let view = &self.user.inspect;
        let room = usize::from(self.size.width.min(MAX_WIDTH).saturating_sub(COLUMNS_AROUND));
        Some(Shown {
            record: self.inspected_record()?,
            tree: view.tree.as_deref(),
            folding: &view.folding,
            format: view.format,
            failure,
            room: (room, room.saturating_sub(usize::from(LABEL_CELLS))),
        })
    }

    /// Its lines.
    #[must_use]
    pub fn record_lines(&self) -> Vec<Line> {
        let failure = self.inspected_failure();
        self.shown_record(failure.as_ref()).map(|shown| shown.lines()).unwrap_or_default()
    }
}
