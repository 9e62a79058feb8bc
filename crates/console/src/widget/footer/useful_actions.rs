//! Which actions the footer names, for everything that can be in front.

use crate::{
    action::Action,
    key::Mode,
    layout::Panel,
    state::{ScreenId, State},
};

/// The actions of what is in front, the most useful ones first.
#[expect(clippy::too_many_lines, reason = "a list for each mode")]
pub(super) fn useful_actions(state: &State) -> &'static [Action] {
    use Action as A;
    match state.mode() {
        Mode::Choosing => &[
            A::Replay,
            A::Mark,
            A::MarkAll,
            A::Filter,
            A::Close,
            A::Plan,
            A::Audit,
            A::Trouble,
            A::Groups,
            A::Help,
            A::ListTopics,
            A::MoreWorkers,
            A::FewerWorkers,
            A::Launch,
        ],
        Mode::Watching => useful_on_groups(state.user.navigation.front().screen),
        Mode::Timeline => &[
            A::CursorLeft,
            A::CursorRight,
            A::ZoomIn,
            A::ZoomOut,
            A::ShowMoment,
            A::Close,
            A::Latest,
            A::SetMarker,
            A::PreviousMark,
            A::NextMark,
            A::WholeTimeline,
            A::Help,
        ],
        Mode::Changing => {
            &[A::PlanChange, A::ChangeScope, A::ExecuteChange, A::Close, A::Up, A::Down, A::PageDown, A::Help]
        }
        Mode::Launching => &[
            A::StartRequest,
            A::TryRequest,
            A::SavePreset,
            A::Presets,
            A::CopyCommand,
            A::Complete,
            A::Close,
            A::Help,
            A::Up,
            A::Down,
        ],
        // The keys of the playback come first, whatever is shown.
        Mode::Playback => &[],
        Mode::Alerting => &[A::SilenceRule, A::EndSilences, A::Close, A::Up, A::Down, A::PageDown, A::Help],
        Mode::Deciding => {
            &[A::Release, A::DeadLetter, A::ReleaseAll, A::DeadLetterAll, A::Close, A::Up, A::Down, A::Inspect]
        }
        Mode::FailedRecord => &[A::RetryRecord, A::SkipRecord, A::DeadLetterRecord, A::Close, A::Inspect],
        Mode::Errors => &[A::Inspect, A::Close, A::Up, A::Down],
        Mode::Inspecting => &[
            A::Close,
            A::RetryInspected,
            A::SkipInspected,
            A::DeadLetterInspected,
            A::ToggleFold,
            A::Search,
            A::NextMatch,
            A::ToggleHex,
            A::Up,
            A::Down,
        ],
        Mode::Typing => &[A::Accept, A::Close, A::DeleteAll],
        Mode::Asking => &[A::Accept, A::Close],
        Mode::Presets => &[A::LoadPreset, A::DeletePreset, A::Up, A::Down, A::Close],
        Mode::Columns => &[A::ToggleColumn, A::Up, A::Down, A::Close],
        Mode::Palette => &[A::Accept, A::Complete, A::Up, A::Down, A::Close],
        Mode::Reading if state.user.navigation.front().screen == ScreenId::Partition => &[A::Close, A::Up, A::Down],
        Mode::Listing => {
            &[A::Close, A::Filter, A::WrapEvents, A::SortNext, A::ListJournals, A::Up, A::Down, A::Bottom, A::Help]
        }
        Mode::Racing => &[A::Close, A::StartRace, A::StopRace, A::Export, A::Help],
        Mode::Charting => useful_on_charts(state.user.navigation.front().screen),
        Mode::Planning => {
            &[A::Close, A::Up, A::Down, A::MoreWorkers, A::FewerWorkers, A::PlanAgain, A::StopPlanning, A::PageDown]
        }
        Mode::Auditing => {
            &[A::Close, A::StopAudit, A::AuditAgain, A::AuditAll, A::Rehearse, A::Up, A::Down, A::PageDown]
        }
        Mode::Reading if state.user.navigation.front().screen == ScreenId::Help => {
            &[A::Close, A::Filter, A::Up, A::Down, A::PageDown, A::PageUp, A::Top, A::Bottom]
        }
        Mode::Reading => &[A::Close, A::Up, A::Down, A::PageDown, A::PageUp, A::Top, A::Bottom],
        Mode::Dashboard => match state.user.focus {
            Panel::Events => &[A::Help, A::FocusNext, A::Details, A::EventFilter, A::Up, A::Down, A::Bottom, A::Quit],
            Panel::Workers => &[
                A::Help,
                A::FocusNext,
                A::MoreWorkers,
                A::FewerWorkers,
                A::SetConcurrency,
                A::ToggleAuto,
                A::SetRate,
                A::Quit,
            ],
            Panel::Throughput => &[A::Help, A::FocusNext, A::MoreWorkers, A::FewerWorkers, A::Compare, A::Quit],
            Panel::Partitions if state.run_is_active() => &[
                A::Help,
                A::Alerts,
                A::FailedRecord,
                A::Quarantine,
                A::Errors,
                A::MoreWorkers,
                A::FewerWorkers,
                A::TogglePause,
                A::Stop,
                A::Quit,
                A::Trouble,
                A::Groups,
                A::FocusNext,
                A::RunDetails,
                A::SortNext,
                A::Filter,
                A::SetConcurrency,
                A::ToggleAuto,
                A::SetRate,
                A::Details,
                A::Compare,
            ],
            Panel::Partitions if state.run().is_none() => {
                &[A::Help, A::Run, A::Topics, A::Trouble, A::Groups, A::FocusNext, A::Quit]
            }
            Panel::Partitions => &[
                A::Help,
                A::Run,
                A::MoreWorkers,
                A::FewerWorkers,
                A::Quit,
                A::Compare,
                A::Topics,
                A::Trouble,
                A::Groups,
                A::Plan,
                A::RunDetails,
                A::FocusNext,
                A::SortNext,
                A::Filter,
            ],
        },
    }
}

