//! The table of all screens, in the order of [`ScreenId`].

use ratatui::buffer::Buffer;

use super::{
    alerts, audit, change, compare, dashboard, errors, event, event_log, failed_record, group, group_events, groups,
    heat_map, help, hot_keys, journals, launch, partition, plan, quarantine, race, record, run, timeline, topics,
    trouble, workers,
};
use crate::{
    action::Action,
    availability::{
        Refusal, no_audit, no_event, no_form, no_group, no_group_to_change, no_inspected_record, no_partition,
        no_timeline,
    },
    hit_map::HitMap,
    state::{Filters, Place, ScreenId, State},
    theme::Theme,
};

/// What the keys for moving act on while a screen is in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moves {
    /// The panel of the dashboard that has the focus.
    FocusedPanel,
    /// The cursor of the topic list.
    TopicCursor,
    /// The cursor among watched groups, or the panel of the opened one that has the focus.
    Watched,
    /// The change under the cursor, or the rows of its plan.
    Change,
    /// The selection of the partition table.
    SelectedPartition,
    /// The selected quarantined key.
    SelectedKey,
    /// The selected lane.
    SelectedLane,
    /// The row of the heat map under the cursor.
    HeatRow,
    /// The event under the cursor.
    LoggedEvent,
    /// The selected hot key.
    SelectedHotKey,
    /// The selected run of the journals.
    SelectedJournal,
    /// The selected kind of error.
    SelectedError,
    /// The cursor among the lines of a record.
    RecordLines,
    /// The focus among the fields of a form.
    FormField,
    /// The lines of the screen's text.
    Lines,
    /// Nothing.
    Nothing,
}

/// Draws a screen at a place, and adds what can be clicked to the map.
type View = fn(&mut Buffer, &mut HitMap, &Place, &State, &Theme);

/// The row of a screen.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Its id.
    pub id: ScreenId,
    /// The text at its top by which it is recognised.
    pub title: &'static str,
    /// Why it cannot be opened now, in one sentence; `None` if it can.
    pub refusal: fn(&State) -> Refusal,
    /// Whether it stays open. Asked after each snapshot.
    pub stays_open: fn(&State) -> bool,
    /// What the keys for moving act on.
    pub moves: Moves,
    /// What its filter hides, if it has one.
    pub filters: Option<Filters>,
    pub(super) view: View,
}

impl Screen {
    /// The row of a screen.
    #[must_use]
    pub fn of(id: ScreenId) -> &'static Self {
        // In the order of the ids, as checked below.
        &SCREENS[id as usize]
    }
}

