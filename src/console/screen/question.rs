//! A question that waits for yes or no.

use ratatui::{
    buffer::Buffer,
    text::{Line, Span},
};

use crate::{
    console::{
        layout::centred,
        number,
        state::Question,
        theme::Theme,
        widget::{frame, paint},
    },
    replay::Decision,
};

pub(super) fn render(buf: &mut Buffer, question: Question, theme: &Theme) {
    let (title, lines) = match question {
        Question::Restart => (
            "Run again?",
            ["A run is going. It is stopped first: what is in", "hand is finished. Then all records are handled anew."],
        ),
        Question::Cancel => {
            ("Cancel the run?", ["What is in hand is finished and committed.", "The rest is left as it is."])
        }
        Question::Quit => {
            ("Quit?", ["A run is going. It is stopped before its end:", "what is in hand is finished and committed."])
        }
        Question::DecideAll(Decision::Release) => (
            "Release all keys?",
            ["Every key in quarantine is tried again, in its order.", "What fails again comes back."],
        ),
        Question::DecideAll(Decision::DeadLetter) => (
            "Send all to the dead letters?",
            ["All that waits in quarantine goes to the dead letters,", "and so does what comes later of these keys."],
        ),
    };
    let area = centred(buf.area, 58, number::cells(lines.len() + 5));
    let inner = frame::window(buf, area, title, "", theme);
    for (row, text) in lines.iter().enumerate() {
        paint::text(buf, inner.x + 1, inner.y + 1 + number::cells(row), inner.width - 1, text, theme.popup);
    }
    let answers = Line::from(vec![
        Span::styled("y", theme.key),
        Span::raw(" yes    "),
        Span::styled("n", theme.key),
        Span::raw(" no"),
    ]);
    paint::line(buf, inner.x + 1, inner.bottom() - 1, inner.width - 1, &answers);
}
