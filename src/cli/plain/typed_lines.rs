//! Lines of standard input, without blocking the rest of the program.

use std::io::{self, BufRead as _, Read as _};

use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Lines that wait to be taken. Reading waits when there are more.
const MAX_WAITING_LINES: usize = 16;
/// The rest of a longer line is taken as another one.
const MAX_LINE_BYTES: u64 = 4096;

/// The lines. They are read by a thread that ends with the process: a read of a terminal cannot be interrupted.
pub(in crate::cli) struct TypedLines {
    lines: Receiver<String>,
}

impl TypedLines {
    /// Starts reading. Without a thread, there are no lines.
    pub(in crate::cli) fn open() -> Self {
        let (sender, lines) = channel(MAX_WAITING_LINES);
        // If it cannot be started, the receiver sees the end of the input.
        let _ = std::thread::Builder::new().name("commands".into()).spawn(move || read(&sender));
        Self { lines }
    }

    /// The next line. After the last one, it waits forever. It can be dropped at any time without losing a line.
    pub(in crate::cli) async fn next(&mut self) -> String {
        match self.lines.recv().await {
            Some(line) => line,
            None => std::future::pending().await,
        }
    }
}

fn read(lines: &Sender<String>) {
    let mut input = io::stdin().lock();
    loop {
        let mut line = Vec::new();
        match input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(1..) if lines.blocking_send(String::from_utf8_lossy(&line).into_owned()).is_ok() => {}
            // The end of the input, an error, or the lines are no longer taken.
            _ => return,
        }
    }
}
