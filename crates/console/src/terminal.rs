//! Takes over the terminal and restores it in every case: on exit, on a panic, and for the shell on Ctrl-Z.

use std::{
    cell::Cell,
    io::{self, BufWriter, Stdout, Write as _},
    mem::ManuallyDrop,
    panic,
    sync::{
        Mutex, MutexGuard, Once, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crossterm::{
    clipboard::CopyToClipboard,
    cursor, event, execute,
    style::Print,
    terminal::{
        BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
        enable_raw_mode,
    },
};
use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    buffer::Buffer,
    layout::{Position, Rect},
};

use super::{
    announce::{Abilities, NO_PROGRESS, RESTORE_TITLE, SAVE_TITLE},
    hit_map::HitMap,
    screen,
    state::State,
    theme::Theme,
};

/// Whether the console currently owns the terminal.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Whether the title of the window was saved.
static TITLE_SAVED: AtomicBool = AtomicBool::new(false);
/// Whether the taskbar shows a progress.
static SHOWS_PROGRESS: AtomicBool = AtomicBool::new(false);
/// Whether any thread has panicked since the terminal was taken over.
static PANICKED: AtomicBool = AtomicBool::new(false);
/// Held while a frame is drawn. A panic in another thread waits for it: a frame drawn after the terminal is restored
/// would overwrite the message of the panic and hide the cursor.
static DRAWING: Mutex<()> = Mutex::new(());
/// How long a panic waits for a frame. A terminal that does not read can block it.
const MAX_WAIT_FOR_FRAME: Duration = Duration::from_secs(1);

thread_local! {
    /// Whether this thread draws a frame. If it panics, it must not wait for itself.
    static DRAWS: Cell<bool> = const { Cell::new(false) };
}

/// Size of the output buffer. A frame is a few kilobytes, so it needs one write instead of one per cell.
const BUFFER_BYTES: usize = 64 * 1024;

/// The terminal while the console owns it. Dropping it restores the terminal.
pub(super) struct Screen {
    /// Never dropped: `Terminal::drop` shows the cursor and prints errors, which panics if the terminal has closed.
    /// `restore` shows the cursor instead.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<BufWriter<Stdout>>>>,
    mouse: bool,
    abilities: Abilities,
    /// The last frame; `None` if the terminal does not show it.
    shown: Option<Buffer>,
    /// Reused for the next frame, so that a frame needs no memory of its own.
    spare: Buffer,
    /// Whether the next frame begins with an empty screen.
    must_clear: bool,
}

impl Screen {
    /// Takes over the terminal.
    pub(super) fn open(mouse: bool, abilities: Abilities) -> io::Result<Self> {
        restore_on_panic();
        PANICKED.store(false, Ordering::SeqCst);
        // Set first, so that a partial initialisation is also undone.
        TAKEN.store(true, Ordering::SeqCst);
        let opened = take(mouse, abilities).and_then(|()| {
            let backend = CrosstermBackend::new(BufWriter::with_capacity(BUFFER_BYTES, io::stdout()));
            Terminal::new(backend)
        });
        match opened {
            Ok(terminal) => Ok(Self {
                terminal: ManuallyDrop::new(terminal),
                mouse,
                abilities,
                shown: None,
                spare: Buffer::default(),
                must_clear: false,
            }),
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

    /// Draws the changes as one synchronised update. A frame that is the same as the last one writes nothing. Returns
    /// what can be clicked.
    pub(super) fn draw(&mut self, state: &State, theme: &Theme) -> io::Result<HitMap> {
        let _frame = DrawnFrame::begin();
        if has_panicked() {
            return Ok(HitMap::default());
        }
        let mut hits = HitMap::default();
        let mut next = std::mem::take(&mut self.spare);
        next.resize(state.screen());
        next.reset();
        screen::render(&mut next, &mut hits, state, theme);
        if self.shown.as_ref() == Some(&next) {
            self.spare = next;
            return Ok(hits);
        }
        crossterm::queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        if std::mem::take(&mut self.must_clear) {
            // `Terminal::clear` would query the cursor position, and the answer would be read as keys.
            let size = self.terminal.size()?;
            self.terminal.resize(Rect::from((Position::ORIGIN, size)))?;
        }
        let mut is_drawn = false;
        self.terminal.draw(|frame| {
            // Between a resize and its event, the sizes differ. Only the frame's area may be written.
            if frame.area() == next.area {
                frame.buffer_mut().content.clone_from(&next.content);
                is_drawn = true;
            }
        })?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        if is_drawn {
            self.spare = self.shown.replace(next).unwrap_or_default();
        } else {
            (self.shown, self.spare) = (None, next);
        }
        Ok(hits)
    }

    /// Puts a text into the clipboard of the terminal (OSC 52). Terminals that do not allow it ignore it.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        let _frame = DrawnFrame::begin();
        if has_panicked() {
            return Ok(());
        }
        execute!(self.terminal.backend_mut(), CopyToClipboard::to_clipboard_from(text))
    }

    /// Captures the mouse, or releases it.
    pub(super) fn capture_mouse(&mut self, on: bool) -> io::Result<()> {
        let _frame = DrawnFrame::begin();
        self.mouse = on;
        if has_panicked() {
            return Ok(());
        }
        if on {
            execute!(self.terminal.backend_mut(), event::EnableMouseCapture)
        } else {
            execute!(self.terminal.backend_mut(), event::DisableMouseCapture)
        }
    }

    /// Writes a control sequence that changes no cell, such as the bell.
    pub(super) fn write(&mut self, sequence: &str) -> io::Result<()> {
        let backend = self.terminal.backend_mut();
        backend.write_all(sequence.as_bytes())?;
        io::Write::flush(backend)
    }

    /// Writes what the terminal shows outside of the frames.
    pub(super) fn announce(&mut self, changes: &str, shows_progress: bool) -> io::Result<()> {
        let _frame = DrawnFrame::begin();
        if changes.is_empty() || has_panicked() {
            return Ok(());
        }
        SHOWS_PROGRESS.store(shows_progress, Ordering::SeqCst);
        execute!(self.terminal.backend_mut(), Print(changes))
    }

    /// Forces the next draw to redraw every cell, within its synchronised update.
    pub(super) fn clear(&mut self) {
        self.shown = None;
        self.must_clear = true;
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
        take(self.mouse, self.abilities)?;
        self.clear();
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // After a panic during a frame, the buffer still starts a synchronised update, which must be ended.
        let _ = execute!(self.terminal.backend_mut(), EndSynchronizedUpdate);
        restore();
    }
}

/// A frame that this thread draws.
struct DrawnFrame(#[expect(dead_code, reason = "held until the frame is drawn")] MutexGuard<'static, ()>);

impl DrawnFrame {
    fn begin() -> Self {
        let held = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
        DRAWS.set(true);
        Self(held)
    }
}

impl Drop for DrawnFrame {
    fn drop(&mut self) {
        DRAWS.set(false);
    }
}

/// Waits until no other thread draws, for a bounded time.
fn await_frame_of_another_thread() -> Option<MutexGuard<'static, ()>> {
    if DRAWS.get() {
        return None;
    }
    let begin = Instant::now();
    loop {
        match DRAWING.try_lock() {
            Ok(held) => return Some(held),
            Err(TryLockError::Poisoned(held)) => return Some(held.into_inner()),
            Err(TryLockError::WouldBlock) if begin.elapsed() >= MAX_WAIT_FOR_FRAME => return None,
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// Whether a thread has panicked while the console owned the terminal.
pub(super) fn has_panicked() -> bool {
    PANICKED.load(Ordering::SeqCst)
}

fn take(mouse: bool, abilities: Abilities) -> io::Result<()> {
    enable_raw_mode()?;
    let mut out = io::stdout();
    if abilities.title {
        TITLE_SAVED.store(true, Ordering::SeqCst);
        execute!(out, Print(SAVE_TITLE))?;
    }
    execute!(out, EnterAlternateScreen, cursor::Hide, event::EnableBracketedPaste, event::EnableFocusChange)?;
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
    let _ = execute!(out, event::DisableFocusChange);
    if SHOWS_PROGRESS.swap(false, Ordering::SeqCst) {
        let _ = execute!(out, Print(NO_PROGRESS));
    }
    if TITLE_SAVED.swap(false, Ordering::SeqCst) {
        let _ = execute!(out, Print(RESTORE_TITLE));
    }
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
                let _no_frame = await_frame_of_another_thread();
                restore();
            }
            previous_hook(info);
        }));
    });
}
