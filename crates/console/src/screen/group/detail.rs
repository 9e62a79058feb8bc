//! All figures of the selected partition of a watched group, in words, so that no column is missed on a small screen.

use kreplay_model::{
    domain::Offset,
    watch::{AheadCause, HeldBy, PartitionRow, RecordsLeft, TimeExactness},
};
use ratatui::text::Line;

use super::super::watch_page::{Part, flow};
use crate::{
    number,
    state::{GroupPartitionRow, State},
    symbol,
    text::{clean, shorten},
    theme::{Role, Theme},
};

/// Maximum width of a name among the figures.
const MAX_NAME_CELLS: usize = 40;
const WARNING: Role = |theme| theme.warning;
const MUTED: Role = |theme| theme.muted;

/// The figures in lines of `room` cells, the most important ones first.
pub(super) fn lines(row: &GroupPartitionRow<'_>, state: &State, room: usize, theme: &Theme) -> Vec<Line<'static>> {
    let view = row.partition;
    let (sign, word, role) = symbol::group_partition(view);
    let name = clean(&row.id.to_string()).into_owned();
    let mut parts = vec![
        Part::styled(format!("{sign} {}", shorten(&name, MAX_NAME_CELLS)), role),
        Part::styled(word, role),
        Part::new(format!("lag {}", parts_of_lag(view))),
    ];
    parts.extend(problems(view, state));
    if let Some(left) = view.records_left {
        parts.push(Part::new(match left {
            RecordsLeft::Exactly(count) => format!("{} left", number::counted(count, "record")),
            RecordsLeft::AtMost(count) => format!("at most {} left", number::counted(count, "record")),
        }));
    }
    parts.extend(age(view));
    if let Some(left) = view.deadline_s {
        parts.push(Part::new(format!("deadline {}", number::seconds(left))));
    }
    let owner = row.owner_name();
    let owner = if owner.is_empty() { "no owner".to_owned() } else { format!("owner {}", clean(&owner)) };
    parts.push(Part::new(shorten(&owner, MAX_NAME_CELLS + 6)));
    parts.push(Part::new(format!("committed {}, end {}", offset(view.committed), offset(view.end))));
    parts.push(Part::styled(
        format!("log start {}, last stable {}", offset(view.log_start), offset(view.stable_end)),
        MUTED,
    ));
    if let (Some(rate_in), Some(rate_out)) = (view.rates.in_per_s, view.rates.out_per_s) {
        parts.push(Part::new(format!("in {}/s, out {}/s", number::rate(rate_in), number::rate(rate_out))));
    }
    parts.push(Part::styled(format!("why: {}", row.why_text()), MUTED));
    if view.compacted == Some(true) {
        parts.push(Part::styled("compacted: offsets overstate records", MUTED));
    }
    flow(&parts, room, theme)
}

/// The lag with its parts.
fn parts_of_lag(view: &PartitionRow) -> String {
    let Some(lag) = view.lag else { return "?".to_owned() };
    let lag = number::lags(lag).fit(28).to_owned();
    let (Some(lost), Some(readable), Some(held), Some(ahead)) = (view.lost, view.readable, view.held_back, view.ahead)
    else {
        return lag;
    };
    let sum = [(lost, "lost"), (readable, "readable"), (held, "held back")]
        .into_iter()
        .filter(|(part, _)| *part > 0)
        .map(|(part, name)| format!("{} {name}", number::count(part)))
        .collect::<Vec<_>>()
        .join(" + ");
    match (sum.is_empty(), ahead) {
        (true, 0) => lag,
        (true, ahead) => format!("{lag} = -{} ahead", number::count(ahead)),
        (false, 0) => format!("{lag} = {sum}"),
        (false, ahead) => format!("{lag} = {sum} - {} ahead", number::count(ahead)),
    }
}

/// What is wrong with the partition, or not known of it.
fn problems(view: &PartitionRow, state: &State) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Some(reason) = &view.why_unknown {
        let known = match (view.last_known_lag, view.as_of) {
            (Some(lag), Some(at)) => {
                format!("; the last known lag was {} at {}", number::lags(lag).fit(28), at.format("%H:%M:%S"))
            }
            _ => String::new(),
        };
        parts.push(Part::styled(clean(&format!("{reason}{known}")).into_owned(), WARNING));
    }
    if let Some(would_be) = &view.would_be {
        let earliest = number::count(would_be.earliest);
        parts.push(Part::new(format!(
            "would begin with a lag of {earliest} (earliest) or {} (latest)",
            would_be.latest
        )));
    }
    if let Some(held) = view.held_by.as_ref().filter(|held| held.wedged) {
        parts.push(Part::styled(held_by(held, state), WARNING));
    }
    match view.ahead_cause {
        Some(AheadCause::Recreated) => {
            parts.push(Part::styled("the topic has been recreated since the commit", WARNING));
        }
        Some(AheadCause::Truncated) => parts.push(Part::styled("the log was truncated", WARNING)),
        Some(AheadCause::NotKnown) | None => {}
    }
    parts
}

/// The transaction that holds the reader back.
fn held_by(held: &HeldBy, state: &State) -> String {
    let since = state.feed.watched.snapshot().and_then(|snapshot| (snapshot.at - held.frozen_since).to_std().ok());
    let since = since.map_or_else(String::new, |since| format!(" for {}", number::seconds(since.as_secs_f64())));
    match &held.transaction {
        Some(transaction) => {
            let id = match &transaction.transactional_id {
                Some(id) => format!("{}, ", shorten(&clean(id), MAX_NAME_CELLS)),
                None => String::new(),
            };
            format!("held back{since} by the transaction of {id}producer {}", transaction.producer_id)
        }
        None => format!("held back{since} by an open transaction"),
    }
}

fn age(view: &PartitionRow) -> Option<Part> {
    let age = view.age_s?;
    let bounds = match view.age_exactness {
        Some(TimeExactness::Bracket) => number::bounds(age.low, age.high),
        Some(TimeExactness::ClockAhead) => " (the producer's clock is ahead)".to_owned(),
        _ => String::new(),
    };
    Some(Part::new(format!("age {}{bounds}", number::ages(age, view.age_exactness).fit(12))))
}

fn offset(offset: Option<Offset>) -> String {
    offset.map_or("?".to_owned(), |offset| number::count(offset.since(Offset::ZERO)))
}
