//! A question that waits for yes or no.

use ratatui::{
    buffer::Buffer,
    text::{Line, Span},
};

use crate::{
    console::{
        layout::centred,
        number,
        state::{Question, State},
        text::{clean, shorten, wrap},
        theme::Theme,
        widget::{frame, paint},
    },
    feed::RunView,
    replay::Decision,
};

const WIDEST: u16 = 60;

pub(super) fn render(buf: &mut Buffer, question: Question, state: &State, theme: &Theme) {
    let [in_hand, rest] = state.run().map_or_else(Default::default, |run| stopped(run, state));
    let (title, lines): (_, Vec<String>) = match question {
        Question::Restart => (
            "Run again?",
            vec![
                "A run is going. It is stopped first: what is in".into(),
                "hand is finished. Then all records are handled anew.".into(),
            ],
        ),
        Question::Cancel => ("Cancel the run?", vec![in_hand, rest]),
        Question::Quit => ("Quit?", vec!["A run is going. It is stopped before its end.".into(), in_hand, rest]),
        Question::DecideAll(Decision::Release) => (
            "Release all keys?",
            vec!["Every key in quarantine is tried again, in its order.".into(), "What fails again comes back.".into()],
        ),
        Question::DecideAll(Decision::DeadLetter) => (
            "Send all to the dead letters?",
            vec![
                "All that waits in quarantine goes to the dead letters,".into(),
                "and so does what comes later of these keys.".into(),
            ],
        ),
    };
    let wide = WIDEST.min(buf.area.width);
    let lines: Vec<String> = lines.iter().flat_map(|line| wrap(line, usize::from(wide.saturating_sub(6)))).collect();
    let area = centred(buf.area, wide, number::cells(lines.len() + 5));
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

/// What becomes of a run that is stopped, and how it can go on.
fn stopped(run: &RunView, state: &State) -> [String; 2] {
    let committed = if run.plan.group.is_some() { " and committed" } else { "" };
    let rest = if run.plan.resumable {
        format!("Go on later: kreplay resume {}", shorten(&clean(&run.id), 25))
    } else if state.snapshot.cluster.embedded {
        "The rest is left as it is.".to_owned()
    } else {
        "It keeps no journal: it cannot be resumed.".to_owned()
    };
    [format!("What is in hand is finished{committed}."), rest]
}
