//! The catalogue of user actions. Key bindings, help, footer, and the README's key table are generated from it.

use crossterm::event::KeyCode;

use super::keymap::{Key, Mode};

/// A user action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the catalogue below describes each action")]
pub enum Action {
    Run,
    Restart,
    TogglePause,
    Stop,
    Topics,
    Replay,
    Mark,
    MarkAll,
    ListTopics,
    Plan,
    PlanAgain,
    StopPlanning,
    Quarantine,
    Release,
    ReleaseAll,
    DeadLetter,
    DeadLetterAll,
    FailedRecord,
    RetryRecord,
    SkipRecord,
    DeadLetterRecord,
    MoreWorkers,
    FewerWorkers,
    DoubleWorkers,
    HalveWorkers,
    SetConcurrency,
    ToggleAuto,
    SetRate,
    SortNext,
    SortReverse,
    Filter,
    ToggleEmpty,
    Details,
    RunDetails,
    FocusNext,
    FocusPrevious,
    EventFilter,
    Compare,
    Help,
    Up,
    Down,
    HalfPageUp,
    HalfPageDown,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Accept,
    Close,
    DeleteLeft,
    DeleteAll,
    Quit,
    Interrupt,
    Suspend,
    Redraw,
}

/// The group of an action in the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Starting and stopping runs.
    Run,
    /// Choosing topics.
    Topics,
    /// Forecasts.
    Plan,
    /// Quarantined keys.
    Quarantine,
    /// The record that paused the run.
    FailedRecord,
    /// The number of workers.
    Concurrency,
    /// The partition table.
    Partitions,
    /// Panels and windows.
    View,
    /// Moving in a panel.
    Move,
    /// Questions and text input.
    Dialog,
    /// The program itself.
    Program,
}

impl Group {
    /// All groups, in the order of the help.
    pub const ALL: [Self; 11] = [
        Self::Run,
        Self::Topics,
        Self::Plan,
        Self::Quarantine,
        Self::FailedRecord,
        Self::Concurrency,
        Self::Partitions,
        Self::View,
        Self::Move,
        Self::Dialog,
        Self::Program,
    ];

    /// The heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Run => "Run",
            Self::Topics => "Topics",
            Self::Plan => "Plan",
            Self::Quarantine => "Quarantine",
            Self::FailedRecord => "Failed record",
            Self::Concurrency => "Concurrency",
            Self::Partitions => "Partitions",
            Self::View => "View",
            Self::Move => "Move",
            Self::Dialog => "Dialogs",
            Self::Program => "Program",
        }
    }
}

/// Keys bound to an action in some modes.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// The modes in which the keys are bound.
    pub modes: &'static [Mode],
    /// The keys. The footer shows the first one.
    pub keys: &'static [Key],
}

/// The catalogue entry of an action.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The action.
    pub action: Action,
    /// Its group.
    pub group: Group,
    /// A short label for the footer.
    pub label: &'static str,
    /// A one-line description for the help, at most 52 characters.
    pub about: &'static str,
    /// Its key bindings.
    pub bindings: &'static [Binding],
}

impl Entry {
    /// All keys without duplicates, in catalogue order.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        let mut keys = Vec::new();
        for key in self.bindings.iter().flat_map(|binding| binding.keys) {
            if !keys.contains(key) {
                keys.push(*key);
            }
        }
        keys
    }
}

impl Action {
    /// Its catalogue entry.
    #[must_use]
    pub fn entry(self) -> Option<&'static Entry> {
        CATALOGUE.iter().find(|entry| entry.action == self)
    }

    /// The key that the footer shows for it in a mode.
    #[must_use]
    pub fn key(self, mode: Mode) -> Option<Key> {
        let bound = self.entry()?.bindings.iter().find(|binding| binding.modes.contains(&mode))?;
        bound.keys.first().copied()
    }
}

const DASHBOARD: &[Mode] = &[Mode::Dashboard];
const READING: &[Mode] = &[Mode::Dashboard, Mode::Reading];
const CHOOSING: &[Mode] = &[Mode::Choosing];
const PLANNING: &[Mode] = &[Mode::Planning];
const CONTROLS: &[Mode] = &[Mode::Dashboard, Mode::Choosing];
const WORKERS: &[Mode] = &[Mode::Dashboard, Mode::Choosing, Mode::Planning];
const DECIDING: &[Mode] = &[Mode::Deciding];
const FAILED_RECORD: &[Mode] = &[Mode::FailedRecord];
const MOVING: &[Mode] = &[Mode::Dashboard, Mode::Reading, Mode::Choosing, Mode::Planning, Mode::Deciding];

