//! The console's main loop. Inputs are the terminal, the feed, signals, and the clock; outputs are frames and commands.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use crossterm::event::{Event as Typed, KeyEventKind};
use kreplay_model::attach::AttachView;
use kreplay_model::audit::AuditControl;
use kreplay_model::control::{Command, Control};
use kreplay_model::feed::{EventLog, Feed};
use kreplay_model::inspect::InspectControl;
use kreplay_model::journal::{JournalLister, JournalListing};
use kreplay_model::time_counts::TimeCountControl;
use kreplay_model::watch::{GroupChangeControl, SilenceControl, TerminalNotices, WatchControl, WatchLog};
use tokio::{
    sync::{mpsc, watch::Receiver},
    time::{MissedTickBehavior, interval, sleep_until},
};

use super::{
    ConsoleError, ConsoleOptions,
    announce::{Abilities, Announcer},
    capture, export,
    hit_map::HitMap,
    input::{self, Input},
    key::Key,
    layout_store::LayoutStore,
    preset_store::PresetStore,
    recording_switch::RecordingSwitch,
    state::State,
    terminal::{self, Screen},
    theme::{self, ColorDepth, Theme, ThemeChoice},
    update::{Effect, Event, update},
};

mod layout;
mod past;
mod presets;
mod reading;
mod recording;
mod signals;

use layout::KeptLayout;
use past::{LastFrames, Moments, Recording};
use signals::{SignalAction, Signals};

/// Minimum time between two frames, for at most 30 frames per second.
const MIN_FRAME_INTERVAL: Duration = Duration::from_millis(34);
/// Interval for removing expired messages and reading the event log.
const TICK_INTERVAL: Duration = Duration::from_millis(250);

/// Interval at which a recording is played.
const PLAYBACK_INTERVAL: Duration = Duration::from_millis(100);

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
    let past = options
        .past
        .map_or_else(|| Moments::Feed(Box::new(LastFrames::new())), |past| Moments::Recording(Recording::new(past)));
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

/// The next value about watched groups. Waits forever if none are watched, or no longer.
async fn next_look<T>(looks: &mut Option<Receiver<Arc<T>>>) -> Arc<T> {
    if let Some(receiver) = looks {
        if receiver.changed().await.is_ok() {
            return Arc::clone(&receiver.borrow_and_update());
        }
        *looks = None;
    }
    std::future::pending().await
}

