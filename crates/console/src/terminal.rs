//! Takes over the terminal and restores it in every case: on exit, on a panic, and for the shell on Ctrl-Z.

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

use super::{hit_map::HitMap, screen, state::State, theme::Theme};

/// Whether the console currently owns the terminal.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Whether any thread has panicked since the terminal was taken over.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// Size of the output buffer. A frame is a few kilobytes, so it needs one write instead of one per cell.
const BUFFER_BYTES: usize = 64 * 1024;

/// The terminal while the console owns it. Dropping it restores the terminal.
pub(super) struct Screen {
    /// Never dropped: `Terminal::drop` shows the cursor and prints errors, which panics if the terminal has closed.
    /// `restore` shows the cursor instead.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<BufWriter<Stdout>>>>,
    mouse: bool,
}

impl Screen {
    /// Takes over the terminal.
    pub(super) fn open(mouse: bool) -> io::Result<Self> {
        restore_on_panic();
        PANICKED.store(false, Ordering::SeqCst);
        // Set first, so that a partial initialisation is also undone.
        TAKEN.store(true, Ordering::SeqCst);
        let opened = take(mouse).and_then(|()| {
            let backend = CrosstermBackend::new(BufWriter::with_capacity(BUFFER_BYTES, io::stdout()));
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

    /// Draws the changes as one synchronised update. Returns what can be clicked.
    pub(super) fn draw(&mut self, state: &State, theme: &Theme) -> io::Result<HitMap> {
        let mut hits = HitMap::default();
        crossterm::queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(|frame| {
            // Between a resize and its event, the sizes differ. Only the frame's area may be written.
            if frame.area() == state.screen() {
                screen::render(frame.buffer_mut(), &mut hits, state, theme);
            }
        })?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        Ok(hits)
    }

    /// Writes a control sequence that changes no cell, such as the bell.
    pub(super) fn write(&mut self, sequence: &str) -> io::Result<()> {
        let backend = self.terminal.backend_mut();
        backend.write_all(sequence.as_bytes())?;
        io::Write::flush(backend)
    }

    /// Forces the next draw to redraw every cell.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        // `Terminal::clear` would query the cursor position, and the answer would be read as keys.
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::from((Position::ORIGIN, size)))
    }

    /// Returns the terminal to the shell until the process is continued, then takes it over again.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        restore();
        // SIGSTOP, because SIGTSTP is handled and leads here. The call returns after SIGCONT.
        signal_hook::low_level::raise(libc::SIGSTOP)?;
        self.resume()
    }

    /// Takes over the terminal again after another process may have changed it.
    pub(super) fn resume(&mut self) -> io::Result<()> {
        restore();
        TAKEN.store(true, Ordering::SeqCst);
        take(self.mouse)?;
        self.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // After a panic during a frame, the buffer still starts a synchronised update, which must be ended.
        let _ = execute!(self.terminal.backend_mut(), EndSynchronizedUpdate);
        restore();
    }
}

/// Whether a thread has panicked while the console owned the terminal.
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

/// Restores the terminal, if the console owns it. Errors are ignored: later steps may still work, and there is no place
/// to report them.
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

/// Installs a panic hook that restores the terminal first, so that the panic message can be read.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous_hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if TAKEN.load(Ordering::SeqCst) {
                PANICKED.store(true, Ordering::SeqCst);
                restore();
            }
            previous_hook(info);
        }));
    });
}
