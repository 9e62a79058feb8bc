//! Everything a user can do, in one catalogue: keys, mouse, help and footer are read from it.

use crossterm::event::KeyCode;

use super::keymap::{Key, Mode};

/// Something a user can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the catalogue below says what each does")]
pub enum Action {
    Run,
    Restart,
    TogglePause,
    Cancel,
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

/// What an action belongs to; the help is grouped by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Starting and stopping.
    Run,
    /// Choosing topics.
    Topics,
    /// What a run would be like.
    Plan,
    /// Keys in quarantine.
    Quarantine,
    /// The record that paused the run.
    FailedRecord,
    /// The number of workers.
    Concurrency,
    /// The partition table.
    Partitions,
    /// What is on the screen.
    View,
    /// Moving about in a panel.
    Move,
    /// Questions and texts.
    Dialog,
    /// The program itself.
    Program,
}

impl Group {
    /// Every group, in the order of the help.
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

    /// Its heading.
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
            Self::Dialog => "Questions and texts",
            Self::Program => "Program",
        }
    }
}

/// Keys that do the same in some modes.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// The modes in which they do it.
    pub modes: &'static [Mode],
    /// The keys; the first is the one a footer names.
    pub keys: &'static [Key],
}

/// One action with all that is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The action.
    pub action: Action,
    /// What it belongs to.
    pub group: Group,
    /// A word or two, for the footer.
    pub label: &'static str,
    /// One line, for the help.
    pub about: &'static str,
    /// Its keys.
    pub bindings: &'static [Binding],
}

impl Entry {
    /// Every key, in the catalogue's order, each once.
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
    /// What the catalogue says of it.
    #[must_use]
    pub fn entry(self) -> Option<&'static Entry> {
        CATALOGUE.iter().find(|entry| entry.action == self)
    }

    /// The key that a footer names for it in a mode.
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

