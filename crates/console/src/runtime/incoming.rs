//! Takes what comes from outside of the session: keys, the mouse, and signals.

use std::io;

use crossterm::event::{Event as Typed, KeyEventKind};

use super::{Next, Runtime, signals::SignalAction};
use crate::{ConsoleError, key::Key, update::Event};

impl Runtime {
    /// Processes all pending input, so that a key held down causes one frame instead of many.
    pub(super) fn drain_input(&mut self) -> Result<Next, ConsoleError> {
        while let Some(input) = self.input.waiting() {
            if self.handle_input(Some(input))? == Next::Quit {
                return Ok(Next::Quit);
            }
        }
        Ok(Next::Continue)
    }

    /// Takes an input of the terminal.
    pub(super) fn handle_input(&mut self, input: Option<io::Result<Typed>>) -> Result<Next, ConsoleError> {
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

    /// Takes a signal.
    pub(super) fn handle_signal(&mut self, action: &SignalAction) -> Result<Next, ConsoleError> {
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

    pub(super) fn suspend(&mut self) -> Result<Next, ConsoleError> {
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
