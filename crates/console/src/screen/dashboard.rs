//! The dashboard: header, alert, panels, and footer.

use ratatui::buffer::Buffer;

use crate::{
    hit_map::{HitMap, Target},
    layout::Panel,
    state::{Place, State},
    theme::Theme,
    widget::{alert, chart, events, footer, header, partitions, workers},
};

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, _: &Place, state: &State, theme: &Theme) {
    let Some(areas) = state.areas() else { return };
    header::render(buf, areas.header, state, theme);
    if let Some(area) = areas.alert {
        alert::render(buf, area, state, theme);
    }
    for (panel, area) in &areas.panels {
        hits.add(*area, Target::Panel(*panel));
        match panel {
            Panel::Throughput => chart::render(buf, *area, state, theme),
            Panel::Workers => workers::render(buf, *area, state, theme),
            Panel::Partitions => partitions::render(buf, hits, *area, state, theme),
            Panel::Events => events::render(buf, hits, *area, state, theme),
        }
    }
    footer::render(buf, areas.footer, state, super::max_scroll(state) > 0, theme);
}
