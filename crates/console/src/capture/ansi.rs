//! What a terminal reads to get from one frame to the next.

use std::io;

use ratatui::{
    backend::{Backend as _, CrosstermBackend},
    buffer::Buffer,
};

/// Hides the cursor and clears the screen, which every sequence of frames begins with.
const BEGIN: &str = "\x1b[?25l\x1b[2J\x1b[H";

/// The characters and escape sequences that turn one frame into the next, which has the same size. Without a previous
/// frame they draw everything on a cleared screen. Empty if nothing changed.
///
/// # Errors
/// None are expected: nothing is written anywhere.
pub fn changes(previous: Option<&Buffer>, next: &Buffer) -> io::Result<String> {
    let blank = Buffer::empty(next.area);
    let changed = previous.unwrap_or(&blank).diff(next);
    let mut bytes = Vec::new();
    if !changed.is_empty() {
        CrosstermBackend::new(&mut bytes).draw(changed.into_iter())?;
    }
    let text = String::from_utf8(bytes).map_err(io::Error::other)?;
    Ok(if previous.is_none() { format!("{BEGIN}{text}") } else { text })
}

#[cfg(test)]
mod tests {
    use ratatui::{
        layout::Rect,
        style::{Color, Style},
    };

    use super::*;

    fn buffer(lines: [&str; 2]) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 2));
        for (y, line) in (0..).zip(lines) {
            buffer.set_string(0, y, line, Style::new().fg(Color::Indexed(3)));
        }
        buffer
    }

    #[test]
    fn a_terminal_that_reads_the_changes_shows_the_last_frame() {
        let frames = [buffer(["lag 1,204", "p95 4.4 ms"]), buffer(["lag 7", "p95 ❤ 12 ms"]), buffer(["", "done"])];
        let mut terminal = vt100::Parser::new(2.try_into().unwrap(), 12.try_into().unwrap(), 0);
        let mut previous = None;
        for frame in &frames {
            terminal.process(changes(previous, frame).unwrap().as_bytes());
            previous = Some(frame);
            let shown = terminal.screen().contents();
            let expected: Vec<String> = crate::capture::text(frame).lines().map(str::to_owned).collect();
            let shown: Vec<&str> = shown.lines().map(str::trim_end).collect();
            assert_eq!(
                shown.iter().filter(|line| !line.is_empty()).count(),
                expected.iter().filter(|line| !line.is_empty()).count()
            );
            assert!(expected.iter().all(|line| line.is_empty() || shown.contains(&line.as_str())), "{shown:?}");
        }
        assert_eq!(changes(previous, &frames[2]).unwrap(), "");
    }
}
