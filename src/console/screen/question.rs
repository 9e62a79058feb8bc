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
        update::names,
        widget::{frame, paint},
    },
    feed::RunView,
    replay::{Decision, RecordDecision},
};

const MAX_WIDTH: u16 = 60;

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
            vec![format!(
                "{} of {} go to the dead letters, and so do later records of these keys. This cannot be undone.",
                several(state.run().map_or(0, |run| run.quarantine.records), "record"),
                several(state.run().map_or(0, |run| run.quarantine.keys as u64), "key"),
            )],
        ),
        Question::DecideKey(decision, hash) => {
            let key = state.quarantined().iter().find(|one| one.hash == hash);
            let named = key.map_or_else(|| "The key".to_owned(), |key| capitalised(&names::quarantined_key(key)));
            match decision {
                Decision::Release => ("Release the key?", vec![format!("{named} is tried again, in its order.")]),
                Decision::DeadLetter => (
                    "Send the key to the dead letters?",
                    vec![format!(
                        "{named} goes to the dead letters, and so do later records of it. This cannot be undone."
                    )],
                ),
            }
        }
        Question::DecideRecord(decision) => {
            let named = state.paused_record().map_or_else(|| "the record".to_owned(), names::paused_record);
            let named = capitalised(&named);
            match decision {
                RecordDecision::Skip => (
                    "Skip the record?",
                    vec![format!("{named} is passed over: 1 record, counted as skipped. This cannot be undone.")],
                ),
                RecordDecision::DeadLetter => (
                    "Send the record to the dead letters?",
                    vec![format!("{named} goes to the dead-letter topic: 1 record. Then the run resumes.")],
                ),
            }
        }
        Question::ReplayInstead => (
            "Replay these topics instead?",
            vec![
                "A run is going. It is stopped before its end; then the chosen topics are replayed.".into(),
                in_hand,
                rest,
            ],
        ),
    };
    let wide = MAX_WIDTH.min(buf.area.width);
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

fn several(count: u64, name: &str) -> String {
    format!("{} {name}{}", number::count(count), if count == 1 { "" } else { "s" })
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
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
