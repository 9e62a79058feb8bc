//! The loop around the console's state: terminal, feed, signals and clock in, frames and commands out.

use std::{
    io,
    time::{Duration, Instant},
};

use crossterm::event::{Event as Typed, KeyEventKind};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{MissedTickBehavior, interval, sleep_until},
};

use super::{
    ConsoleError, ConsoleOptions,
    input::{self, Input},
    keymap::Key,
    state::State,
    terminal::{self, Screen},
    theme::{ColorDepth, Theme, ThemeChoice},
    update::{Effect, Event, update},
};
use crate::{
    feed::Feed,
    replay::{Command, Control},
};

/// The shortest time between two frames: at most 30 in a second.
const FRAME: Duration = Duration::from_millis(34);
/// How often messages that have been shown long enough are looked for, and the event log is read.
const TICK: Duration = Duration::from_millis(250);

/// Shows the feed and takes commands until the user quits, the process is told to end, or the terminal is gone; then the session has been
/// told to shut down, and the terminal is as it was.
///
/// From here on the process handles SIGINT, SIGTERM, SIGHUP and SIGTSTP itself, also after the console has closed:
/// whoever then waits for the session listens for them too.
///
/// # Errors
/// [`ConsoleError`] when the theme cannot be read, or the terminal cannot be read or written. The session has been told
/// to shut down then as well, except where the console could not be opened at all.
pub async fn run(feed: Feed, control: Control, options: ConsoleOptions) -> Result<(), ConsoleError> {
    let theme = theme(&options)?;
    let screen = Screen::open(options.mouse).map_err(ConsoleError::Open)?;
    let (width, height) = screen.size().map_err(ConsoleError::Open)?;
    let runtime = Runtime {
        state: State::new(width, height, options.hint),
        theme,
        screen,
        control: control.clone(),
        input: Input::open().map_err(ConsoleError::Open)?,
        started: Instant::now(),
        stopped_itself: false,
    };
    let outcome = runtime.run(feed).await;
    control.send(Command::Shutdown);
    match outcome {
        // It was closed, as a window is: that ends the session in good order, like SIGHUP.
        Err(ConsoleError::Read(_) | ConsoleError::Write(_)) if input::is_gone() => Ok(()),
        other => other,
    }
}

fn theme(options: &ConsoleOptions) -> Result<Theme, ConsoleError> {
    let choice = if options.no_color { &ThemeChoice::Mono } else { &options.theme };
    let depth = ColorDepth::from_colorterm(std::env::var("COLORTERM").ok().as_deref());
    Ok(Theme::load(choice)?.for_depth(depth))
}

/// The signals that concern a terminal.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    stop: Signal,
    go_on: Signal,
    resize: Signal,
}

/// What a signal asks for.
enum Asked {
    End,
    Suspend,
    Resume,
    Measure,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            stop: signal(SignalKind::from_raw(libc::SIGTSTP))?,
            go_on: signal(SignalKind::from_raw(libc::SIGCONT))?,
            resize: signal(SignalKind::window_change())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.hang_up.recv() => Asked::End,
            _ = self.stop.recv() => Asked::Suspend,
            _ = self.go_on.recv() => Asked::Resume,
            _ = self.resize.recv() => Asked::Measure,
        }
    }
}

/// Whether the console goes on.
#[derive(PartialEq, Eq)]
enum Next {
    GoOn,
    Quit,
}

struct Runtime {
    state: State,
    theme: Theme,
    screen: Screen,
    control: Control,
    input: Input,
    started: Instant,
    /// Whether the next SIGCONT is the end of a stop that this loop made itself, after which the screen is in order.
    stopped_itself: bool,
}

