//! What the pages of a watch have in common: banner, frame, footer, and why there is nothing to show.

use ratatui::{
    buffer::Buffer,
    layout::{Alignment, Rect},
    text::{Line, Span},
};

use crate::{
    action::Action,
    hit_map::{HitMap, Target},
    key::Mode,
    number,
    state::{State, Watched},
    text::{clean, width, wrap},
    theme::{Role, Theme},
    widget::{footer, frame, header, paint},
};

/// The cells between two figures of a line.
const GAP: usize = 3;

/// The body of a page, between the banner and the footer. `None` if the terminal is too small.
pub(super) fn area(state: &State) -> Option<Rect> {
    let parts = state.areas()?;
    let top = parts.header.y + 1;
    Some(Rect { y: top, height: parts.footer.y.saturating_sub(top), ..state.screen() })
}

/// Draws the banner, the frame, and the footer of a page.
pub(super) fn frame(buf: &mut Buffer, hits: &mut HitMap, title: &str, place: &str, state: &State, theme: &Theme) {
    let (Some(parts), Some(area)) = (state.areas(), area(state)) else { return };
    header::banner(buf, Rect { height: 1, ..parts.header }, state, theme);
    let mut foot: Vec<String> = vec![place.to_owned()];
    if state.feed.watched.is_paused() {
        foot.push("‖ paused".to_owned());
    }
    if let Some(snapshot) = state.feed.watched.snapshot() {
        foot.push(format!("as of {} UTC", snapshot.at.format("%H:%M:%S")));
        if let Some(why) = &snapshot.listing_failed {
            foot.push(format!("the list of groups is out of date: {}", clean(&why.to_string())));
        }
        if let Some(why) = &snapshot.librdkafka_because {
            foot.push(format!("via librdkafka: {}", clean(why)));
        }
    }
    foot.retain(|part| !part.is_empty());
    frame::window(buf, area, title, &foot.join("   "), theme);
    hits.add(state.screen(), Target::Watch);
    footer::render(buf, parts.footer, state, theme);
}

/// Why no group is shown: they are being listed, or there are none.
pub(super) fn no_groups(state: &State) -> Option<String> {
    match &state.feed.watched {
        Watched::Off => Some("no consumer groups are watched".to_owned()),
        Watched::Listing(since) => {
            Some(format!("listing groups, {} s", number::count(state.now.saturating_sub(*since).as_secs())))
        }
        Watched::Known { snapshot, .. } if snapshot.groups.is_empty() => {
            let again = match state.key_of(Action::RefreshGroups, Mode::Watching) {
                Some(key) => format!("; {key} refreshes"),
                None => String::new(),
            };
            Some(format!("this cluster has no consumer groups, or none that you may describe{again}"))
        }
        Watched::Known { .. } => None,
    }
}

/// Writes a text into the middle of an area.
pub(super) fn remark(buf: &mut Buffer, area: Rect, text: &str, theme: &Theme) {
    let lines = wrap(&clean(text), usize::from(area.width));
    let skip = usize::from(area.height).saturating_sub(lines.len()) / 2;
    for (line, text) in lines.iter().take(usize::from(area.height)).enumerate() {
        let at = Rect { y: area.y + number::cells(skip + line), height: 1, ..area };
        paint::aligned(buf, at, text, theme.muted, Alignment::Center);
    }
}

/// A figure, or a few words, that is never cut.
#[derive(Clone, Debug)]
pub(super) struct Part {
    text: String,
    role: Role,
}

impl Part {
    /// An ordinary part.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), role: |theme| theme.popup }
    }

    /// A part in another style.
    pub(super) fn styled(text: impl Into<String>, role: Role) -> Self {
        Self { text: text.into(), role }
    }

    /// The same words in another style.
    pub(super) fn in_style(self, role: Role) -> Self {
        Self { role, ..self }
    }
}

/// Lines of parts. A line ends between parts; a part that is wider than a line is wrapped between words.
pub(super) fn flow(parts: &[Part], room: usize, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines: Vec<Vec<Span<'static>>> = Vec::new();
    let mut used = room;
    for part in parts {
        for text in wrap(&part.text, room) {
            let cells = width(&text);
            let fits = used + GAP + cells <= room;
            if fits && let Some(line) = lines.last_mut() {
                line.push(Span::raw(" ".repeat(GAP)));
                line.push(Span::styled(text, (part.role)(theme)));
                used += GAP + cells;
            } else {
                lines.push(vec![Span::styled(text, (part.role)(theme))]);
                used = cells;
            }
        }
    }
    lines.into_iter().map(Line::from).collect()
}
