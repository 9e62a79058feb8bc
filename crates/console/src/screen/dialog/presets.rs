//! The list of presets of the launch form.

use kreplay_model::control::RunField;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    key::Mode,
    layout::centred,
    number,
    screen::foot,
    state::{Preset, PresetChoice, State},
    text::{clean, shorten, width},
    theme::Theme,
    widget::{frame, paint},
};

const WIDTH: u16 = 76;
/// Cells of a name, to align what the presets have.
const NAME_CELLS: usize = 24;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, choice: &PresetChoice, state: &State, theme: &Theme) {
    let room = buf.area.height.saturating_sub(2);
    let area = centred(buf.area, WIDTH, number::cells(choice.presets.len() + 2).min(room));
    let keys: [(&[Action], &str); 3] =
        [(&[Action::LoadPreset], "loads"), (&[Action::DeletePreset], "deletes"), (&[Action::Close], "closes")];
    let inner = frame::window(buf, area, "Presets", &foot::of_keys(state, Mode::Presets, &keys), theme);
    let page = usize::from(inner.height);
    let first = (choice.row + 1).saturating_sub(page);
    for (line, (row, preset)) in choice.presets.iter().enumerate().skip(first).take(page).enumerate() {
        let at = Rect { y: inner.y + number::cells(line), height: 1, ..inner };
        let name = shorten(&clean(&preset.name), NAME_CELLS).into_owned();
        let gap = " ".repeat(NAME_CELLS.saturating_sub(width(&name)) + 1);
        let room = usize::from(at.width).saturating_sub(NAME_CELLS + 1);
        let text = Line::from(vec![
            Span::styled(name, theme.popup),
            Span::styled(format!("{gap}{}", shorten(&clean(&summary(preset)), room)), theme.popup.patch(theme.muted)),
        ]);
        paint::line(buf, at.x, at.y, at.width, &text);
        if row == choice.row {
            buf.set_style(at, theme.selected);
        }
        hits.add(at, Target::Preset(row));
    }
}

/// What a preset has, in the order of the form. What this version does not know comes last.
fn summary(preset: &Preset) -> String {
    let known = RunField::ALL.iter().filter_map(|field| preset.values.get_key_value(field.name()));
    let unknown = preset.values.iter().filter(|(name, _)| RunField::named(name).is_none());
    let parts: Vec<String> = known.chain(unknown).map(|(name, value)| format!("{name}={value}")).collect();
    if parts.is_empty() { "the defaults".to_owned() } else { parts.join(" ") }
}
