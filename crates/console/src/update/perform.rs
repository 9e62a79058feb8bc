//! Performs actions: the only place that checks whether they are available, and the only list of what they do.

use kreplay_model::control::{Command, Decision, RecordDecision};

use super::{
    Effect, ask, audit, clipboard, close, columns, concurrency, event_log, export, failed_record, filter, focus,
    group_change, inspect, journals, launch, launch_form, motion::Motion, navigate, palette, past, plan, playback,
    presets, quarantine, question, race, rate, record, run, run_pages, scroll, show_message, silence, timeline, topics,
    typing, watch,
};
use crate::{
    action::Action,
    key::Mode,
    record::SearchStep,
    state::{
        Asked, Dialog, Edit, HotKeyRow, JournalRow, PartitionRow, Question, ScreenId, State, StatusKind, WorkerStep,
    },
};

/// Performs a user action, or shows why it is not available. Nothing else checks whether an action may be performed.
#[allow(clippy::too_many_lines, reason = "one line for each action")]
pub fn perform(state: &mut State, action: Action) -> Vec<Effect> {
    state.stale = true;
    if let Some(reason) = action.refusal(state) {
        refuse(state, action, reason.into_owned());
        return Vec::new();
    }
    match action {
        Action::Run => launch::launch(state, Command::Start),
        Action::Restart => launch::launch(state, Command::Restart),
        Action::TogglePause => run::toggle_pause(state),
        Action::Stop => ask(state, Question::Stop),
        Action::Quit => run::quit(state),
        Action::Interrupt => run::interrupt(state),
        Action::Accept => accept(state),
        Action::MoreWorkers => concurrency::change(state, WorkerStep::More),
        Action::FewerWorkers => concurrency::change(state, WorkerStep::Fewer),
        Action::DoubleWorkers => concurrency::change(state, WorkerStep::Double),
        Action::HalveWorkers => concurrency::change(state, WorkerStep::Halve),
        Action::ToggleAuto => concurrency::toggle_auto(state),
        Action::SetConcurrency => in_view(state, concurrency::ask),
        Action::SetRate => in_view(state, rate::ask),
        Action::Launch => launch_form::open(state),
        Action::StartRequest => launch_form::start(state, false),
        Action::TryRequest => launch_form::start(state, true),
        Action::SavePreset => in_view(state, presets::ask),
        Action::Presets => presets::list(),
        Action::LoadPreset => in_view(state, presets::load),
        Action::DeletePreset => presets::ask_to_delete(state),
        Action::CopyCommand => launch_form::copy_command(state),
        Action::Topics => topics::open(state),
        Action::ListTopics => topics::reload(state),
        Action::Replay => topics::replay(state),
        Action::Mark => in_view(state, topics::mark),
        Action::MarkAll => in_view(state, topics::mark_all),
        Action::Plan => plan::toggle(state),
        Action::PlanAgain => plan::make(state),
        Action::StopPlanning => plan::stop(state),
        Action::Audit => audit::open(state),
        Action::AuditAgain => audit::again(state, false),
        Action::AuditAll => audit::again(state, true),
        Action::Rehearse => in_view(state, audit::ask_for_partitions),
        Action::StopAudit => audit::stop(state),
        Action::Groups => in_view(state, |state| navigate::toggle(state, ScreenId::Groups)),
        Action::Trouble => in_view(state, |state| navigate::toggle(state, ScreenId::Trouble)),
        Action::Alerts => in_view(state, |state| navigate::toggle(state, ScreenId::Alerts)),
        Action::SilenceRule => silence::choose(state),
        Action::EndSilences => silence::end_all(state),
        Action::OpenGroup => in_view(state, watch::open_selected),
        Action::RefreshGroups => watch::refresh(state),
        Action::PauseWatch => watch::toggle_pause(state),
        Action::GroupEvents => in_view(state, |state| navigate::toggle(state, ScreenId::GroupEvents)),
        Action::ChangeGroup => in_view(state, group_change::open),
        Action::PlanChange => group_change::plan(state),
        Action::ChangeScope => in_view(state, group_change::next_scope),
        Action::ExecuteChange => in_view(state, group_change::ask_for_name),
        Action::Quarantine => in_view(state, quarantine::open),
        Action::Release => quarantine::decide(state, Decision::Release),
        Action::ReleaseAll => quarantine::decide_all(state, Decision::Release),
        Action::DeadLetter => quarantine::decide(state, Decision::DeadLetter),
        Action::DeadLetterAll => quarantine::decide_all(state, Decision::DeadLetter),
        Action::FailedRecord => in_view(state, |state| navigate::open(state, ScreenId::FailedRecord)),
        Action::RetryRecord => failed_record::retry(state),
        Action::SkipRecord | Action::SkipInspected => failed_record::decide(state, RecordDecision::Skip),
        Action::DeadLetterRecord => failed_record::decide(state, RecordDecision::DeadLetter),
        Action::SortNext if state.mode() == Mode::Listing => in_view(state, sort_next_of_list),
        Action::SortNext if state.mode() == Mode::Charting => in_view(state, run_pages::next_order),
        Action::Errors => in_view(state, |state| navigate::toggle(state, ScreenId::Errors)),
        Action::Inspect => inspect::open_selected(state),
        Action::ToggleFold => in_view(state, inspect::toggle_fold),
        Action::Fold => in_view(state, inspect::fold),
        Action::Unfold => in_view(state, inspect::unfold),
        Action::FoldLevel => in_view(state, |state| inspect::step_level(state, false)),
        Action::UnfoldLevel => in_view(state, |state| inspect::step_level(state, true)),
        Action::ToggleHex => in_view(state, inspect::toggle_hex),
        Action::Search => in_view(state, inspect::ask_for_search),
        Action::NextMatch => in_view(state, |state| inspect::go_to_match(state, SearchStep::Next)),
        Action::PreviousMatch => in_view(state, |state| inspect::go_to_match(state, SearchStep::Previous)),
        Action::RetryInspected => inspect::retry(state),
        Action::DeadLetterInspected => inspect::dead_letter(state),
        Action::SortNext if watches(state) => in_view(state, watch::sort_next),
        Action::SortNext => in_view(state, |state| state.user.table.sort_next::<PartitionRow<'_>>()),
        Action::SortReverse if state.mode() == Mode::Listing => in_view(state, reverse_list),
        Action::SortReverse if watches(state) => in_view(state, watch::reverse),
        Action::SortReverse => in_view(state, |state| state.user.table.reverse()),
        Action::Filter => in_view(state, filter::open),
        Action::ToggleEmpty => in_view(state, toggle_empty),
        Action::Details => in_view(state, navigate::details),
        Action::RunDetails => in_view(state, |state| navigate::toggle(state, ScreenId::Run)),
        Action::FocusNext if watches(state) => in_view(state, |state| watch::step_panel(state, true)),
        Action::FocusPrevious if watches(state) => in_view(state, |state| watch::step_panel(state, false)),
        Action::FocusNext => in_view(state, |state| focus(state, state.user.focus.step(true))),
        Action::FocusPrevious => in_view(state, |state| focus(state, state.user.focus.step(false))),
        Action::EventFilter => in_view(state, |state| state.user.log.cycle_severity()),
        Action::Compare => in_view(state, |state| navigate::toggle(state, ScreenId::Compare)),
        Action::Help => in_view(state, toggle_help),
        Action::Up => moved(state, Motion::Up),
        Action::Down => moved(state, Motion::Down),
        Action::HalfPageUp => moved(state, Motion::HalfPageUp),
        Action::HalfPageDown => moved(state, Motion::HalfPageDown),
        Action::PageUp => moved(state, Motion::PageUp),
        Action::PageDown => moved(state, Motion::PageDown),
        Action::Top => moved(state, Motion::Top),
        Action::Bottom => moved(state, Motion::Bottom),
        Action::Close => close::close(state),
        Action::DeleteLeft => edited(state, Edit::DeleteLeft),
        Action::DeleteAll => edited(state, Edit::DeleteAll),
        Action::Suspend => vec![Effect::Suspend],
        Action::Redraw => vec![Effect::Redraw],
        Action::Palette => in_view(state, palette::open),
        Action::Complete if state.fills_form() => in_view(state, launch_form::complete),
        Action::InputRight if state.fills_form() => in_view(state, |state| launch_form::sideways(state, true)),
        Action::InputLeft if state.fills_form() => in_view(state, |state| launch_form::sideways(state, false)),
        Action::Complete => in_view(state, palette::complete),
        Action::InputRight => in_view(state, palette::right),
        Action::InputLeft => edited(state, Edit::Left),
        Action::WordLeft => edited(state, Edit::WordLeft),
        Action::WordRight => edited(state, Edit::WordRight),
        Action::InputStart => edited(state, Edit::Start),
        Action::InputEnd => edited(state, Edit::End),
        Action::DeleteRight => edited(state, Edit::DeleteRight),
        Action::DeleteWord => edited(state, Edit::DeleteWord),
        Action::Copy => clipboard::copy(state),
        Action::Export => in_view(state, export::ask),
        Action::Columns => in_view(state, columns::open),
        Action::ToggleColumn => in_view(state, columns::toggle),
        Action::Mouse => clipboard::toggle_mouse(state),
        Action::CursorLeft if is_timeline(state) => timeline::step(state, -1),
        Action::CursorRight if is_timeline(state) => timeline::step(state, 1),
        Action::ZoomIn if is_timeline(state) => in_view(state, |state| timeline::zoom(state, true)),
        Action::ZoomOut if is_timeline(state) => in_view(state, |state| timeline::zoom(state, false)),
        Action::PreviousMark if !state.visits_events_on_chart() => timeline::to_mark(state, false),
        Action::NextMark if !state.visits_events_on_chart() => timeline::to_mark(state, true),
        Action::Latest if is_timeline(state) => timeline::to_latest(state),
        Action::WholeTimeline if is_timeline(state) => in_view(state, |state| state.user.timeline.column_ms = None),
        Action::Race => in_view(state, race::open),
        Action::StartRace => in_view(state, race::ask),
        Action::StopRace => race::stop(state),
        Action::Workers => in_view(state, |state| navigate::toggle(state, ScreenId::Workers)),
        Action::HeatMap => in_view(state, |state| navigate::toggle(state, ScreenId::HeatMap)),
        Action::SwitchLanes => in_view(state, |state| state.user.workers.next_kind()),
        Action::SwitchMetric => in_view(state, |state| state.user.heat.next_metric()),
        Action::CursorLeft => in_view(state, |state| run_pages::move_cursor(state, -1)),
        Action::CursorRight => in_view(state, |state| run_pages::move_cursor(state, 1)),
        Action::ZoomIn => in_view(state, |state| run_pages::zoom(state, true)),
        Action::ZoomOut => in_view(state, |state| run_pages::zoom(state, false)),
        Action::PreviousMark => in_view(state, |state| run_pages::go_to_mark(state, false)),
        Action::NextMark => in_view(state, |state| run_pages::go_to_mark(state, true)),
        Action::Latest => in_view(state, run_pages::follow),
        Action::WholeTimeline => in_view(state, run_pages::show_whole),
        Action::EventLog => in_view(state, |state| navigate::toggle(state, ScreenId::EventLog)),
        Action::WrapEvents => in_view(state, event_log::toggle_wrap),
        Action::HotKeys => in_view(state, |state| navigate::toggle(state, ScreenId::HotKeys)),
        Action::Journals => journals::toggle(state),
        Action::ListJournals => journals::list(state),
        Action::Timeline => in_view(state, timeline::toggle),
        Action::CursorFarLeft => timeline::step(state, -timeline::FAR_COLUMNS),
        Action::CursorFarRight => timeline::step(state, timeline::FAR_COLUMNS),
        Action::SetMarker => in_view(state, timeline::set_marker),
        Action::ShowMoment => past::show_cursor(state),
        Action::Freeze => past::toggle(state),
        Action::Record => record::toggle(state),
        Action::TogglePlayback => playback::toggle(state),
        Action::SlowerPlayback => playback::change_speed(state, false),
        Action::FasterPlayback => playback::change_speed(state, true),
        Action::SeekBack => playback::seek_by(state, -playback::STEP_MS),
        Action::SeekForward => playback::seek_by(state, playback::STEP_MS),
        Action::SeekFarBack => playback::seek_by(state, -playback::FAR_STEP_MS),
        Action::SeekFarForward => playback::seek_by(state, playback::FAR_STEP_MS),
    }
}

/// Shows why an action is not available. A question or prompt whose action is no longer available is closed.
fn refuse(state: &mut State, action: Action, reason: String) {
    if action == Action::Accept {
        let dialog = state.user.navigation.dialog.take();
        if let Some(Dialog::Ask(Question::DecideKey(..))) = dialog {
            // The key is not in quarantine any more, so it cannot be selected again.
            quarantine::select_oldest(state);
        }
    }
    show_message(state, StatusKind::Refused, reason);
}

/// Whether watched groups are in front, so that the keys of tables and panels act on these.
fn watches(state: &State) -> bool {
    state.mode() == Mode::Watching
}

/// Whether the timeline is in front, so that the keys for moving in time act on it.
fn is_timeline(state: &State) -> bool {
    state.user.navigation.front().screen == ScreenId::Timeline
}

/// Changes only the view.
fn in_view(state: &mut State, change: impl FnOnce(&mut State)) -> Vec<Effect> {
    change(state);
    Vec::new()
}

fn moved(state: &mut State, motion: Motion) -> Vec<Effect> {
    in_view(state, |state| match &state.user.navigation.dialog {
        Some(Dialog::Palette(_)) => palette::step(state, motion),
        Some(Dialog::Columns(_)) => columns::scroll(state, motion.rows(1)),
        Some(Dialog::Presets(_)) => presets::scroll(state, motion.rows(1)),
        Some(_) => {}
        None => scroll::by_motion(state, motion),
    })
}

fn edited(state: &mut State, edit: Edit) -> Vec<Effect> {
    in_view(state, |state| typing::edit(state, edit))
}

/// Opens the help with all keys, or closes it.
fn toggle_help(state: &mut State) {
    state.user.help_filter.clear();
    navigate::toggle(state, ScreenId::Help);
}

/// Sorts the list in front by the next column.
fn sort_next_of_list(state: &mut State) {
    match state.user.navigation.front().screen {
        ScreenId::HotKeys => state.user.hot_keys.sort_next::<HotKeyRow<'_>>(),
        _ => state.user.journal.sort_next::<JournalRow<'_>>(),
    }
}

fn reverse_list(state: &mut State) {
    match state.user.navigation.front().screen {
        ScreenId::HotKeys => state.user.hot_keys.reverse(),
        _ => state.user.journal.reverse(),
    }
}

fn toggle_empty(state: &mut State) {
    state.user.show_empty = !state.user.show_empty;
    scroll::follow(state);
}

fn accept(state: &mut State) -> Vec<Effect> {
    match state.user.navigation.dialog.clone() {
        Some(Dialog::Ask(question)) => question::confirm(state, question),
        Some(Dialog::Prompt { asked, text, .. }) => accept_text(state, asked, text.text()),
        Some(Dialog::Filter(prompt)) => in_view(state, |state| filter::accept(state, prompt.filters)),
        Some(Dialog::Palette(_)) => palette::accept(state, perform),
        Some(Dialog::Columns(_) | Dialog::Presets(_)) | None => Vec::new(),
    }
}

/// Accepts the text of a prompt.
fn accept_text(state: &mut State, asked: Asked, text: &str) -> Vec<Effect> {
    match asked {
        Asked::Workers => concurrency::accept(state, text),
        Asked::RaceWorkers => race::accept(state, text),
        Asked::Rate => rate::accept(state, text),
        Asked::RehearsedPartitions => audit::accept_partitions(state, text),
        Asked::ChangeValue(choice) => group_change::accept_value(state, choice, text),
        Asked::GroupName => group_change::accept_name(state, text),
        Asked::RecordText => in_view(state, |state| inspect::search(state, text.to_owned())),
        Asked::ExportFile(subject) => export::accept(state, subject, text),
        Asked::PresetName => presets::accept_name(state, text),
    }
}
