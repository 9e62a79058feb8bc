//! Changes of the size of the terminal, as something to poll.

use std::{
    io::{self, Read as _},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    time::Duration,
};

use signal_hook::{SigId, consts::SIGWINCH, low_level};

/// Readable after the size of the terminal has changed.
///
/// crossterm waits for keys and for this signal at once, and forgets the one if it finds both: a key would stay unread
/// until the next one. So the signal must be passed on before a key comes.
pub(super) struct SizeChanges {
    reader: UnixStream,
    registration: SigId,
}

impl SizeChanges {
    /// Begins to listen.
    ///
    /// # Errors
    /// The operating system gives no socket, or the signal cannot be received.
    pub(super) fn listen() -> io::Result<Self> {
        // Receivers of a signal are called in the order of their registration. That of crossterm, which this registers,
        // must be the first: its event exists then once this is readable.
        crossterm::event::poll(Duration::ZERO)?;
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        let registration = low_level::pipe::register(SIGWINCH, writer)?;
        Ok(Self { reader, registration })
    }

    /// Makes it unreadable until the next change.
    pub(super) fn clear(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.reader).read(&mut bytes), Ok(count) if count > 0) {}
    }
}

impl AsFd for SizeChanges {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl Drop for SizeChanges {
    fn drop(&mut self) {
        low_level::unregister(self.registration);
    }
}