impl Runtime {
    async fn run(mut self, mut feed: Feed) -> Result<(), ConsoleError> {
        let mut signals = Signals::listen().map_err(ConsoleError::Open)?;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut next_frame = tokio::time::Instant::now();
        self.take_feed(&mut feed);
        loop {
            let stale = self.state.stale;
            let open = !self.state.ended;
            let next = tokio::select! {
                asked = signals.next() => self.obey(&asked)?,
                input = self.input.next() => self.take_input(input)?,
                changed = feed.snapshots.changed(), if open => {
                    self.take_feed(&mut feed);
                    if changed.is_err() {
                        self.apply(Event::FeedEnded)?;
                    }
                    Next::GoOn
                }
                _ = tick.tick() => {
                    if input::is_gone() {
                        return Ok(());
                    }
                    self.take_events(&feed);
                    self.apply(Event::Tick(self.started.elapsed()))?
                }
                () = sleep_until(next_frame), if stale => Next::GoOn,
            };
            if next == Next::Quit || self.drain_input()? == Next::Quit {
                return Ok(());
            }
            if terminal::has_panicked() {
                return Err(ConsoleError::Panicked);
            }
            let now = tokio::time::Instant::now();
            if self.state.stale && now >= next_frame {
                self.screen.draw(&self.state, &self.theme).map_err(ConsoleError::Write)?;
                self.state.stale = false;
                next_frame = now + FRAME;
            }
        }
    }

    /// Takes in every key that is waiting, so that a held-down key costs one frame and not many.
    fn drain_input(&mut self) -> Result<Next, ConsoleError> {
        while let Some(input) = self.input.waiting() {
            if self.take_input(Some(input))? == Next::Quit {
                return Ok(Next::Quit);
            }
        }
        Ok(Next::GoOn)
    }

    fn take_feed(&mut self, feed: &mut Feed) {
        self.take_events(feed);
        let snapshot = feed.snapshots.borrow_and_update().clone();
        let _ = update(&mut self.state, Event::Snapshot(snapshot));
    }

    fn take_events(&mut self, feed: &Feed) {
        let next = self.state.log.next_seq();
        if feed.events.next_seq() > next {
            let _ = update(&mut self.state, Event::Events(feed.events.since(next)));
        }
    }

    fn take_input(&mut self, input: Option<io::Result<Typed>>) -> Result<Next, ConsoleError> {
        let event = match input {
            Some(Ok(Typed::Key(key))) if key.kind != KeyEventKind::Release => Key::from_event(key).map(Event::Key),
            Some(Ok(Typed::Mouse(mouse))) => Some(Event::Mouse(mouse)),
            Some(Ok(Typed::Paste(text))) => Some(Event::Paste(text)),
            Some(Ok(Typed::Resize(width, height))) => Some(Event::Resize(width, height)),
            Some(Ok(_)) => None,
            Some(Err(error)) => return Err(ConsoleError::Read(error)),
            None => return Ok(Next::Quit),
        };
        event.map_or(Ok(Next::GoOn), |event| self.apply(event))
    }

    fn apply(&mut self, event: Event) -> Result<Next, ConsoleError> {
        let mut next = Next::GoOn;
        for effect in update(&mut self.state, event) {
            match effect {
                Effect::Send(command) => self.control.send(command),
                Effect::Quit => next = Next::Quit,
                Effect::Suspend => self.suspend()?,
                Effect::Redraw => self.screen.clear().map_err(ConsoleError::Write)?,
            }
        }
        Ok(next)
    }

    fn obey(&mut self, asked: &Asked) -> Result<Next, ConsoleError> {
        match asked {
            Asked::End => return Ok(Next::Quit),
            Asked::Suspend => self.suspend()?,
            Asked::Measure => self.measure()?,
            Asked::Resume if std::mem::take(&mut self.stopped_itself) => {}
            Asked::Resume => {
                self.screen.resume().map_err(ConsoleError::Write)?;
                self.measure()?;
            }
        }
        Ok(Next::GoOn)
    }

    fn suspend(&mut self) -> Result<(), ConsoleError> {
        self.stopped_itself = true;
        self.screen.suspend().map_err(ConsoleError::Write)?;
        self.measure()
    }

    /// The terminal may have been resized while somebody else had it.
    fn measure(&mut self) -> Result<(), ConsoleError> {
        let (width, height) = self.screen.size().map_err(ConsoleError::Write)?;
        let _ = update(&mut self.state, Event::Resize(width, height));
        Ok(())
    }
}
