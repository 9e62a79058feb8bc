//! What an action reaches outside the console.

use super::Action;

/// What an action reaches outside the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing.
    View,
    /// It asks the session, the watch, or what reads records, topics and journals for something, which changes nothing
    /// in the cluster.
    Request,
    /// It changes, or may change, something: the run, the settings of the next one, records, groups, or the process.
    Change,
}

impl Action {
    /// What the action reaches outside the console.
    #[must_use]
    pub fn reach(self) -> Reach {
        match self {
            _ if self.changes_outside() => Reach::Change,
            Self::Launch
            | Self::Topics
            | Self::ListTopics
            | Self::Plan
            | Self::PlanAgain
            | Self::StopPlanning
            | Self::Audit
            | Self::AuditAgain
            | Self::AuditAll
            | Self::Rehearse
            | Self::StopAudit
            | Self::RefreshGroups
            | Self::PauseWatch
            | Self::ChangeGroup
            | Self::PlanChange
            | Self::Inspect
            | Self::Journals
            | Self::ListJournals => Reach::Request,
            _ => Reach::View,
        }
    }

    /// Whether the action changes, or may change, anything outside the console: the run, the settings of the next one,
    /// records, or the process. Requests that only read from the cluster do not.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a line for each action, so that a new one must be judged")]
    pub fn changes_outside(self) -> bool {
        match self {
            Self::Run
            | Self::Restart
            | Self::TogglePause
            | Self::Stop
            | Self::Replay
            | Self::StartRequest
            | Self::TryRequest
            | Self::Release
            | Self::ReleaseAll
            | Self::DeadLetter
            | Self::DeadLetterAll
            | Self::RetryRecord
            | Self::SkipRecord
            | Self::DeadLetterRecord
            | Self::RetryInspected
            | Self::SkipInspected
            | Self::DeadLetterInspected
            | Self::MoreWorkers
            | Self::FewerWorkers
            | Self::DoubleWorkers
            | Self::HalveWorkers
            | Self::SetConcurrency
            | Self::ToggleAuto
            | Self::SetRate
            | Self::StartRace
            | Self::StopRace
            | Self::ExecuteChange
            | Self::SilenceRule
            | Self::EndSilences
            | Self::Accept
            | Self::Quit
            | Self::Interrupt
            | Self::Suspend => true,
            Self::Launch
            | Self::CopyCommand
            | Self::SavePreset
            | Self::Presets
            | Self::LoadPreset
            | Self::DeletePreset
            | Self::Topics
            | Self::Mark
            | Self::MarkAll
            | Self::ListTopics
            | Self::Plan
            | Self::PlanAgain
            | Self::StopPlanning
            | Self::Audit
            | Self::AuditAgain
            | Self::AuditAll
            | Self::Rehearse
            | Self::StopAudit
            | Self::Groups
            | Self::Trouble
            | Self::Alerts
            | Self::OpenGroup
            | Self::RefreshGroups
            | Self::PauseWatch
            | Self::GroupEvents
            | Self::ChangeGroup
            | Self::PlanChange
            | Self::ChangeScope
            | Self::Quarantine
            | Self::FailedRecord
            | Self::Errors
            | Self::Inspect
            | Self::ToggleFold
            | Self::Fold
            | Self::Unfold
            | Self::FoldLevel
            | Self::UnfoldLevel
            | Self::ToggleHex
            | Self::Search
            | Self::NextMatch
            | Self::PreviousMatch
            | Self::SortNext
            | Self::SortReverse
            | Self::Filter
            | Self::ToggleEmpty
            | Self::Details
            | Self::RunDetails
            | Self::FocusNext
            | Self::FocusPrevious
            | Self::EventFilter
            | Self::Compare
            | Self::Help
            | Self::Up
            | Self::Down
            | Self::HalfPageUp
            | Self::HalfPageDown
            | Self::PageUp
            | Self::PageDown
            | Self::Top
            | Self::Bottom
            | Self::Close
            | Self::DeleteLeft
            | Self::DeleteAll
            | Self::Redraw
            | Self::Palette
            | Self::Complete
            | Self::InputLeft
            | Self::InputRight
            | Self::WordLeft
            | Self::WordRight
            | Self::InputStart
            | Self::InputEnd
            | Self::DeleteRight
            | Self::DeleteWord
            | Self::Copy
            | Self::Export
            | Self::Columns
            | Self::ToggleColumn
            | Self::Mouse
            | Self::Race
            | Self::Workers
            | Self::HeatMap
            | Self::SwitchLanes
            | Self::SwitchMetric
            | Self::CursorLeft
            | Self::CursorRight
            | Self::ZoomIn
            | Self::ZoomOut
            | Self::PreviousMark
            | Self::NextMark
            | Self::Latest
            | Self::WholeTimeline
            | Self::EventLog
            | Self::HotKeys
            | Self::Journals
            | Self::WrapEvents
            | Self::ListJournals
            | Self::Timeline
            | Self::CursorFarLeft
            | Self::CursorFarRight
            | Self::SetMarker
            | Self::ShowMoment
            | Self::Freeze
            | Self::Record
            | Self::TogglePlayback
            | Self::SlowerPlayback
            | Self::FasterPlayback
            | Self::SeekBack
            | Self::SeekForward
            | Self::SeekFarBack
            | Self::SeekFarForward => false,
        }
    }
}
