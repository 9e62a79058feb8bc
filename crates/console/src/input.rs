//! Reads keys, mouse, and pastes on a separate thread.
//!
//! crossterm does not detect that a terminal has closed: its read loop would spin forever. The thread therefore checks
//! the terminal before each read. If the terminal closes just then, standard input is replaced by a pipe without data,
//! on which the read blocks instead of spinning.

mod size_changes;

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
    termios::{OptionalActions, tcgetattr, tcsetattr},
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use self::size_changes::SizeChanges;

/// Timeout of one poll. The thread notices within this time that it should stop.
const POLL_TIMEOUT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// Delay before polling again if crossterm did not consume the available input.
const UNREAD_INPUT_DELAY: Duration = Duration::from_millis(10);
/// Poll without waiting.
const NO_WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// The write end of the pipe that replaces a closed terminal.
static REPLACEMENT_PIPE: OnceLock<std::io::PipeWriter> = OnceLock::new();

/// Input events in order. Dropping it ends the thread.
pub(super) struct Input {
    events: UnboundedReceiver<io::Result<Event>>,
    dropped: Arc<AtomicBool>,
}

impl Input {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system cannot create a thread, or tell when the size of the terminal changes.
    pub(super) fn open() -> io::Result<Self> {
        let (sender, events) = unbounded_channel();
        let dropped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&dropped);
        let sizes = SizeChanges::listen()?;
        std::thread::Builder::new().name("keys".into()).spawn(move || read(&sender, &sizes, &stop))?;
        Ok(Self { events, dropped })
    }

    /// The next event; `None` if the terminal has closed.
    pub(super) async fn next(&mut self) -> Option<io::Result<Event>> {
        self.events.recv().await
    }

    /// The next event, if one is already available.
    pub(super) fn waiting(&mut self) -> Option<io::Result<Event>> {
        self.events.try_recv().ok()
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.dropped.store(true, Relaxed);
    }
}

fn read(events: &UnboundedSender<io::Result<Event>>, sizes: &SizeChanges, stop: &AtomicBool) {
    while !stop.load(Relaxed) {
        let state = poll_terminal(Some(sizes), &POLL_TIMEOUT);
        sizes.clear();
        match state {
            State::Closed => return,
            State::Idle => {}
            State::Ready => match forward(events) {
                // crossterm has forgotten that there is input, because the size changed at the same moment.
                Ok(0) => {
                    notify_again();
                    std::thread::sleep(UNREAD_INPUT_DELAY);
                }
                Ok(_) => {}
                Err(error) => {
                    // Reports the error, unless the console has closed.
                    drop(events.send(Err(error)));
                    return;
                }
            },
        }
    }
}

/// Notifies crossterm of input that it has not read. It is notified of changes only, and on Linux the terminal counts
/// settings as one, even the same ones.
fn notify_again() {
    let terminal = stdin();
    if let Ok(settings) = tcgetattr(terminal) {
        // Without it, the input is read with the next key.
        let _ = tcsetattr(terminal, OptionalActions::Now, &settings);
    }
}

/// Forwards all available events and returns their number.
fn forward(events: &UnboundedSender<io::Result<Event>>) -> io::Result<usize> {
    let mut forwarded = 0;
    while event::poll(Duration::ZERO)? {
        forwarded += 1;
        if events.send(Ok(event::read()?)).is_err() {
            break;
        }
    }
    Ok(forwarded)
}

/// The state of the terminal.
enum State {
    /// It was closed or disconnected.
    Closed,
    /// There is no input.
    Idle,
    /// There is input to read, or the size has changed.
    Ready,
}

fn poll_terminal(sizes: Option<&SizeChanges>, timeout: &Timespec) -> State {
    let input = stdin();
    let mut polled = vec![PollFd::new(&input, PollFlags::IN)];
    polled.extend(sizes.map(|sizes| PollFd::new(sizes, PollFlags::IN)));
    match poll(&mut polled, Some(timeout)) {
        Ok(_) => {
            let seen = polled[0].revents();
            if seen.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
                State::Closed
            } else if polled.iter().any(|it| it.revents().contains(PollFlags::IN)) {
                State::Ready
            } else {
                State::Idle
            }
        }
        // For example, interrupted by a signal.
        Err(_) => State::Idle,
    }
}

/// Whether the terminal has closed. Once closed, it stays closed.
pub(super) fn terminal_has_closed() -> bool {
    if REPLACEMENT_PIPE.get().is_some() {
        return true;
    }
    if !matches!(poll_terminal(None, &NO_WAIT), State::Closed) {
        return false;
    }
    if let Ok((reader, writer)) = std::io::pipe()
        && REPLACEMENT_PIPE.set(writer).is_ok()
    {
        // If this fails, the process still ends; only the thread spins until then.
        let _ = dup2_stdin(reader);
    }
    true
}
