//! Lag and age of a group over the last minutes.

use kreplay_model::watch::GroupView;
use ratatui::text::{Line, Span};

use crate::{number, state::State, theme::Theme, widget::paint};

/// Maximum number of columns of a figure.
const MAX_COLUMNS: usize = 60;
/// Minimum number of columns at which the figures are drawn.
const MIN_COLUMNS: usize = 12;
/// The cells of the names, and of what says how much time is drawn.
const CELLS_OF_WORDS: usize = 26;
/// Minimum number of known columns: one value has no trend.
const MIN_KNOWN: usize = 2;

/// A line with both figures; `None` while too little is known.
#[allow(clippy::cast_precision_loss, reason = "minutes")]
pub(super) fn line(group: &GroupView, state: &State, room: usize, theme: &Theme) -> Option<Line<'static>> {
    let columns = (room.saturating_sub(CELLS_OF_WORDS) / 2).min(MAX_COLUMNS);
    let history = state.feed.group_history();
    let (lag, age) = (history.lag(&group.group, columns), history.age(&group.group, columns));
    let known = |values: &[Option<f64>]| values.iter().flatten().count() >= MIN_KNOWN;
    if columns < MIN_COLUMNS || !(known(&lag) || known(&age)) {
        return None;
    }
    let last = format!("last {}", number::seconds(history.shown().ms() as f64 / 1000.0));
    let mut spans = Vec::new();
    for (name, values) in [("lag ", &lag), ("age ", &age)] {
        spans.push(Span::styled(name, theme.muted));
        spans.push(Span::styled(blocks(values), theme.notice));
        spans.push(Span::raw("  "));
    }
    spans.push(Span::styled(last, theme.muted));
    Some(Line::from(spans))
}

/// Blocks relative to the largest value. Time without a known value stays empty.
fn blocks(values: &[Option<f64>]) -> String {
    let largest = values.iter().flatten().copied().fold(0.0_f64, f64::max);
    let share = |value: f64| if largest > 0.0 { (value / largest).max(0.0) } else { 0.0 };
    values
        .iter()
        .map(|value| value.map_or_else(|| " ".to_owned(), |value| paint::blocks(std::iter::once(share(value)))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_value_is_empty_and_a_zero_is_not() {
        assert_eq!(blocks(&[None, Some(0.0), Some(5.0), Some(10.0)]), " ▁▄▇");
        assert_eq!(blocks(&[Some(0.0), None]), "▁ ");
        assert_eq!(blocks(&[Some(-3.0), Some(f64::MAX)]), "▁▇");
    }
}
