//! The table of all actions. It defines [`Action`], so that no action is without an entry.

use crossterm::event::KeyCode;

use super::{Binding, Entry, Group};
use crate::key::{Key, Mode};

const DASHBOARD: &[Mode] = &[Mode::Dashboard];
const READING: &[Mode] = &[Mode::Dashboard, Mode::Reading];
const CHOOSING: &[Mode] = &[Mode::Choosing];
const WATCHING: &[Mode] = &[Mode::Watching];
const GROUPS: &[Mode] = &[Mode::Dashboard, Mode::Choosing, Mode::Watching];
const TABLES: &[Mode] = &[Mode::Dashboard, Mode::Watching];
const CHANGING: &[Mode] = &[Mode::Changing];
const ALERTING: &[Mode] = &[Mode::Alerting];
const PLANNING: &[Mode] = &[Mode::Planning];
const CONTROLS: &[Mode] = &[Mode::Dashboard, Mode::Choosing];
const WORKERS: &[Mode] = &[Mode::Dashboard, Mode::Choosing, Mode::Planning];
const DECIDING: &[Mode] = &[Mode::Deciding];
const FAILED_RECORD: &[Mode] = &[Mode::FailedRecord];
const ERRORS: &[Mode] = &[Mode::Errors];
const INSPECTING: &[Mode] = &[Mode::Inspecting];
const MOVING: &[Mode] = &[
    Mode::Dashboard,
    Mode::Reading,
    Mode::Choosing,
    Mode::Watching,
    Mode::Changing,
    Mode::Alerting,
    Mode::Planning,
    Mode::Deciding,
    Mode::Listing,
    Mode::Errors,
    Mode::Inspecting,
];
const CHARTING: &[Mode] = &[Mode::Charting];
const LISTING: &[Mode] = &[Mode::Listing];
const RUN_PAGES: &[Mode] = &[Mode::Dashboard, Mode::Charting, Mode::Listing];

/// Defines the actions and their entries: name, group, label, description, and the keys by modes.
macro_rules! actions {
    ($($action:ident(
        $group:ident, $label:literal, $about:literal, $($modes:expr => [$($key:expr),+ $(,)?]),+ $(,)?
    )),+ $(,)?) => {
        /// A user action. Names of variants are part of the configuration: see [`Action::name`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action {
            $(#[doc = $about] $action),+
        }

        /// All actions, in the order of the help.
        pub const CATALOGUE: &[Entry] = &[$(Entry {
            action: Action::$action,
            group: Group::$group,
            label: $label,
            about: $about,
            bindings: &[$(Binding { modes: $modes, keys: &[$($key),+] }),+],
        }),+];
    };
}