/// Every action, in the order of the help.
#[rustfmt::skip]
pub const CATALOGUE: &[Entry] = &[
    entry!(Run, Run, "run", "Run; asks first while a run is going",
        DASHBOARD => [Key::char('r')]),
    entry!(Restart, Run, "restart", "Stop the run, then run again from its beginning",
        DASHBOARD => [Key::char('R')]),
    entry!(TogglePause, Run, "pause", "Pause, or go on",
        DASHBOARD => [Key::char('p'), Key::char(' ')]),
    entry!(Cancel, Run, "cancel", "Stop before the end; what is in hand is finished",
        DASHBOARD => [Key::char('x')]),

    entry!(Topics, Topics, "topics", "Choose topics of this cluster to replay",
        DASHBOARD => [Key::char('t')]),
    entry!(Replay, Topics, "replay", "Replay the marked topics, or the selected one",
        CHOOSING => [Key::code(KeyCode::Enter)]),
    entry!(Mark, Topics, "mark", "Mark the selected topic, or take its mark away",
        CHOOSING => [Key::char(' ')]),
    entry!(MarkAll, Topics, "mark all", "Mark every topic shown, or none",
        CHOOSING => [Key::char('a')]),
    entry!(ListTopics, Topics, "reload", "Ask the cluster for its topics again",
        CHOOSING => [Key::char('r')]),

    entry!(Plan, Plan, "plan", "What a run would be like; changes nothing",
        WORKERS => [Key::char('P')]),
    entry!(PlanAgain, Plan, "again", "Make the plan anew",
        PLANNING => [Key::char('r')]),
    entry!(StopPlanning, Plan, "give up", "Give up the plan that is being made",
        PLANNING => [Key::char('x')]),
    entry!(Quarantine, Quarantine, "quarantine", "Decide what becomes of keys that were put aside",
        DASHBOARD => [Key::char('Q')]),
    entry!(Release, Quarantine, "release", "Try the selected key again, in its order",
        DECIDING => [Key::char('r')]),
    entry!(ReleaseAll, Quarantine, "release all", "Try all of them again; asks first",
        DECIDING => [Key::char('R')]),
    entry!(DeadLetter, Quarantine, "dead-letter", "Dead-letter the selected key; asks first",
        DECIDING => [Key::char('d')]),
    entry!(DeadLetterAll, Quarantine, "dead-letter all", "Send all of them to the dead letters; asks first",
        DECIDING => [Key::char('D')]),
    entry!(FailedRecord, FailedRecord, "failed record", "Decide about the record that paused the run",
        DASHBOARD => [Key::char('f')]),
    entry!(RetryRecord, FailedRecord, "try again", "Resume, and try the record again",
        FAILED_RECORD => [Key::char('r'), Key::char('p')]),
    entry!(SkipRecord, FailedRecord, "skip", "Skip the record and resume; asks first",
        FAILED_RECORD => [Key::char('s')]),
    entry!(DeadLetterRecord, FailedRecord, "dead-letter", "Dead-letter the record and resume; asks first",
        FAILED_RECORD => [Key::char('d')]),

    entry!(MoreWorkers, Concurrency, "more workers", "One worker more",
        WORKERS => [Key::char('+'), Key::char('=')]),
    entry!(FewerWorkers, Concurrency, "fewer", "One worker fewer",
        WORKERS => [Key::char('-'), Key::char('_')]),
    entry!(DoubleWorkers, Concurrency, "double", "Twice as many workers",
        WORKERS => [Key::char(']')]),
    entry!(HalveWorkers, Concurrency, "halve", "Half as many workers",
        WORKERS => [Key::char('[')]),
    entry!(SetConcurrency, Concurrency, "set workers", "Type the number of workers, or auto",
        CONTROLS => [Key::char('n'), Key::char(':')]),
    entry!(ToggleAuto, Concurrency, "auto", "Find the number of workers by itself, or no longer",
        DASHBOARD => [Key::char('a')],
        CHOOSING => [Key::char('A')]),
    entry!(SetRate, Concurrency, "rate limit", "Type the most records or bytes a second",
        CONTROLS => [Key::char('L')]),

    entry!(SortNext, Partitions, "sort", "Sort by the next column",
        DASHBOARD => [Key::char('s')]),
    entry!(SortReverse, Partitions, "reverse", "Sort the other way round",
        DASHBOARD => [Key::char('S')]),
    entry!(Filter, Partitions, "filter", "Show only what matches: topic, owner or state",
        CONTROLS => [Key::char('/')]),
    entry!(ToggleEmpty, Partitions, "empty", "Show or hide partitions without records",
        DASHBOARD => [Key::char('z')]),
    entry!(Details, View, "details", "Details of the partition, the event or the run",
        DASHBOARD => [Key::code(KeyCode::Enter)]),

    entry!(FocusNext, View, "next panel", "Go to the next panel",
        DASHBOARD => [Key::code(KeyCode::Tab), Key::code(KeyCode::Right), Key::char('l')]),
    entry!(FocusPrevious, View, "previous panel", "Go to the panel before",
        DASHBOARD => [Key::code(KeyCode::BackTab), Key::code(KeyCode::Left), Key::char('h')]),
    entry!(EventFilter, View, "events", "Show all events, or only the louder ones",
        DASHBOARD => [Key::char('e')]),
    entry!(RunDetails, View, "the run", "All about the run: range, limits, failures",
        READING => [Key::char('i')]),
    entry!(Compare, View, "compare", "Compare this session's runs",
        READING => [Key::char('c')]),
    entry!(Help, View, "help", "Every key",
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

    entry!(Accept, Dialog, "yes", "Say yes, or take what is typed",
        &[Mode::Asking] => [Key::char('y'), Key::code(KeyCode::Enter)],
        &[Mode::Typing] => [Key::code(KeyCode::Enter)]),
    entry!(Close, Dialog, "close", "Say no, close, dismiss a message, clear the filter",
        &[Mode::Dashboard, Mode::Typing] => [Key::code(KeyCode::Esc)],
        CHOOSING => [Key::code(KeyCode::Esc), Key::char('q')],
        &[Mode::Reading, Mode::Planning] => [Key::code(KeyCode::Esc), Key::char('q'), Key::code(KeyCode::Enter)],
        DECIDING => [Key::code(KeyCode::Esc), Key::char('q')],
        FAILED_RECORD => [Key::code(KeyCode::Esc), Key::char('q')],
        &[Mode::Asking] => [Key::char('n'), Key::code(KeyCode::Esc), Key::char('q')]),
    entry!(DeleteLeft, Dialog, "delete", "Delete the last character",
        &[Mode::Typing] => [Key::code(KeyCode::Backspace), Key::ctrl('h')]),
    entry!(DeleteAll, Dialog, "clear", "Delete the whole text",
        &[Mode::Typing] => [Key::ctrl('u')]),

    entry!(Quit, Program, "quit", "Quit; asks first while a run is going",
        DASHBOARD => [Key::char('q')]),
    entry!(Interrupt, Program, "quit", "Quit; twice quits without an answer",
        &Mode::ALL => [Key::ctrl('c')]),
    entry!(Suspend, Program, "suspend", "Back to the shell; `fg` returns",
        &Mode::ALL => [Key::ctrl('z')]),
    entry!(Redraw, Program, "redraw", "Draw the whole screen anew",
        &Mode::ALL => [Key::ctrl('l')]),
];

/// What the mouse does: the gesture, and one line for the help.
pub const MOUSE: &[(&str, &str)] = &[
    ("Wheel", "Scroll what is under the pointer"),
    ("Click", "Go to a panel, select a partition, close a window"),
    ("Click on a head", "Sort by that column; again, the other way round"),
];
