//! The window of a yes-or-no question.

use kreplay_model::control::{Decision, RecordDecision};
use kreplay_model::feed::RunView;
use ratatui::{
    buffer::Buffer,
    text::{Line, Span},
};

use crate::{
    action::Action,
    key::Mode,
    layout::centred,
    names, number,
    state::{Question, State},
    text::{clean, shorten, wrap},
    theme::Theme,
    widget::{frame, paint},
};

const MAX_WIDTH: u16 = 60;

#[allow(clippy::too_many_lines, reason = "an arm for each question")]
pub(super) fn render(buf: &mut Buffer, question: &Question, state: &State, theme: &Theme) {
    let [in_flight, rest] = state.run().map_or_else(Default::default, |run| consequences_of_stopping(run, state));
    let (title, lines): (_, Vec<String>) = match question {
        Question::Restart => (
            "Run again?",
            vec![
                "The active run will be stopped: its records in flight are finished. Then all records are handled again."
                    .into(),
            ],
        ),
        Question::Stop => ("Stop the run?", vec![in_flight, rest]),
        Question::Quit if state.attachment.is_some() => {
            ("Quit?", vec!["Only this console closes. The run continues in its own process.".into()])
        }
        Question::Quit => ("Quit?", vec!["A run is active and will be stopped before its end.".into(), in_flight, rest]),
        Question::DecideAll(Decision::Release) => (
            "Release all keys?",
            vec![
                "The records of all quarantined keys are retried, in order. Keys that fail again are quarantined again."
                    .into(),
            ],
        ),
        Question::DecideAll(Decision::DeadLetter) => (
            "Dead-letter all keys?",
            vec![format!(
                "{} of {} will be written to the dead-letter topic, as will later records of these keys. This cannot \
                 be undone.",
                number::counted(state.run().map_or(0, |run| run.quarantine.records), "record"),
                number::counted(state.run().map_or(0, |run| run.quarantine.keys as u64), "key"),
            )],
        ),
        Question::DecideKey(decision, hash) => {
            let key = state.feed.quarantined().iter().find(|one| one.hash == *hash);
            let named = key.map_or_else(|| "The key".to_owned(), |key| capitalised(&names::quarantined_key(key)));
            match decision {
                Decision::Release => ("Release the key?", vec![format!("{named} is retried; its records stay in order.")]),
                Decision::DeadLetter => (
                    "Dead-letter the key?",
                    vec![format!(
                        "{named} will be written to the dead-letter topic, as will its later records. This cannot be undone."
                    )],
                ),
            }
        }
        Question::DecideRecord(decision, id) => {
            let record = state.paused_record_with(id);
            let named = capitalised(&record.map_or_else(|| names::record_id(id), names::paused_record));
            match decision {
                RecordDecision::Skip => (
                    "Skip the record?",
                    vec![format!("{named} is skipped (1 record) and counted as skipped. This cannot be undone.")],
                ),
                RecordDecision::DeadLetter => (
                    "Dead-letter the record?",
                    vec![format!(
                        "{named} will be written to the dead-letter topic (1 record). The run resumes at once; the records \
                         behind it in its key or partition wait until it is written."
                    )],
                ),
            }
        }
        Question::Race => (
            "Run with effects?",
            vec![
                format!(
                    "All records are handled {} times, and {} applies all effects each time. To race without effects, \
                     use `kreplay run --dry-run`.",
                    state.user.racing.len(),
                    shorten(&clean(&state.run().map_or_else(String::new, |run| run.plan.handler.clone())), 30),
                ),
            ],
        ),
        Question::Silence => (
            "Silence the rule?",
            vec![format!(
                "For 1 hour, no actions run for alerts of the rule {}. If an alert is still firing then, its actions \
                 run. The silence remains in effect after kreplay exits.",
                clean(state.user.watch.silencing.as_deref().unwrap_or_default())
            )],
        ),
        Question::ReplacePreset => (
            "Replace the preset?",
            vec![format!(
                "A preset named `{}` already exists. It will be replaced with the contents of the form.",
                asked_preset(state)
            )],
        ),
        Question::DeletePreset => (
            "Delete the preset?",
            vec![format!("The preset `{}` is deleted. This cannot be undone.", asked_preset(state))],
        ),
        Question::LaunchInstead { dry_run } => (
            if *dry_run { "Start a dry run instead?" } else { "Start this run instead?" },
            vec![
                "The active run will be stopped before its end: its records in flight are finished. Then the run of the \
                 form starts."
                    .into(),
            ],
        ),
        Question::ReplayInstead(topics) => (
            "Replay these topics instead?",
            vec![
                "A run is active and will be stopped before its end.".into(),
                in_flight,
                rest,
                format!(
                    "Then {} {} replayed: {}.",
                    number::counted(topics.len() as u64, "topic"),
                    number::by_count(topics.len(), "is", "are"),
                    names::topics(topics)
                ),
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
    let key = |action| Span::styled(state.key_of(action, Mode::Asking).unwrap_or_default(), theme.key);
    let answers = Line::from(vec![key(Action::Accept), Span::raw(" yes    "), key(Action::Close), Span::raw(" no")]);
    paint::line(buf, inner.x + 1, inner.bottom() - 1, inner.width - 1, &answers);
}

/// The name of the preset that the question is about.
fn asked_preset(state: &State) -> String {
    let name = state.user.launch.asked_preset.as_ref().map(|preset| preset.name.as_str());
    shorten(&clean(name.unwrap_or_default()), 40).into_owned()
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// What happens to a run that is stopped, and how to resume it.
fn consequences_of_stopping(run: &RunView, state: &State) -> [String; 2] {
    let committed = if run.plan.group.is_some() { " and committed" } else { "" };
    let rest = if run.plan.resumable {
        format!("Resume later: kreplay resume {}", shorten(&clean(&run.id), 25))
    } else if state.feed.snapshot.cluster.embedded {
        "The remaining records are not handled.".to_owned()
    } else {
        "It has no journal, so it cannot be resumed.".to_owned()
    };
    [format!("Records in flight are finished{committed}."), rest]
}