/// All screens.
pub const SCREENS: [Screen; ScreenId::ALL.len()] = [
    Screen {
        id: ScreenId::Dashboard,
        title: "kreplay",
        refusal: |_| None,
        stays_open: |_| true,
        moves: Moves::FocusedPanel,
        filters: Some(Filters::Partitions),
        view: dashboard::render,
    },
    Screen {
        id: ScreenId::Topics,
        title: topics::TITLE,
        refusal: |state| Action::Topics.refusal(state),
        stays_open: |_| true,
        moves: Moves::TopicCursor,
        filters: Some(Filters::Topics),
        view: |buf, hits, _, state, theme| topics::render(buf, hits, state, theme),
    },
    Screen {
        id: ScreenId::Trouble,
        title: trouble::TITLE,
        refusal: |state| Action::Trouble.refusal(state),
        stays_open: |_| true,
        moves: Moves::Watched,
        filters: None,
        view: |buf, hits, _, state, theme| trouble::render(buf, hits, state, theme),
    },
    Screen {
        id: ScreenId::Groups,
        title: groups::TITLE,
        refusal: |state| Action::Groups.refusal(state),
        stays_open: |_| true,
        moves: Moves::Watched,
        filters: Some(Filters::Groups),
        view: |buf, hits, _, state, theme| groups::render(buf, hits, state, theme),
    },
    Screen {
        id: ScreenId::Group,
        title: group::TITLE,
        refusal: no_group,
        stays_open: |_| true,
        moves: Moves::Watched,
        filters: Some(Filters::GroupPartitions),
        view: |buf, hits, _, state, theme| group::render(buf, hits, state, theme),
    },
    Screen {
        id: ScreenId::Alerts,
        title: alerts::TITLE,
        refusal: |state| Action::Alerts.refusal(state),
        stays_open: |_| true,
        moves: Moves::Lines,
        filters: None,
        view: |buf, hits, place, state, theme| alerts::render(buf, hits, place.scroll, state, theme),
    },
    Screen {
        id: ScreenId::GroupEvents,
        title: group_events::TITLE,
        refusal: |state| Action::GroupEvents.refusal(state),
        stays_open: |_| true,
        moves: Moves::Lines,
        filters: None,
        view: |buf, hits, place, state, theme| group_events::render(buf, hits, place.scroll, state, theme),
    },
    Screen {
        id: ScreenId::Change,
        title: change::TITLE,
        refusal: no_group_to_change,
        stays_open: |_| true,
        moves: Moves::Change,
        filters: None,
        view: |buf, hits, _, state, theme| change::render(buf, hits, state, theme),
    },
    Screen {
        id: ScreenId::Plan,
        title: plan::TITLE,
        refusal: |state| Action::Plan.refusal(state),
        stays_open: |_| true,
        moves: Moves::Lines,
        filters: None,
        view: |buf, hits, place, state, theme| plan::render(buf, hits, place.scroll, state, theme),
    },
    Screen {
        id: ScreenId::Audit,
        title: audit::TITLE,
        refusal: no_audit,
        stays_open: |_| true,
        moves: Moves::Lines,
        filters: None,
        view: |buf, hits, place, state, theme| audit::render(buf, hits, place.scroll, state, theme),
    },
    Screen {
        id: ScreenId::Quarantine,
        title: quarantine::TITLE,
        refusal: |state| Action::Quarantine.refusal(state),
        stays_open: State::run_is_active,
        moves: Moves::SelectedKey,
        filters: None,
        view: |buf, hits, _, state, theme| quarantine::render(buf, hits, state, theme),
    },
    Screen {
        id: ScreenId::FailedRecord,
        title: failed_record::TITLE,
        refusal: |state| Action::FailedRecord.refusal(state),
        stays_open: |state| state.feed.paused_record().is_some(),
        moves: Moves::Nothing,
        filters: None,
        view: |buf, _, _, state, theme| failed_record::render(buf, state, theme),
    },
    Screen {
        id: ScreenId::Partition,
        title: partition::TITLE,
        refusal: no_partition,
        stays_open: |_| true,
        moves: Moves::SelectedPartition,
        filters: None,
        view: |buf, _, _, state, theme| partition::render(buf, state, theme),
    },
    Screen {
        id: ScreenId::Event,
        title: event::TITLE,
        refusal: no_event,
        stays_open: |_| true,
        moves: Moves::Lines,
        filters: None,
        view: |buf, hits, place, state, theme| event::render(buf, hits, place.scroll, state, theme),
    },
    Screen {
        id: ScreenId::Run,
        title: run::TITLE,
        refusal: |state| Action::RunDetails.refusal(state),
        stays_open: |_| true,
        moves: Moves::Lines,
        filters: None,
        view: |buf, hits, place, state, theme| run::render(buf, hits, place.scroll, state, theme),
    },
    Screen {
        id: ScreenId::Compare,
        title: compare::TITLE,
        refusal: |state| Action::Compare.refusal(state),
        stays_open: |_| true,
        moves: Moves::Lines,
        filters: None,
        view: |buf, hits, place, state, theme| compare::render(buf, hits, place.scroll, state, theme),
    },
    Screen {
        id: ScreenId::Help,
        title: help::TITLE,
        refusal: |_| None,
        stays_open: |_| true,
        moves: Moves::Lines,
        filters: Some(Filters::Help),
        view: |buf, hits, place, state, theme| help::render(buf, hits, place.scroll, state, theme),
    },
    Screen {
        id: ScreenId::Workers,
        title: workers::TITLE,
        refusal: |state| Action::Workers.refusal(state),
        stays_open: |_| true,
        moves: Moves::SelectedLane,
        filters: None,
        view: |buf, hits, _, state, theme| workers::render(buf, hits, state, theme),
    },
    Screen {
        id: ScreenId::HeatMap,
        title: heat_map::TITLE,
        refusal: |state| Action::HeatMap.refusal(state),
        stays_open: |_| true,
        moves: Moves::HeatRow,
        filters: None,
        view: |buf, hits, _, state, theme| heat_map::render(buf, hits, state, theme),
    },
    Screen {
        id: ScreenId::Race,
        title: race::TITLE,
        refusal: |_| None,
        stays_open: |_| true,
        moves: Moves::Nothing,
        filters: None,
        view: |buf, hits, _, state, theme| race::render(buf, hits, state, theme),
    },
    Screen {
        id: ScreenId::EventLog,
        title: event_log::TITLE,
        refusal: |state| Action::EventLog.refusal(state),
        stays_open: |_| true,
        moves: Moves::LoggedEvent,
        filters: Some(Filters::Events),
        view: |buf, hits, _, state, theme| event_log::render(buf, hits, state, theme),
    },
    Screen {
        id: ScreenId::HotKeys,
        title: hot_keys::TITLE,
        refusal: |state| Action::HotKeys.refusal(state),
        stays_open: |_| true,
        moves: Moves::SelectedHotKey,
        filters: Some(Filters::HotKeys),
        view: |buf, hits, _, state, theme| hot_keys::render(buf, hits, state, theme),
    },
    Screen {
        id: ScreenId::Journals,
        title: journals::TITLE,
        refusal: |state| Action::Journals.refusal(state),
        stays_open: |_| true,
        moves: Moves::SelectedJournal,
        filters: Some(Filters::Journals),
        view: |buf, hits, _, state, theme| journals::render(buf, hits, state, theme),
    },
    Screen {
        id: ScreenId::Errors,
        title: errors::TITLE,
        refusal: |state| Action::Errors.refusal(state),
        stays_open: |_| true,
        moves: Moves::SelectedError,
        filters: None,
        view: |buf, hits, _, state, theme| errors::render(buf, hits, state, theme),
    },
    Screen {
        id: ScreenId::Record,
        title: record::TITLE,
        refusal: no_inspected_record,
        stays_open: |_| true,
        moves: Moves::RecordLines,
        filters: None,
        view: |buf, hits, _, state, theme| record::render(buf, hits, state, theme),
    },
    Screen {
        id: ScreenId::Timeline,
        title: timeline::TITLE,
        refusal: no_timeline,
        stays_open: |_| true,
        moves: Moves::Nothing,
        filters: None,
        view: |buf, hits, _, state, theme| timeline::render(buf, hits, state, theme),
    },
    Screen {
        id: ScreenId::Launch,
        title: launch::TITLE,
        refusal: no_form,
        stays_open: |_| true,
        moves: Moves::FormField,
        filters: None,
        view: |buf, hits, _, state, theme| launch::render(buf, hits, state, theme),
    },
];

/// A row at the wrong place, or a missing one, does not compile.
const _: () = {
    let mut at = 0;
    while at < SCREENS.len() {
        assert!(SCREENS[at].id as usize == at, "the rows have the order of the ids");
        at += 1;
    }
};