macro_rules! entry {
    ($action:ident, $group:ident, $label:literal, $about:literal, $($modes:expr => [$($key:expr),+ $(,)?]),+ $(,)?) => {
        Entry {
            action: Action::$action,
            group: Group::$group,
            label: $label,
            about: $about,
            bindings: &[$(Binding { modes: $modes, keys: &[$($key),+] }),+],
        }
    };
}

/// All actions, in the order of the help.
#[rustfmt::skip]
pub const CATALOGUE: &[Entry] = &[
    entry!(Run, Run, "run", "Start a run; asks first if one is active",
        DASHBOARD => [Key::char('r')]),
    entry!(Restart, Run, "restart", "Stop the run and start again from its beginning",
        DASHBOARD => [Key::char('R')]),
    entry!(TogglePause, Run, "pause", "Pause or resume",
        DASHBOARD => [Key::char('p'), Key::char(' ')]),
    entry!(Stop, Run, "stop", "Stop the run; records in flight are finished",
        DASHBOARD => [Key::char('x')]),

    entry!(Topics, Topics, "topics", "Choose topics of this cluster to replay",
        DASHBOARD => [Key::char('t')]),
    entry!(Replay, Topics, "replay", "Replay the marked topics, or the selected one",
        CHOOSING => [Key::code(KeyCode::Enter)]),
    entry!(Mark, Topics, "mark", "Mark or unmark the selected topic",
        CHOOSING => [Key::char(' ')]),
    entry!(MarkAll, Topics, "mark all", "Mark or unmark all topics shown",
        CHOOSING => [Key::char('a')]),
    entry!(ListTopics, Topics, "reload", "Reload the list of topics from the cluster",
        CHOOSING => [Key::char('r')]),

    entry!(Plan, Plan, "plan", "Predict how long a run takes; changes nothing",
        WORKERS => [Key::char('P')]),
    entry!(PlanAgain, Plan, "again", "Make the plan again",
        PLANNING => [Key::char('r')]),
    entry!(StopPlanning, Plan, "stop", "Stop making the plan",
        PLANNING => [Key::char('x')]),
    entry!(Quarantine, Quarantine, "quarantine", "Decide about quarantined keys",
        DASHBOARD => [Key::char('Q')]),
    entry!(Release, Quarantine, "release", "Release the selected key: retry its records",
        DECIDING => [Key::char('r')]),
    entry!(ReleaseAll, Quarantine, "release all", "Release all keys; asks first",
        DECIDING => [Key::char('R')]),
    entry!(DeadLetter, Quarantine, "dead-letter", "Dead-letter the selected key; asks first",
        DECIDING => [Key::char('d')]),
    entry!(DeadLetterAll, Quarantine, "dead-letter all", "Dead-letter all keys; asks first",
        DECIDING => [Key::char('D')]),
    entry!(FailedRecord, FailedRecord, "failed record", "Decide about the record that paused the run",
        DASHBOARD => [Key::char('f')]),
    entry!(RetryRecord, FailedRecord, "retry", "Resume and retry the record",
        FAILED_RECORD => [Key::char('r'), Key::char('p')]),
    entry!(SkipRecord, FailedRecord, "skip", "Skip the record and resume; asks first",
        FAILED_RECORD => [Key::char('s')]),
    entry!(DeadLetterRecord, FailedRecord, "dead-letter", "Dead-letter the record and resume; asks first",
        FAILED_RECORD => [Key::char('d')]),

    entry!(MoreWorkers, Concurrency, "more workers", "Add one worker",
        WORKERS => [Key::char('+'), Key::char('=')]),
    entry!(FewerWorkers, Concurrency, "fewer", "Remove one worker",
        WORKERS => [Key::char('-'), Key::char('_')]),
    entry!(DoubleWorkers, Concurrency, "double", "Double the number of workers",
        WORKERS => [Key::char(']')]),
    entry!(HalveWorkers, Concurrency, "halve", "Halve the number of workers",
        WORKERS => [Key::char('[')]),
    entry!(SetConcurrency, Concurrency, "set workers", "Enter the number of workers, or auto",
        CONTROLS => [Key::char('n'), Key::char(':')]),
    entry!(ToggleAuto, Concurrency, "auto", "Toggle automatic concurrency",
        DASHBOARD => [Key::char('a')],
        CHOOSING => [Key::char('A')]),
    entry!(SetRate, Concurrency, "rate limit", "Limit the records or bytes per second",
        CONTROLS => [Key::char('L')]),

    entry!(SortNext, Partitions, "sort", "Sort by the next column",
        DASHBOARD => [Key::char('s')]),
    entry!(SortReverse, Partitions, "reverse", "Reverse the sort order",
        DASHBOARD => [Key::char('S')]),
    entry!(Filter, Partitions, "filter", "Filter by topic, owner or state",
        CONTROLS => [Key::char('/')]),
    entry!(ToggleEmpty, Partitions, "empty", "Show or hide partitions without records",
        DASHBOARD => [Key::char('z')]),
    entry!(Details, View, "details", "Show details of the partition, event or run",
        DASHBOARD => [Key::code(KeyCode::Enter)]),

    entry!(FocusNext, View, "next panel", "Focus the next panel",
        DASHBOARD => [Key::code(KeyCode::Tab), Key::code(KeyCode::Right), Key::char('l')]),
    entry!(FocusPrevious, View, "previous panel", "Focus the previous panel",
        DASHBOARD => [Key::code(KeyCode::BackTab), Key::code(KeyCode::Left), Key::char('h')]),
    entry!(EventFilter, View, "events", "Filter events by severity",
        DASHBOARD => [Key::char('e')]),
    entry!(RunDetails, View, "the run", "Show the run's settings, limits and failures",
        READING => [Key::char('i')]),
    entry!(Compare, View, "compare", "Compare this session's runs",
        READING => [Key::char('c')]),
    entry!(Help, View, "help", "Show all keys",
        MOVING => [Key::char('?'), Key::code(KeyCode::F(1))]),

    entry!(Up, Move, "up", "Up",
        MOVING => [Key::code(KeyCode::Up), Key::char('k')]),
    entry!(Down, Move, "down", "Down",
        MOVING => [Key::code(KeyCode::Down), Key::char('j')]),
    entry!(HalfPageUp, Move, "half page up", "Half a page up",
        MOVING => [Key::ctrl('u')]),
    entry!(HalfPageDown, Move, "half page down", "Half a page down",
        MOVING => [Key::ctrl('d')]),
    entry!(PageUp, Move, "page up", "A page up",
        MOVING => [Key::code(KeyCode::PageUp), Key::ctrl('b')]),
    entry!(PageDown, Move, "page down", "A page down",
        MOVING => [Key::code(KeyCode::PageDown), Key::ctrl('f')]),
    entry!(Top, Move, "top", "To the top",
        MOVING => [Key::char('g'), Key::code(KeyCode::Home)]),
    entry!(Bottom, Move, "bottom", "To the bottom; the event log follows again",
        MOVING => [Key::char('G'), Key::code(KeyCode::End)]),

    entry!(Accept, Dialog, "yes", "Answer yes, or accept the input",
        &[Mode::Asking] => [Key::char('y'), Key::code(KeyCode::Enter)],
        &[Mode::Typing] => [Key::code(KeyCode::Enter)]),
    entry!(Close, Dialog, "close", "Answer no, close, dismiss, or clear the filter",
        &[Mode::Dashboard, Mode::Typing] => [Key::code(KeyCode::Esc)],
        CHOOSING => [Key::code(KeyCode::Esc), Key::char('q')],
        &[Mode::Reading, Mode::Planning] => [Key::code(KeyCode::Esc), Key::char('q'), Key::code(KeyCode::Enter)],
        DECIDING => [Key::code(KeyCode::Esc), Key::char('q')],
        FAILED_RECORD => [Key::code(KeyCode::Esc), Key::char('q')],
        &[Mode::Asking] => [Key::char('n'), Key::code(KeyCode::Esc), Key::char('q')]),
    entry!(DeleteLeft, Dialog, "delete", "Delete the last character",
        &[Mode::Typing] => [Key::code(KeyCode::Backspace), Key::ctrl('h')]),
    entry!(DeleteAll, Dialog, "clear", "Delete the input",
        &[Mode::Typing] => [Key::ctrl('u')]),

    entry!(Quit, Program, "quit", "Quit; asks first if a run is active",
        DASHBOARD => [Key::char('q')]),
    entry!(Interrupt, Program, "quit", "Quit; press twice to quit immediately",
        &Mode::ALL => [Key::ctrl('c')]),
    entry!(Suspend, Program, "suspend", "Suspend to the shell; `fg` returns",
        &Mode::ALL => [Key::ctrl('z')]),
    entry!(Redraw, Program, "redraw", "Redraw the whole screen",
        &Mode::ALL => [Key::ctrl('l')]),
];

/// Mouse gestures and their one-line descriptions for the help.
pub const MOUSE: &[(&str, &str)] = &[
    ("Wheel", "Scroll what is under the pointer"),
    ("Click", "Focus a panel, select a row, close a window"),
    ("Click a heading", "Sort by that column; again to reverse"),
];
