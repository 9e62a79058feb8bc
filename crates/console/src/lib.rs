//! The console: shows the feed on a terminal and turns keys into commands.
//!
//! One task owns the [`state`]. Input and snapshots become [`update::Event`]s; [`update::update`] changes the state and
//! returns effects for the runtime to execute; the screens draw the state in a [`theme`]. The console depends only on
//! the feed and on commands.

use std::io;

pub mod action;
mod announce;
mod availability;
pub mod capture;
mod export;
pub mod hit_map;
mod input;
pub mod key;
pub mod keymap;
pub mod layout;
pub mod layout_store;
mod names;
mod number;
mod palette;
pub mod preset_store;
pub mod record;
pub mod recording_switch;
mod runtime;
pub mod screen;
pub mod state;
mod symbol;
pub mod table;
mod terminal;
mod text;
pub mod theme;
pub mod update;
mod widget;

pub use announce::Notify;
pub use runtime::run;

/// Options of the console.
#[derive(Debug)]
pub struct ConsoleOptions {
    /// The theme.
    pub theme: theme::ThemeChoice,
    /// Whether to capture the mouse. If captured, the terminal's own text selection does not work.
    pub mouse: bool,
    /// How the end of a run is announced while the terminal does not have the focus.
    pub notify: Notify,
    /// Whether to use no colours (`NO_COLOR`). Takes precedence over the theme.
    pub no_color: bool,
    /// A hint with the most useful keys.
    pub hint: Option<String>,
    /// The screen that the console opens with, and that cannot be closed.
    pub home: state::ScreenId,
    /// The keys in force.
    pub keymap: keymap::Keymap,
    /// Where the groups that are visible are told to; `None` if no groups are watched.
    pub watch: Option<kreplay_model::watch::WatchControl>,
    /// What has happened to the watched groups; `None` if no groups are watched.
    pub group_events: Option<kreplay_model::watch::WatchLog>,
    /// What silences rules; `None` if no alerts are evaluated.
    pub silences: Option<kreplay_model::watch::SilenceControl>,
    /// Control sequences of others for the terminal; `None` if there are none.
    pub terminal_notices: Option<kreplay_model::watch::TerminalNotices>,
    /// What changes the committed offsets of groups; `None` if nothing does.
    pub changes: Option<kreplay_model::watch::GroupChangeControl>,
    /// Whether groups can be changed, and if not, why.
    pub change_access: state::ChangeAccess,
    /// The processes to which the console is attached; `None` if its own process has the session. An attached console
    /// ends no session.
    pub attached: Option<tokio::sync::watch::Receiver<std::sync::Arc<kreplay_model::attach::AttachView>>>,
    /// What lists the runs that have a journal; `None` if no directory of journals is known.
    pub journals: Option<kreplay_model::journal::JournalLister>,
    /// Whether runs can be chosen in the launch form.
    pub launch: state::LaunchAccess,
    /// Where the presets of the launch form are kept; `None` if they are not.
    pub presets: Option<std::sync::Arc<dyn preset_store::PresetStore>>,
    /// What reads single records to be looked at; `None` if nothing does.
    pub inspect: Option<kreplay_model::inspect::InspectControl>,
    /// What audits topics; `None` if nothing does.
    pub audit: Option<kreplay_model::audit::AuditControl>,
    /// What counts the records of topics by time, for the launch form; `None` if nothing does.
    pub time_counts: Option<kreplay_model::time_counts::TimeCountControl>,
    /// Where the layout is kept from one start to the next; `None` if it is not.
    pub layout: Option<std::sync::Arc<dyn layout_store::LayoutStore>>,
    /// How the feed can be recorded; `None` if it cannot.
    pub recording: Option<recording_switch::RecordingOption>,
    /// A recording to be shown instead of the feed: the feed is not read, and nothing is sent.
    pub past: Option<Box<dyn kreplay_model::recording::Past>>,
    /// The moment at which the recording is opened, in milliseconds since 1970; `None` for its first one.
    pub past_at_ms: Option<i64>,
}

impl Default for ConsoleOptions {
    fn default() -> Self {
        Self {
            theme: theme::ThemeChoice::default(),
            mouse: true,
            notify: Notify::default(),
            no_color: false,
            hint: None,
            home: state::ScreenId::Dashboard,
            keymap: keymap::Keymap::default(),
            watch: None,
            group_events: None,
            silences: None,
            terminal_notices: None,
            changes: None,
            change_access: state::ChangeAccess::default(),
            attached: None,
            journals: None,
            launch: state::LaunchAccess::default(),
            presets: None,
            inspect: None,
            audit: None,
            time_counts: None,
            layout: None,
            recording: None,
            past: None,
            past_at_ms: None,
        }
    }
}

/// An error of the console.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The theme cannot be loaded.
    #[error(transparent)]
    Theme(#[from] theme::ThemeError),
    /// The terminal cannot be initialised.
    #[error("cannot open the console on this terminal: {0}; use --headless to run without a terminal")]
    Open(#[source] io::Error),
    /// Reading from the terminal failed.
    #[error("cannot read from the terminal: {0}")]
    Read(#[source] io::Error),
    /// Writing to the terminal failed.
    #[error("cannot write to the terminal: {0}")]
    Write(#[source] io::Error),
    /// A thread panicked. Its message was printed before.
    #[error("a kreplay thread panicked and the run was stopped; please report the message above")]
    Panicked,
}
