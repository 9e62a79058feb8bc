//! The terminal: taken over, given back whatever happens, and given to the shell for a while on Ctrl-Z.

use std::{
    io::{self, BufWriter, Stdout, Write as _},
    mem::ManuallyDrop,
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

use crossterm::{
    cursor, event, execute,
    terminal::{
        BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
        enable_raw_mode,
    },
};
use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    layout::{Position, Rect},
};

use super::{screen, state::State, theme::Theme};

/// Whether the terminal is taken over at the moment.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Whether some thread has panicked since it was taken over.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// A frame is a few kilobytes: one write a frame, not one a cell.
const BUFFER: usize = 64 * 1024;

/// The terminal while the console has it. Dropping it gives it back.
pub(super) struct Screen {
    /// Never dropped: `Terminal` shows the cursor when it is, and prints what fails to a terminal that may be gone, which
    /// panics. `restore` shows the cursor.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<BufWriter<Stdout>>>>,
    mouse: bool,
}

impl Screen {
    /// Takes the terminal over.
    pub(super) fn open(mouse: bool) -> io::Result<Self> {
        restore_on_panic();
        PANICKED.store(false, Ordering::SeqCst);
        // Marked first: what fails halfway has to be undone as well.
        TAKEN.store(true, Ordering::SeqCst);
        let opened = take(mouse).and_then(|()| {
            let backend = CrosstermBackend::new(BufWriter::with_capacity(BUFFER, io::stdout()));
            Terminal::new(backend)
        });
        match opened {
            Ok(terminal) => Ok(Self { terminal: ManuallyDrop::new(terminal), mouse }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    /// The terminal's size in cells.
    pub(super) fn size(&self) -> io::Result<(u16, u16)> {
        self.terminal.size().map(|size| (size.width, size.height))
    }

    /// Draws what has changed, in one piece.
    pub(super) fn draw(&mut self, state: &State, theme: &Theme) -> io::Result<()> {
        crossterm::queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(|frame| {
            // Between a resize and its event the two sizes differ: the frame's is the one that can be written to.
            if frame.area() == state.screen() {
                screen::render(frame.buffer_mut(), state, theme);
            }
        })?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)
    }

    /// Forgets what is on the screen, so that every cell is drawn anew.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        // Not `Terminal::clear`: that asks the terminal for the cursor's position, and the answer would be read as keys.
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::from((Position::ORIGIN, size)))
    }

    /// Gives the terminal to the shell until the process is continued, then takes it over again.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        restore();
        // SIGSTOP rather than SIGTSTP, whose handler is what leads here. The call returns after SIGCONT.
        signal_hook::low_level::raise(libc::SIGSTOP)?;
        self.resume()
    }

    /// Takes the terminal over again after somebody else may have changed it.
    pub(super) fn resume(&mut self) -> io::Result<()> {
        restore();
        TAKEN.store(true, Ordering::SeqCst);
        take(self.mouse)?;
        self.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A panic in the middle of a frame leaves the beginning of an update in the buffer, which is written last.
        let _ = execute!(self.terminal.backend_mut(), EndSynchronizedUpdate);
        restore();
    }
}

/// Whether a thread has panicked while the console had the terminal.
pub(super) fn has_panicked() -> bool {
    PANICKED.load(Ordering::SeqCst)
}

fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    let mut out = io::stdout();
    execute!(out, EnterAlternateScreen, cursor::Hide, event::EnableBracketedPaste)?;
    if mouse {
        execute!(out, event::EnableMouseCapture)?;
    }
    Ok(())
}

/// Gives the terminal back; does nothing while it is not taken. Errors are passed over: the next step may still work,
/// and there is nobody left to tell.
fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    let _ = execute!(out, EndSynchronizedUpdate, event::DisableMouseCapture, event::DisableBracketedPaste);
    let _ = execute!(out, cursor::Show, LeaveAlternateScreen);
    let _ = disable_raw_mode();
    let _ = out.flush();
}

/// Gives the terminal back before a panic of any thread is printed, so that it can be read.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if TAKEN.load(Ordering::SeqCst) {
                PANICKED.store(true, Ordering::SeqCst);
                restore();
            }
            before(info);
        }));
    });
}