/// The next answer to a command. Waits forever if nothing answers, or no longer.
async fn next_answer<T>(answers: &mut Option<Receiver<Option<Arc<T>>>>) -> Arc<T> {
    while let Some(receiver) = answers {
        if receiver.changed().await.is_err() {
            *answers = None;
        } else if let Some(answer) = receiver.borrow_and_update().clone() {
            return answer;
        }
    }
    std::future::pending().await
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

    async fn follow(&mut self, mut feed: Feed) -> Result<(), ConsoleError> {
        let mut signals = Signals::listen().map_err(ConsoleError::Open)?;
        let mut tick = interval(TICK_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut next_frame = tokio::time::Instant::now();
        if self.read_feed(&mut feed)? == Next::Quit {
            return Ok(());
        }
        let (mut groups, mut alerts) = (feed.groups.take(), feed.alerts.take());
        if groups.is_some() {
            self.apply(Event::WatchBegan)?;
        }
        let mut attached = self.attached.take();
        if let Some(view) = &mut attached {
            view.mark_changed();
        }
        if self.journals.is_some() {
            self.apply(Event::JournalAccess)?;
        }
        if self.presets.is_some() {
            self.apply(Event::PresetAccess)?;
        }
        if self.inspect.is_some() {
            self.apply(Event::InspectorBegan)?;
        }
        if self.audit.is_some() {
            self.apply(Event::AuditorBegan)?;
        }
        if self.time_counts.is_some() {
            self.apply(Event::TimeCounterBegan)?;
        }
        let mut answers = self.changes.as_ref().map(|changes| changes.progress.clone());
        let mut inspected = self.inspect.as_ref().map(|inspect| inspect.answers.clone());
        let mut audited = self.audit.as_ref().map(|audit| audit.answers.clone());
        let mut counted = self.time_counts.as_ref().map(|counter| counter.answers.clone());
        loop {
            let stale = self.state.stale;
            let open = !self.state.feed.ended;
            let next = tokio::select! {
                action = signals.next() => self.handle_signal(&action)?,
                input = self.input.next() => self.handle_input(input)?,
                changed = feed.snapshots.changed(), if open => {
                    let ended = changed.is_err().then_some(Event::FeedEnded);
                    self.read_feed(&mut feed)?.or(ended.map_or(Ok(Next::Continue), |event| self.apply(event))?)
                }
                snapshot = next_look(&mut groups) => {
                    self.keep(|frames| frames.add_look(&snapshot));
                    self.apply(Event::Groups(snapshot))?.or(self.read_group_events()?)
                }
                snapshot = next_look(&mut alerts) => {
                    self.keep(|frames| frames.add_alerts(&snapshot));
                    self.apply(Event::Alerts(snapshot))?
                }
                view = next_look(&mut attached) => self.apply(Event::Attached(view))?,
                Some(recorded) = self.recorded.1.recv() => self.apply(Event::RecordingEnded(recorded))?,
                Some(listing) = self.listings.1.recv() => self.apply(Event::Journals(Arc::new(listing)))?,
                progress = next_answer(&mut answers) => self.apply(Event::GroupChange(progress))?,
                answer = next_answer(&mut audited) => self.apply(Event::Audited(answer))?,
                answer = next_answer(&mut counted) => self.apply(Event::TimesCounted(answer))?,
                answer = next_answer(&mut inspected) => self.apply(Event::Inspected(answer))?,
                _ = tick.tick() => {
                    if input::terminal_has_closed() {
                        return Ok(());
                    }
                    self.write_notices()?;
                    self.keep_layout(&feed.events);
                    self.check_recording()?.or(self.read_events(&feed)?).or(self.apply(Event::Tick(self.started.elapsed()))?)
                }
                () = sleep_until(next_frame), if stale => Next::Continue,
            };
            if next == Next::Quit || self.finish_step(&mut next_frame)? == Next::Quit {
                return Ok(());
            }
        }
    }

    /// Shows a recording. Nothing is read from a session, and nothing is sent.
    async fn play(mut self) -> Result<(), ConsoleError> {
        let mut signals = Signals::listen().map_err(ConsoleError::Open)?;
        let mut tick = interval(PLAYBACK_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut next_frame = tokio::time::Instant::now();
        if let Moments::Recording(recording) = &self.past
            && let Some(range) = recording.range()
        {
            self.apply(Event::Recording(range))?;
        }
        loop {
            let stale = self.state.stale;
            let next = tokio::select! {
                action = signals.next() => self.handle_signal(&action)?,
                input = self.input.next() => self.handle_input(input)?,
                _ = tick.tick() => {
                    if input::terminal_has_closed() {
                        return Ok(());
                    }
                    self.fill_timeline()?.or(self.apply(Event::Tick(self.started.elapsed()))?)
                }
                () = sleep_until(next_frame), if stale => Next::Continue,
            };
            if next == Next::Quit || self.finish_step(&mut next_frame)? == Next::Quit {
                return Ok(());
            }
        }
    }

    /// Processes all pending input, and draws if something has changed and a frame is due.
    fn finish_step(&mut self, next_frame: &mut tokio::time::Instant) -> Result<Next, ConsoleError> {
        if self.drain_input()? == Next::Quit {
            return Ok(Next::Quit);
        }
        if terminal::has_panicked() {
            return Err(ConsoleError::Panicked);
        }
        let now = tokio::time::Instant::now();
        if self.state.stale && now >= *next_frame {
            let theme = self.themes.show(self.state.theme())?;
            self.hits = self.screen.draw(&self.state, theme).map_err(ConsoleError::Write)?;
            self.state.stale = false;
            if self.state.playback.is_none() {
                let changes = self.announcer.update(&self.state);
                let shows_progress = self.announcer.shows_progress();
                self.screen.announce(&changes, shows_progress).map_err(ConsoleError::Write)?;
            }
            *next_frame = now + MIN_FRAME_INTERVAL;
            self.apply(Event::Drawn(self.hits.extents().clone()))?;
        }
        Ok(Next::Continue)
    }

    /// Processes all pending input, so that a key held down causes one frame instead of many.
    fn drain_input(&mut self) -> Result<Next, ConsoleError> {
        while let Some(input) = self.input.waiting() {
            if self.handle_input(Some(input))? == Next::Quit {
                return Ok(Next::Quit);
            }
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

    fn handle_input(&mut self, input: Option<io::Result<Typed>>) -> Result<Next, ConsoleError> {
        let event = match input {
            Some(Ok(Typed::Key(key))) if key.kind != KeyEventKind::Release => Key::from_event(key).map(Event::Key),
            Some(Ok(Typed::Mouse(mouse))) => Event::from_mouse(mouse, &self.hits),
            Some(Ok(Typed::Paste(text))) => Some(Event::Paste(text)),
            Some(Ok(Typed::Resize(width, height))) => Some(Event::Resize(width, height)),
            Some(Ok(focus @ (Typed::FocusGained | Typed::FocusLost))) => {
                self.announcer.focus(focus == Typed::FocusGained);
                None
            }
            Some(Ok(_)) => None,
            Some(Err(error)) => return Err(ConsoleError::Read(error)),
            None => return Ok(Next::Quit),
        };
        event.map_or(Ok(Next::Continue), |event| self.apply(event))
    }

    fn apply(&mut self, event: Event) -> Result<Next, ConsoleError> {
        let mut next = Next::Continue;
        for effect in update(&mut self.state, event) {
            match effect {
                Effect::Send(command) => self.control.send(command),
                Effect::Watch(command) => {
                    if let Some(watch) = &self.watch {
                        watch.send(command);
                    }
                }
                Effect::Silence(command) => {
                    if let Some(silences) = &self.silences {
                        silences.send(command);
                    }
                }
                Effect::ChangeGroup(command) => {
                    if let Some(changes) = &self.changes {
                        changes.send(command);
                    }
                }
                Effect::ShowMoment(at) => {
                    let frame = self.past.state_at(at).map(Box::new);
                    next = next.or(self.apply(Event::Moment(at, frame))?);
                }
                Effect::ListJournals => self.list_journals(),
                Effect::ListPresets => next = next.or(self.list_presets()?),
                Effect::KeepPreset { preset, replace } => next = next.or(self.keep_preset(preset, replace)?),
                Effect::DeletePreset(name) => next = next.or(self.delete_preset(name)?),
                Effect::Inspect(command) => {
                    if let Some(inspect) = &self.inspect {
                        inspect.send(command);
                    }
                }
                Effect::Audit(command) => {
                    if let Some(audit) = &mut self.audit {
                        audit.send(command);
                    }
                }
                Effect::CountTimes(command) => {
                    if let Some(counter) = &mut self.time_counts {
                        counter.send(command);
                    }
                }
                Effect::Quit => next = Next::Quit,
                Effect::Suspend => next = next.or(self.suspend()?),
                Effect::Redraw => self.screen.clear(),
                Effect::StartRecording => {
                    let began = self.start_recording();
                    next = next.or(self.apply(Event::RecordingBegan(began))?);
                }
                Effect::StopRecording => self.stop_recording(),
                Effect::Copy(text) => self.screen.copy(&text).map_err(ConsoleError::Write)?,
                Effect::CaptureMouse(on) => self.screen.capture_mouse(on).map_err(ConsoleError::Write)?,
                Effect::Export { path, content } => {
                    next = next.or(self.apply(Event::Exported(export::write_new(&path, &content)))?);
                }
                Effect::ExportPicture(path) => {
                    let content = self.picture()?;
                    next = next.or(self.apply(Event::Exported(export::write_new(&path, &content)))?);
                }
            }
        }
        Ok(next)
    }

    /// The screen without its dialog, as an SVG picture.
    fn picture(&mut self) -> Result<String, ConsoleError> {
        let dialog = self.state.user.navigation.dialog.take();
        let theme = self.themes.show(self.state.theme())?;
        let picture = capture::svg(&capture::frame(&self.state, theme), theme);
        self.state.user.navigation.dialog = dialog;
        Ok(picture)
    }

    /// Lists the runs that have a journal on another thread, because that reads many files.
    fn list_journals(&self) {
        if let Some(journals) = self.journals.clone() {
            let listings = self.listings.0.clone();
            // Once the console is closed, the list is not needed.
            tokio::task::spawn_blocking(move || drop(listings.send(journals.list())));
        }
    }

    fn handle_signal(&mut self, action: &SignalAction) -> Result<Next, ConsoleError> {
        match action {
            SignalAction::End => Ok(Next::Quit),
            SignalAction::Suspend => self.suspend(),
            SignalAction::Measure => self.measure(),
            SignalAction::Resume if std::mem::take(&mut self.suspended_by_us) => Ok(Next::Continue),
            SignalAction::Resume => {
                self.screen.resume().map_err(ConsoleError::Write)?;
                self.announcer.forget();
                self.measure()
            }
        }
    }

    fn suspend(&mut self) -> Result<Next, ConsoleError> {
        self.suspended_by_us = true;
        self.screen.suspend().map_err(ConsoleError::Write)?;
        self.announcer.forget();
        self.measure()
    }

    /// Updates the size, which may have changed while another process used the terminal.
    fn measure(&mut self) -> Result<Next, ConsoleError> {
        let (width, height) = self.screen.size().map_err(ConsoleError::Write)?;
        self.apply(Event::Resize(width, height))
    }
}
