//! What a console is connected to, and when it draws. Inputs are the terminal, the feed, signals, and the clock;
//! outputs are frames and commands.

use std::{sync::Arc, time::Instant};

use kreplay_model::attach::AttachView;
use kreplay_model::audit::AuditControl;
use kreplay_model::control::{Command, Control};
use kreplay_model::feed::{EventLog, Feed};
use kreplay_model::inspect::InspectControl;
use kreplay_model::journal::{JournalLister, JournalListing};
use kreplay_model::time_counts::TimeCountControl;
use kreplay_model::timeline::Moment;
use kreplay_model::watch::{GroupChangeControl, SilenceControl, TerminalNotices, WatchControl, WatchLog};
use tokio::sync::{mpsc, watch::Receiver};

use super::{
    ConsoleError, ConsoleOptions,
    announce::{Abilities, Announcer},
    hit_map::HitMap,
    input::{self, Input},
    layout_store::LayoutStore,
    preset_store::PresetStore,
    recording_switch::RecordingSwitch,
    state::State,
    terminal::{self, Screen},
    theme::{self, ColorDepth, Theme, ThemeChoice},
    update::Event,
};

mod effects;
mod frame_pace;
mod incoming;
mod layout;
mod main_loops;
mod past;
mod presets;
mod reading;
mod recording;
mod signals;

use frame_pace::FramePace;
use layout::KeptLayout;
use past::{LastFrames, Moments, Recording};

/// Runs the console until the user quits, a signal ends the process, or the terminal closes. It then restores the
/// terminal and, unless it is attached to other processes, sends a shutdown command to the session. If the options have
/// a recording, it is shown instead of the feed, and nothing is sent.
///
/// From the first call on, the process handles SIGINT, SIGTERM, SIGHUP, and SIGTSTP itself, even after the console has
/// closed. Code that then waits for the session must handle these signals too.
///
/// # Errors
/// [`ConsoleError`] if the theme cannot be loaded, or the terminal cannot be opened, read, or written. The shutdown
/// command is also sent in this case, except if the console could not be opened.
pub async fn run(feed: Feed, control: Control, options: ConsoleOptions) -> Result<(), ConsoleError> {
    let depth = ColorDepth::from_environment(variable("COLORTERM").as_deref(), variable("TERM").as_deref());
    let theme = theme(&options, depth)?;
    let announcer = Announcer::new(Abilities::of_environment(variable), options.notify);
    let screen = Screen::open(options.mouse, announcer.abilities()).map_err(ConsoleError::Open)?;
    let (width, height) = screen.size().map_err(ConsoleError::Open)?;
    let mut state = State::with_home(options.home, width, height, options.hint).with_keymap(options.keymap);
    state.feed.changes.access = options.change_access;
    state.launch_access = options.launch;
    state.no_color = options.no_color;
    state.user.mouse = options.mouse;
    let is_attached = options.attached.is_some();
    let is_recording = options.past.is_some();
    let past = match options.past {
        Some(past) => Moments::Recording(Recording::new(past, options.past_at_ms.map(Moment::from_ms))),
        None => Moments::Feed(Box::new(LastFrames::new())),
    };
    let runtime = Runtime {
        state,
        themes: Themes { of_options: theme.clone(), shown: theme, name: None, depth },
        screen,
        announcer,
        hits: HitMap::default(),
        past,
        control: control.clone(),
        watch: options.watch,
        changes: options.changes,
        journals: options.journals,
        listings: mpsc::unbounded_channel(),
        inspect: options.inspect,
        audit: options.audit,
        time_counts: options.time_counts,
        group_events: options.group_events,
        silences: options.silences,
        terminal_notices: options.terminal_notices,
        next_group_event: 0,
        attached: options.attached,
        layout: None,
        presets: options.presets,
        switch: None,
        recorded: mpsc::unbounded_channel(),
        input: Input::open().map_err(ConsoleError::Open)?,
        pace: FramePace::default(),
        started: Instant::now(),
        suspended_by_us: false,
    };
    let mut runtime = runtime.with_recording(options.recording);
    if let Some(store) = options.layout.filter(|_| !is_recording) {
        runtime.load_layout(store, &feed.events)?;
    }
    let outcome = if is_recording { Box::pin(runtime.play()).await } else { Box::pin(runtime.run(feed)).await };
    if !is_recording && !is_attached {
        control.send(Command::Shutdown);
    }
    match outcome {
        // A closed terminal ends the session cleanly, like SIGHUP.
        Err(ConsoleError::Read(_) | ConsoleError::Write(_)) if input::terminal_has_closed() => Ok(()),
        other => other,
    }
}

/// An environment variable, if it is set and UTF-8.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn theme(options: &ConsoleOptions, depth: ColorDepth) -> Result<Theme, ConsoleError> {
    let choice = match &options.theme {
        _ if options.no_color => &ThemeChoice::MONO,
        // The terminal answers on standard input, which must not have a reader yet.
        ThemeChoice::Auto => &theme::for_background_of_terminal(),
        chosen => chosen,
    };
    Ok(Theme::load_for(choice, depth)?)
}

/// The theme that is shown, and the one to return to.
struct Themes {
    of_options: Theme,
    shown: Theme,
    /// The name of the shown theme; `None` if it is that of the options.
    name: Option<&'static str>,
    depth: ColorDepth,
}