#[rustfmt::skip]
actions! {
    Run(Run, "run", "Start a run; asks first if one is active",
        DASHBOARD => [Key::char('r')]),
    Restart(Run, "restart", "Stop the run and start again from its beginning",
        DASHBOARD => [Key::char('R')]),
    TogglePause(Run, "pause", "Pause or resume",
        DASHBOARD => [Key::char('p'), Key::char(' ')]),
    Stop(Run, "stop", "Stop the run; records in flight are finished",
        DASHBOARD => [Key::char('x')]),

    Topics(Topics, "topics", "Choose topics of this cluster to replay",
        DASHBOARD => [Key::char('t')]),
    Replay(Topics, "replay", "Replay the marked topics, or the selected one",
        CHOOSING => [Key::code(KeyCode::Enter)]),
    Mark(Topics, "mark", "Mark or unmark the selected topic",
        CHOOSING => [Key::char(' ')]),
    MarkAll(Topics, "mark all", "Mark or unmark all topics shown",
        CHOOSING => [Key::char('a')]),
    ListTopics(Topics, "reload", "Reload the list of topics from the cluster",
        CHOOSING => [Key::char('r')]),

    Plan(Plan, "plan", "Predict how long a run takes; changes nothing",
        WORKERS => [Key::char('P')]),
    PlanAgain(Plan, "again", "Plan again",
        PLANNING => [Key::char('r')]),
    StopPlanning(Plan, "stop", "Stop planning",
        PLANNING => [Key::char('x')]),
    Groups(Watch, "groups", "Show all watched consumer groups",
        GROUPS => [Key::char('w')]),
    Trouble(Watch, "trouble", "Show the groups that need attention, worst first",
        GROUPS => [Key::char('W')]),
    Alerts(Watch, "alerts", "Show the alerts on watched groups",
        WATCHING => [Key::char('a')]),
    SilenceRule(Watch, "silence", "Silence the first firing rule; asks first",
        ALERTING => [Key::char('s')]),
    EndSilences(Watch, "end silences", "End all silences",
        ALERTING => [Key::char('S')]),
    OpenGroup(Watch, "open", "Open the group, or show the groups that are folded",
        WATCHING => [Key::code(KeyCode::Enter)]),
    RefreshGroups(Watch, "refresh", "Observe the visible groups at once",
        WATCHING => [Key::char('r')]),
    PauseWatch(Watch, "pause", "Pause or resume the watch",
        WATCHING => [Key::char('p'), Key::char(' ')]),
    GroupEvents(Watch, "events", "Show what has happened to the groups",
        WATCHING => [Key::char('e')]),
    ChangeGroup(Watch, "change", "Reset, skip, forget, delete or undo: shows a plan",
        WATCHING => [Key::char('c')]),
    PlanChange(Watch, "plan", "Plan the selected change; changes nothing",
        CHANGING => [Key::code(KeyCode::Enter)]),
    ChangeScope(Watch, "partitions", "Choose the partitions that a reset concerns",
        CHANGING => [Key::code(KeyCode::Tab)]),
    ExecuteChange(Watch, "execute", "Execute the plan; asks for the group's name",
        CHANGING => [Key::char('X')]),

    Quarantine(Quarantine, "quarantine", "Release or dead-letter quarantined keys",
        DASHBOARD => [Key::char('Q')]),
    Release(Quarantine, "release", "Release the selected key: retry its records",
        DECIDING => [Key::char('r')]),
    ReleaseAll(Quarantine, "release all", "Release all keys; asks first",
        DECIDING => [Key::char('R')]),
    DeadLetter(Quarantine, "dead-letter", "Dead-letter the selected key; asks first",
        DECIDING => [Key::char('d')]),
    DeadLetterAll(Quarantine, "dead-letter all", "Dead-letter all keys; asks first",
        DECIDING => [Key::char('D')]),
    FailedRecord(FailedRecord, "failed record", "Retry, skip or dead-letter the failed record",
        DASHBOARD => [Key::char('f')]),
    RetryRecord(FailedRecord, "retry", "Resume and retry the record",
        FAILED_RECORD => [Key::char('r'), Key::char('p')]),
    SkipRecord(FailedRecord, "skip", "Skip the record and resume; asks first",
        FAILED_RECORD => [Key::char('s')]),
    DeadLetterRecord(FailedRecord, "dead-letter", "Dead-letter the record and resume; asks first",
        FAILED_RECORD => [Key::char('d')]),
    Errors(Record, "errors", "Show failed records by kind of error",
        DASHBOARD => [Key::char('E')]),
    Inspect(Record, "record", "Show the record: key, headers, decoded value",
        &[Mode::Dashboard, Mode::Reading, Mode::Watching, Mode::Listing] => [Key::char('I')],
        &[Mode::Deciding, Mode::FailedRecord, Mode::Errors] => [Key::code(KeyCode::Enter), Key::char('I')]),
    ToggleFold(Record, "fold", "Fold or open the selected value",
        INSPECTING => [Key::code(KeyCode::Enter), Key::char(' ')]),
    Fold(Record, "fold", "Fold the selected value, or go to what contains it",
        INSPECTING => [Key::code(KeyCode::Left), Key::char('h')]),
    Unfold(Record, "open", "Open the selected value",
        INSPECTING => [Key::code(KeyCode::Right), Key::char('l')]),
    FoldLevel(Record, "fewer levels", "Fold the innermost level that is open",
        INSPECTING => [Key::char('-'), Key::char('_')]),
    UnfoldLevel(Record, "more levels", "Open one more level",
        INSPECTING => [Key::char('+'), Key::char('=')]),
    ToggleHex(Record, "hex", "Show the value as hex, or decoded again",
        INSPECTING => [Key::code(KeyCode::Tab)]),
    Search(Record, "search", "Search in the value",
        INSPECTING => [Key::char('/')]),
    NextMatch(Record, "next", "Go to the next place that was found",
        INSPECTING => [Key::char('n')]),
    PreviousMatch(Record, "previous", "Go to the previous place that was found",
        INSPECTING => [Key::char('N')]),
    RetryInspected(Record, "retry", "Retry the record that paused the run, or its key",
        INSPECTING => [Key::char('r')]),
    SkipInspected(Record, "skip", "Skip the record that paused the run; asks first",
        INSPECTING => [Key::char('s')]),
    DeadLetterInspected(Record, "dead-letter", "Dead-letter the record or its key; asks first",
        INSPECTING => [Key::char('d')]),

    MoreWorkers(Concurrency, "more workers", "Add one worker",
        WORKERS => [Key::char('+'), Key::char('=')]),
    FewerWorkers(Concurrency, "fewer", "Remove one worker",
        WORKERS => [Key::char('-'), Key::char('_')]),
    DoubleWorkers(Concurrency, "double", "Double the number of workers",
        WORKERS => [Key::char(']')]),
    HalveWorkers(Concurrency, "halve", "Halve the number of workers",
        WORKERS => [Key::char('[')]),
    SetConcurrency(Concurrency, "set workers", "Enter the number of workers, or auto",
        CONTROLS => [Key::char('n')]),
    ToggleAuto(Concurrency, "auto", "Toggle automatic concurrency",
        DASHBOARD => [Key::char('a')],
        CHOOSING => [Key::char('A')]),
    SetRate(Concurrency, "rate limit", "Limit the records or bytes per second",
        CONTROLS => [Key::char('L')]),

    SortNext(Partitions, "sort", "Sort by the next column",
        TABLES => [Key::char('s')],
        CHARTING => [Key::char('s')],
        LISTING => [Key::char('s')]),
    SortReverse(Partitions, "reverse", "Reverse the sort order",
        TABLES => [Key::char('S')],
        LISTING => [Key::char('S')]),
    Filter(Partitions, "filter", "Filter rows, for example by lag>1k or !state:done",
        GROUPS => [Key::char('/')],
        LISTING => [Key::char('/')]),
    ToggleEmpty(Partitions, "empty", "Show or hide partitions without records",
        DASHBOARD => [Key::char('z')]),
    Details(View, "details", "Show details of the partition, event or run",
        DASHBOARD => [Key::code(KeyCode::Enter)]),

    FocusNext(View, "next panel", "Focus the next panel",
        TABLES => [Key::code(KeyCode::Tab), Key::code(KeyCode::Right), Key::char('l')]),
    FocusPrevious(View, "previous panel", "Focus the previous panel",
        TABLES => [Key::code(KeyCode::BackTab), Key::code(KeyCode::Left), Key::char('h')]),
    EventFilter(View, "events", "Filter events by severity",
        DASHBOARD => [Key::char('e')]),
    RunDetails(View, "the run", "Show the run's settings, limits and failures",
        READING => [Key::char('i')]),
    Compare(View, "compare", "Compare this session's runs",
        READING => [Key::char('c')]),
    Help(View, "help", "Show all keys",
        MOVING => [Key::char('?'), Key::code(KeyCode::F(1))],
        CHARTING => [Key::char('?'), Key::code(KeyCode::F(1))]),

    Up(Move, "up", "Up",
        MOVING => [Key::code(KeyCode::Up), Key::char('k')],
        CHARTING => [Key::code(KeyCode::Up), Key::char('k')]),
    Down(Move, "down", "Down",
        MOVING => [Key::code(KeyCode::Down), Key::char('j')],
        CHARTING => [Key::code(KeyCode::Down), Key::char('j')]),
    HalfPageUp(Move, "half page up", "Half a page up",
        MOVING => [Key::ctrl('u')],
        CHARTING => [Key::ctrl('u')]),
    HalfPageDown(Move, "half page down", "Half a page down",
        MOVING => [Key::ctrl('d')],
        CHARTING => [Key::ctrl('d')]),
    PageUp(Move, "page up", "A page up",
        MOVING => [Key::code(KeyCode::PageUp), Key::ctrl('b')],
        CHARTING => [Key::code(KeyCode::PageUp), Key::ctrl('b')]),
    PageDown(Move, "page down", "A page down",
        MOVING => [Key::code(KeyCode::PageDown), Key::ctrl('f')],
        CHARTING => [Key::code(KeyCode::PageDown), Key::ctrl('f')]),
    Top(Move, "top", "To the top",
        MOVING => [Key::char('g'), Key::code(KeyCode::Home)],
        CHARTING => [Key::char('g'), Key::code(KeyCode::Home)]),
    Bottom(Move, "bottom", "To the bottom; the event log follows again",
        MOVING => [Key::char('G'), Key::code(KeyCode::End)],
        CHARTING => [Key::char('G')]),

    Accept(Dialog, "yes", "Confirm, or accept the input",
        &[Mode::Asking] => [Key::char('y'), Key::code(KeyCode::Enter)],
        &[Mode::Typing] => [Key::code(KeyCode::Enter)]),
    Close(Dialog, "close", "Decline, close, dismiss, or clear the filter",
        &[Mode::Dashboard, Mode::Typing] => [Key::code(KeyCode::Esc)],
        CHOOSING => [Key::code(KeyCode::Esc), Key::char('q')],
        WATCHING => [Key::code(KeyCode::Esc)],
        &[Mode::Reading, Mode::Alerting, Mode::Planning] => [Key::code(KeyCode::Esc), Key::char('q'), Key::code(KeyCode::Enter)],
        CHANGING => [Key::code(KeyCode::Esc), Key::char('q')],
        DECIDING => [Key::code(KeyCode::Esc), Key::char('q')],
        CHARTING => [Key::code(KeyCode::Esc), Key::char('q')],
        LISTING => [Key::code(KeyCode::Esc), Key::char('q')],
        FAILED_RECORD => [Key::code(KeyCode::Esc), Key::char('q')],
        ERRORS => [Key::code(KeyCode::Esc), Key::char('q')],
        INSPECTING => [Key::code(KeyCode::Esc), Key::char('q')],
        &[Mode::Asking] => [Key::char('n'), Key::code(KeyCode::Esc), Key::char('q')]),
    DeleteLeft(Dialog, "delete", "Delete the last character",
        &[Mode::Typing] => [Key::code(KeyCode::Backspace), Key::ctrl('h')]),
    DeleteAll(Dialog, "clear", "Delete the input",
        &[Mode::Typing] => [Key::ctrl('u')]),

    Quit(Program, "quit", "Quit; asks first if a run is active",
        TABLES => [Key::char('q')]),
    Interrupt(Program, "quit", "Quit; press twice to quit immediately",
        &Mode::ALL => [Key::ctrl('c')]),
    Suspend(Program, "suspend", "Suspend to the shell; `fg` returns",
        &Mode::ALL => [Key::ctrl('z')]),
    Redraw(Program, "redraw", "Redraw the whole screen",
        &Mode::ALL => [Key::ctrl('l')]),

    Workers(Charts, "workers", "Show the workers over time, a lane for each",
        RUN_PAGES => [Key::char('o')]),
    HeatMap(Charts, "heat map", "Show the partitions over time as a heat map",
        RUN_PAGES => [Key::char('H')]),
    SwitchLanes(Charts, "lanes", "Show lanes of workers, or of partitions",
        CHARTING => [Key::char('b')]),
    SwitchMetric(Charts, "figure", "Show another figure on the heat map",
        CHARTING => [Key::char('m')]),
    CursorLeft(Charts, "earlier", "Move the cursor to the cell before",
        CHARTING => [Key::code(KeyCode::Left), Key::char('h')]),
    CursorRight(Charts, "later", "Move the cursor to the next cell",
        CHARTING => [Key::code(KeyCode::Right), Key::char('l')]),
    ZoomIn(Charts, "zoom in", "Show half of the time",
        CHARTING => [Key::char('>')]),
    ZoomOut(Charts, "zoom out", "Show twice as much time",
        CHARTING => [Key::char('<')]),
    PreviousMark(Charts, "previous event", "Move the cursor to the event before",
        CHARTING => [Key::char('{')]),
    NextMark(Charts, "next event", "Move the cursor to the next event",
        CHARTING => [Key::char('}')]),
    Latest(Charts, "live", "Follow the latest moment again",
        CHARTING => [Key::code(KeyCode::End)]),
    WholeTimeline(Charts, "whole run", "Show the whole run",
        CHARTING => [Key::char('W')]),
    EventLog(Charts, "log", "Show all events of the session, with a filter",
        RUN_PAGES => [Key::char('v')]),
    WrapEvents(Charts, "wrap", "Wrap long events of the log, or cut them",
        LISTING => [Key::char('w')]),
    HotKeys(Charts, "hot keys", "Show the heaviest and the quarantined keys",
        RUN_PAGES => [Key::char('K')]),
    Journals(Charts, "runs", "Show the runs that have a journal",
        RUN_PAGES => [Key::char('J')]),
    ListJournals(Charts, "reload", "List the runs that have a journal again",
        LISTING => [Key::char('r')]),
}

/// Mouse gestures and their one-line descriptions for the help.
pub const MOUSE: &[(&str, &str)] = &[
    ("Wheel", "Scroll what is under the pointer"),
    ("Click", "Focus a panel, select a row, close a window"),
    ("Click a heading", "Sort by that column; again to reverse"),
];
