//! Renders frames without a terminal: as cells, as plain text, as pictures, or as what a terminal reads.

mod ansi;
mod svg;

use std::{sync::Arc, time::Duration};

pub use ansi::changes;
use kreplay_model::{
    feed::{self, Snapshot},
    recording::Frame,
};
use ratatui::{buffer::Buffer, layout::Rect};
pub use svg::svg;

use super::{
    hit_map::HitMap,
    screen,
    state::{ScreenId, State},
    theme::Theme,
    update::{Event, update},
};

/// Renders the console in the given state.
#[must_use]
pub fn frame(state: &State, theme: &Theme) -> Buffer {
    frame_with_hits(state, theme).0
}

/// Renders the console in the given state, with what can be clicked.
#[must_use]
pub fn frame_with_hits(state: &State, theme: &Theme) -> (Buffer, HitMap) {
    let mut buffer = Buffer::empty(Rect::new(0, 0, state.size.width, state.size.height));
    let mut hits = HitMap::default();
    screen::render(&mut buffer, &mut hits, state, theme);
    (buffer, hits)
}

/// Follows a session without a terminal and renders frames on request.
#[derive(Clone, Debug)]
pub struct Capture {
    state: State,
}

impl Capture {
    /// A console of the given size in cells.
    #[must_use]
    pub fn new(width: u16, height: u16, hint: Option<String>) -> Self {
        Self { state: State::new(width, height, hint) }
    }

    /// Applies the next snapshot and the events since the previous one.
    pub fn take(&mut self, snapshot: Arc<Snapshot>, events: Vec<feed::Event>) {
        // A capture sends no commands, so effects are ignored.
        let _ = update(&mut self.state, Event::Events(events));
        let _ = update(&mut self.state, Event::Snapshot(snapshot));
    }

    /// Opens another screen instead of the dashboard. It has no way back.
    #[must_use]
    pub fn with_home(self, home: ScreenId) -> Self {
        let (size, hint) = (self.state.size, self.state.hint);
        Self { state: State::with_home(home, size.width, size.height, hint) }
    }

    /// Applies what a frame of a recording says, `elapsed` after the first one.
    pub fn take_frame(&mut self, frame: Frame, elapsed: Duration) {
        let watch_begins = frame.groups.is_some() && !self.state.feed.watched.is_on();
        let of_watch = watch_begins.then_some(Event::WatchBegan).into_iter();
        let events = (!frame.events.is_empty()).then_some(Event::Events(frame.events));
        let group_events = (!frame.group_events.is_empty()).then_some(Event::GroupEvents(frame.group_events));
        let said = of_watch
            .chain(events)
            .chain(frame.snapshot.map(Event::Snapshot))
            .chain(frame.groups.map(Event::Groups))
            .chain(group_events)
            .chain(frame.alerts.map(Event::Alerts))
            .chain([Event::Tick(elapsed)]);
        for event in said {
            // A capture sends no commands, so effects are ignored.
            let _ = update(&mut self.state, event);
        }
        // Each moment may be captured.
        if let Some(status) = &mut self.state.user.status {
            status.drawn();
        }
    }

    /// The sequence number of the next event, for [`feed::EventLog::since`].
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.state.feed.events.next_seq()
    }

    /// Renders the latest snapshot.
    #[must_use]
    pub fn frame(&self, theme: &Theme) -> Buffer {
        frame(&self.state, theme)
    }
}

/// A frame as plain text, without trailing spaces.
#[must_use]
pub fn text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        let line: String = cells(buffer, y).map(|(_, cell)| cell.symbol()).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The cells of a row, without those covered by a wide character.
fn cells(buffer: &Buffer, y: u16) -> impl Iterator<Item = (u16, &ratatui::buffer::Cell)> {
    let mut covered_to = 0;
    (buffer.area.left()..buffer.area.right()).filter_map(move |x| {
        let cell = buffer.cell((x, y))?;
        if x < covered_to {
            return None;
        }
        covered_to = x + super::number::cells(super::text::width(cell.symbol())).max(1);
        Some((x, cell))
    })
}
