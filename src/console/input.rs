//! What the user types, read on a thread of its own.
//!
//! crossterm does not notice that a terminal is gone: it goes on reading, at full speed and without an end. So the thread
//! looks whether there is a terminal before it lets crossterm read, and a terminal that goes at just that moment has its
//! place taken by a pipe that nobody writes to, where the read waits instead of spinning.

use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use crossterm::event::{self, Event};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    stdio::{dup2_stdin, stdin},
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How late the thread sees that nobody listens any more.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// Between two looks at input that crossterm does not take.
const PAUSE: Duration = Duration::from_millis(10);
const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// The writing end of the pipe that stands in for a terminal that is gone.
static SILENCE: OnceLock<std::io::PipeWriter> = OnceLock::new();

/// Keys, mouse and pastes in their order. Dropping it ends the thread.
pub(super) struct Input {
    events: UnboundedReceiver<io::Result<Event>>,
    dropped: Arc<AtomicBool>,
}

impl Input {
    /// Begins to read.
    ///
    /// # Errors
    /// The operating system has no thread left.
    pub(super) fn open() -> io::Result<Self> {
        let (sender, events) = unbounded_channel();
        let dropped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&dropped);
        std::thread::Builder::new().name("keys".into()).spawn(move || read(&sender, &stop))?;
        Ok(Self { events, dropped })
    }

    /// The next event; `None` where the terminal is gone.
    pub(super) async fn next(&mut self) -> Option<io::Result<Event>> {
        self.events.recv().await
    }

    /// The next event that is there already.
    pub(super) fn waiting(&mut self) -> Option<io::Result<Event>> {
        self.events.try_recv().ok()
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.dropped.store(true, Relaxed);
    }
}

fn read(events: &UnboundedSender<io::Result<Event>>, stop: &AtomicBool) {
    while !stop.load(Relaxed) {
        match state_within(&PATIENCE) {
            State::Gone => return,
            State::Silent => {}
            State::Typed => match pass_on(events) {
                // crossterm waits for a change, and what it has left unread is none: it comes with the next key.
                Ok(0) => std::thread::sleep(PAUSE),
                Ok(_) => {}
                Err(error) => {
                    // The console hears of it, or has closed.
                    drop(events.send(Err(error)));
                    return;
                }
            },
        }
    }
}

/// Passes on everything that is there; returns how much that was.
fn pass_on(events: &UnboundedSender<io::Result<Event>>) -> io::Result<usize> {
    let mut passed = 0;
    while event::poll(Duration::ZERO)? {
        passed += 1;
        if events.send(Ok(event::read()?)).is_err() {
            break;
        }
    }
    Ok(passed)
}

/// What is to be had from the terminal.
enum State {
    /// It was closed, or its connection was.
    Gone,
    Silent,
    Typed,
}

fn state_within(timeout: &Timespec) -> State {
    let input = stdin();
    let mut terminal = [PollFd::new(&input, PollFlags::IN)];
    match poll(&mut terminal, Some(timeout)) {
        Ok(_) => {
            let seen = terminal[0].revents();
            if seen.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
                State::Gone
            } else if seen.contains(PollFlags::IN) {
                State::Typed
            } else {
                State::Silent
            }
        }
        // A signal, for instance.
        Err(_) => State::Silent,
    }
}

/// Whether the terminal is gone: once it is, it stays so.
pub(super) fn is_gone() -> bool {
    if SILENCE.get().is_some() {
        return true;
    }
    if !matches!(state_within(&NOW), State::Gone) {
        return false;
    }
    if let Ok((reader, writer)) = std::io::pipe()
        && SILENCE.set(writer).is_ok()
    {
        // Where that fails, the process still ends: the thread alone would spin until then.
        let _ = dup2_stdin(reader);
    }
    true
}