impl Themes {
    /// The theme with a name, or that of the options.
    fn show(&mut self, name: Option<&'static str>) -> Result<&Theme, ConsoleError> {
        if name != self.name {
            self.shown = match name {
                Some(name) => Theme::load_for(&ThemeChoice::BuiltIn(name), self.depth)?,
                None => self.of_options.clone(),
            };
            self.name = name;
        }
        Ok(&self.shown)
    }
}

/// Whether the main loop continues.
#[derive(PartialEq, Eq)]
enum Next {
    Continue,
    Quit,
}

impl Next {
    /// Quits if one of two steps quits.
    fn or(self, other: Self) -> Self {
        if self == Self::Quit { self } else { other }
    }
}

/// What was recorded, or what the recording lacks.
type Recorded = Result<String, String>;

struct Runtime {
    state: State,
    themes: Themes,
    screen: Screen,
    announcer: Announcer,
    /// What the last frame shows.
    hits: HitMap,
    /// Where earlier moments are looked up.
    past: Moments,
    control: Control,
    /// The watcher of groups, if there is one.
    watch: Option<WatchControl>,
    /// What changes groups, if anything does.
    changes: Option<GroupChangeControl>,
    /// What lists the runs that have a journal, if anything does.
    journals: Option<JournalLister>,
    /// The lists of these runs.
    listings: (mpsc::UnboundedSender<JournalListing>, mpsc::UnboundedReceiver<JournalListing>),
    /// What reads single records, if anything does.
    inspect: Option<InspectControl>,
    /// What audits topics, if anything does.
    audit: Option<AuditControl>,
    /// What counts records by time, if anything does.
    time_counts: Option<TimeCountControl>,
    /// What has happened to the watched groups, if there are any.
    group_events: Option<WatchLog>,
    /// What silences rules, if anything does.
    silences: Option<SilenceControl>,
    /// Control sequences of others for the terminal, if there may be any.
    terminal_notices: Option<TerminalNotices>,
    /// The sequence number of the next of these events.
    next_group_event: u64,
    /// The processes to which the console is attached.
    attached: Option<Receiver<Arc<AttachView>>>,
    /// The layout that is kept, if it is.
    layout: Option<KeptLayout>,
    /// Where the presets of the launch form are kept, if they are.
    presets: Option<Arc<dyn PresetStore>>,
    /// What records the feed at the request of the user, if anything does.
    switch: Option<Arc<dyn RecordingSwitch>>,
    /// The ends of recordings.
    recorded: (mpsc::UnboundedSender<Recorded>, mpsc::UnboundedReceiver<Recorded>),
    input: Input,
    pace: FramePace,
    started: Instant,
    /// Whether the next SIGCONT ends a suspension by this loop, which has already restored the screen.
    suspended_by_us: bool,
}

impl Runtime {
    /// Shows the session until the end of the console, and keeps the layout then.
    async fn run(mut self, feed: Feed) -> Result<(), ConsoleError> {
        let events = feed.events.clone();
        let outcome = self.follow(feed).await;
        if let Some(problem) = self.layout.as_mut().and_then(|layout| layout.save(&self.state)) {
            events.warn(problem);
        }
        outcome
    }

    /// Arranges the console as the last one was.
    fn load_layout(&mut self, store: Arc<dyn LayoutStore>, events: &EventLog) -> Result<(), ConsoleError> {
        let (layout, problem) = KeptLayout::load(store);
        if let Some(problem) = problem {
            events.warn(problem);
        }
        let loaded = layout.loaded().cloned();
        self.layout = Some(layout);
        if let Some(loaded) = loaded {
            self.apply(Event::Layout(Box::new(loaded)))?;
        }
        Ok(())
    }

    /// Keeps the layout if it has changed.
    fn keep_layout(&mut self, events: &EventLog) {
        if let Some(problem) = self.layout.as_mut().and_then(|layout| layout.keep(&self.state)) {
            events.warn(problem);
        }
    }

    /// Processes all pending input, and draws if something has changed and a frame is due.
    fn finish_step(&mut self) -> Result<Next, ConsoleError> {
        if self.drain_input()? == Next::Quit {
            return Ok(Next::Quit);
        }
        if terminal::has_panicked() {
            return Err(ConsoleError::Panicked);
        }
        if self.state.stale && self.pace.next_frame_in(Instant::now()).is_zero() {
            let theme = self.themes.show(self.state.theme())?;
            self.hits = self.screen.draw(&self.state, theme).map_err(ConsoleError::Write)?;
            self.state.stale = false;
            if self.state.playback.is_none() {
                let changes = self.announcer.update(&self.state);
                let shows_progress = self.announcer.shows_progress();
                self.screen.announce(&changes, shows_progress).map_err(ConsoleError::Write)?;
            }
            self.pace.drawn(Instant::now());
            self.apply(Event::Drawn(self.hits.extents().clone()))?;
        }
        Ok(Next::Continue)
    }

    /// Writes the control sequences of others, between two frames.
    fn write_notices(&mut self) -> Result<(), ConsoleError> {
        for sequence in self.terminal_notices.iter().flat_map(TerminalNotices::take) {
            self.screen.write(&sequence).map_err(ConsoleError::Write)?;
        }
        Ok(())
    }
}
