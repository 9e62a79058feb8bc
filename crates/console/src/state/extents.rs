//! What the last frame showed of everything that scrolls.

use super::{GroupPanel, ScreenId};
use crate::layout::Panel;

/// Something that scrolls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scrollable {
    /// The rows of a panel of the dashboard.
    Panel(Panel),
    /// The rows or lines of a screen.
    Screen(ScreenId),
    /// The columns that a screen has for time.
    TimeAxis(ScreenId),
    /// The rows of a panel of a watched group.
    GroupPanel(GroupPanel),
    /// The hits of the palette.
    Palette,
}

/// The size of something that scrolls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The number of rows or lines.
    pub len: usize,
    /// How many of them are visible at once.
    pub page: usize,
}

impl Extent {
    /// The maximum scroll offset.
    #[must_use]
    pub fn max_scroll(self) -> usize {
        self.len.saturating_sub(self.page)
    }
}

/// The extents of a frame. A screen that was opened since the last frame has none yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extents {
    sizes: Vec<(Scrollable, Extent)>,
    groups: Vec<String>,
}

impl Extents {
    /// Adds an extent.
    pub(crate) fn add(&mut self, scrollable: Scrollable, extent: Extent) {
        self.sizes.push((scrollable, extent));
    }

    /// Adds a watched group that is visible.
    pub(crate) fn add_group(&mut self, name: &str) {
        if !self.groups.iter().any(|group| group == name) {
            self.groups.push(name.to_owned());
        }
    }

    /// Forgets the visible groups, because something is drawn over them.
    pub(crate) fn cover_groups(&mut self) {
        self.groups.clear();
    }

    /// The watched groups that the frame showed.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// The extent of something that scrolls, if the frame showed it.
    #[must_use]
    pub fn of(&self, scrollable: Scrollable) -> Option<Extent> {
        self.sizes.iter().find(|(shown, _)| *shown == scrollable).map(|(_, extent)| *extent)
    }

    /// The number of rows or lines visible at once, if the frame showed them.
    #[must_use]
    pub fn page(&self, scrollable: Scrollable) -> Option<usize> {
        self.of(scrollable).map(|extent| extent.page)
    }
}