fn useful_on_charts(screen: ScreenId) -> &'static [Action] {
    use Action as A;
    match screen {
        ScreenId::HeatMap => &[
            A::Close,
            A::CursorLeft,
            A::CursorRight,
            A::ZoomOut,
            A::ZoomIn,
            A::SwitchMetric,
            A::SortNext,
            A::NextMark,
            A::Latest,
            A::Workers,
            A::Help,
        ],
        _ => &[
            A::Close,
            A::CursorLeft,
            A::CursorRight,
            A::ZoomOut,
            A::ZoomIn,
            A::SwitchLanes,
            A::SortNext,
            A::NextMark,
            A::Latest,
            A::HeatMap,
            A::Help,
        ],
    }
}

fn useful_on_groups(screen: ScreenId) -> &'static [Action] {
    use Action as A;
    match screen {
        ScreenId::Trouble => &[
            A::OpenGroup,
            A::Groups,
            A::Alerts,
            A::Close,
            A::Help,
            A::GroupEvents,
            A::ChangeGroup,
            A::RefreshGroups,
            A::PauseWatch,
            A::Up,
            A::Down,
            A::Quit,
        ],
        ScreenId::Groups => &[
            A::OpenGroup,
            A::Filter,
            A::SortNext,
            A::Close,
            A::Trouble,
            A::Help,
            A::ChangeGroup,
            A::RefreshGroups,
            A::PauseWatch,
            A::SortReverse,
            A::Quit,
        ],
        _ => &[
            A::FocusNext,
            A::Filter,
            A::SortNext,
            A::Close,
            A::ChangeGroup,
            A::Help,
            A::GroupEvents,
            A::Groups,
            A::Trouble,
            A::RefreshGroups,
            A::PauseWatch,
            A::Quit,
        ],
    }
}
