//! The figures, each as a strip of columns. A column without a measurement is empty; one that is zero has a line.

use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    style::Style,
};

use super::{LABEL_WIDTH, View};
use crate::{
    number,
    state::{Strip, StripFigure},
    widget::paint,
};

/// A figure gets room if at least this share of the height that suits it is left, in quarters.
const MIN_QUARTERS: u16 = 3;
/// Minimum height of a figure: its name, and the end of its scale.
const MIN_HEIGHT: u16 = 2;
/// Eighths of a cell that stay empty above the highest column, so that figures are apart.
const GAP_EIGHTHS: u32 = 2;

pub(super) fn render(buf: &mut Buffer, plot: Rect, view: &View<'_>) {
    let strips = view.state.timeline_strips(view.columns);
    let figures: Vec<StripFigure> = strips.iter().map(|strip| strip.figure).collect();
    let mut y = plot.y;
    for (strip, height) in strips.iter().zip(heights(&figures, plot.height)).filter(|(_, height)| *height > 0) {
        strip_at(buf, Rect { y, height, ..plot }, strip, view);
        y += height;
    }
}

/// The height of each figure; 0 for those that have no room. Those with the lowest ranks get room first, and the rest
/// is divided by weight.
fn heights(figures: &[StripFigure], height: u16) -> Vec<u16> {
    let least = |figure: StripFigure| (figure.weight() * MIN_QUARTERS).div_ceil(4).max(MIN_HEIGHT);
    let mut ranked: Vec<usize> = (0..figures.len()).collect();
    ranked.sort_by_key(|at| figures.get(*at).map(|figure| figure.rank()));
    let mut heights = vec![0; figures.len()];
    let mut left = height;
    for at in ranked {
        let (Some(figure), Some(own)) = (figures.get(at), heights.get_mut(at)) else { continue };
        let Some(rest) = left.checked_sub(least(*figure)) else { break };
        (*own, left) = (least(*figure), rest);
    }
    while left > 0 {
        // The one with the least height for its weight grows first.
        let lowest = heights.iter_mut().zip(figures).filter(|(own, _)| **own > 0);
        let Some((own, _)) = lowest.min_by_key(|(own, figure)| **own * 60 / figure.weight()) else { break };
        *own += 1;
        left -= 1;
    }
    heights
}

fn strip_at(buf: &mut Buffer, area: Rect, strip: &Strip, view: &View<'_>) {
    let theme = view.theme;
    let ground = theme.base.patch(theme.popup);
    let top = strip.values.iter().flatten().copied().fold(0.0_f64, f64::max);
    let top = if strip.figure == StripFigure::Workers { top.max(1.0) } else { number::round_up(top) };
    let label = Rect { x: area.x - LABEL_WIDTH, width: LABEL_WIDTH - 1, height: 1, ..area };
    paint::text(buf, label.x, label.y, label.width, strip.figure.label(), ground.patch(theme.muted));
    let scale = strip.figure.forms(top);
    let has_values = strip.values.iter().any(Option::is_some);
    if area.height > 1 && has_values {
        let at = Rect { y: label.y + 1, ..label };
        paint::aligned(buf, at, scale.fit(label.width), ground.patch(theme.axis), Alignment::Right);
    }
    if !has_values {
        paint::text(buf, area.x, area.y, area.width, "not measured", ground.patch(theme.muted));
    }
    let style = match strip.figure {
        StripFigure::Failed | StripFigure::Retried => theme.bad,
        StripFigure::Lag | StripFigure::Age | StripFigure::Workers => theme.bar,
        _ => theme.chart,
    };
    for (index, value) in strip.values.iter().enumerate().take(usize::from(area.width)) {
        if let Some(value) = value {
            let share = value / top;
            let style = if *value > 0.0 { style } else { theme.axis };
            column(buf, area, area.x + number::cells(index), share, ground.patch(style));
        }
    }
}

fn column(buf: &mut Buffer, area: Rect, x: u16, share: f64, style: Style) {
    let all = u32::from(area.height) * 8 - GAP_EIGHTHS;
    let eighths = number::eighths(share, area.height) * all / (all + GAP_EIGHTHS);
    let filled = eighths.clamp(1, all);
    for (row, y) in (area.y..area.bottom()).rev().enumerate() {
        let left = filled.saturating_sub(u32::from(number::cells(row)) * 8).min(8);
        if left == 0 {
            break;
        }
        let block = paint::BLOCKS[usize::try_from(left).unwrap_or(8)];
        paint::text(buf, x, y, 1, block.encode_utf8(&mut [0; 4]), style);
    }
}

/// Draws the cursor and the marker over the figures.
pub(super) fn lines(buf: &mut Buffer, plot: Rect, view: &View<'_>) {
    let theme = view.theme;
    let ground = theme.base.patch(theme.popup);
    let marker = view.state.user.timeline.marker.and_then(|marker| view.x(plot, marker));
    let cursor = view.state.user.timeline.cursor.and(view.x(plot, view.cursor));
    for (x, sign, style) in [(marker, "╎", theme.notice), (cursor, "│", theme.strong)] {
        let Some(x) = x else { continue };
        for y in plot.y..plot.bottom() {
            paint::text(buf, x, y, 1, sign, ground.patch(style));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_important_figures_share_the_height() {
        use StripFigure as F;
        let figures = [F::Rate, F::Lag, F::P50, F::P95, F::P99, F::Workers];
        assert_eq!(heights(&figures, 14), [5, 4, 0, 3, 0, 2]);
        assert_eq!(heights(&figures, 7), [4, 3, 0, 0, 0, 0]);
        assert_eq!(heights(&figures, 1), [0; 6]);
        let large = heights(&figures, 40);
        assert_eq!(large.iter().sum::<u16>(), 40);
        assert!(large.iter().all(|height| *height >= MIN_HEIGHT) && large[0] > large[5], "{large:?}");
    }
}
