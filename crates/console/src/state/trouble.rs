//! The groups that need attention: the worst first, and the others folded to a count.

use std::cmp::Reverse;

use kreplay_model::watch::{GroupView, Reason, VerdictKind, VerdictSeverity};

use super::State;

/// What the user looks at on the screen of trouble.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TroubleView {
    /// The selected item. `None` is the first one.
    pub selected: Option<TroubleKey>,
    /// Whether the groups without trouble are shown, too.
    pub unfolded: bool,
    /// The first visible item.
    pub offset: usize,
}

/// What identifies an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TroubleKey {
    /// A group, by its name.
    Group(String),
    /// The count of groups without trouble.
    Others,
}

/// An item of the list.
#[derive(Clone, Copy, Debug)]
pub enum TroubleItem<'a> {
    /// A group that needs attention.
    Group(&'a GroupView),
    /// The count of the groups without trouble.
    Others(usize),
    /// A group without trouble, while these are shown.
    Other(&'a GroupView),
}

impl TroubleItem<'_> {
    /// What identifies the item.
    #[must_use]
    pub fn key(&self) -> TroubleKey {
        match self {
            Self::Group(group) | Self::Other(group) => TroubleKey::Group(group.group.clone()),
            Self::Others(_) => TroubleKey::Others,
        }
    }

    /// Its number of lines: the group, its evidence, and the next step.
    #[must_use]
    pub fn lines(&self) -> usize {
        match self {
            Self::Group(group) => {
                1 + usize::from(!evidence(group).is_empty()) + usize::from(group.verdict.next_step.is_some())
            }
            Self::Others(_) | Self::Other(_) => 1,
        }
    }

    fn is(&self, key: &TroubleKey) -> bool {
        match (self, key) {
            (Self::Group(group) | Self::Other(group), TroubleKey::Group(name)) => group.group == *name,
            (Self::Others(_), TroubleKey::Others) => true,
            _ => false,
        }
    }
}

/// The evidence of a group's verdict, or why nothing is known of the group.
#[must_use]
pub fn evidence(group: &GroupView) -> String {
    match &group.why_unknown {
        Some(reason) if group.verdict.kind == VerdictKind::Unknown => reason.to_string(),
        _ => group.verdict.evidence.clone(),
    }
}

/// Whether a group needs attention. One that was not requested yet does not.
#[must_use]
pub fn needs_attention(group: &GroupView) -> bool {
    let is_unknown = || group.verdict.kind == VerdictKind::Unknown;
    let is_asked = || !matches!(group.why_unknown, None | Some(Reason::NotAsked));
    group.verdict.severity >= VerdictSeverity::Warning || (is_unknown() && is_asked())
}

impl State {
    /// The items: groups that need attention, the worst first, and the others.
    #[must_use]
    pub fn trouble(&self) -> Vec<TroubleItem<'_>> {
        let (mut bad, others): (Vec<&GroupView>, Vec<&GroupView>) =
            self.feed.watched.groups().iter().map(AsRef::as_ref).partition(|group| needs_attention(group));
        bad.sort_by_key(|group| (Reverse(group.verdict.severity), group.verdict.kind));
        let mut items: Vec<TroubleItem<'_>> = bad.into_iter().map(TroubleItem::Group).collect();
        if !others.is_empty() {
            items.push(TroubleItem::Others(others.len()));
            if self.user.watch.trouble.unfolded {
                items.extend(others.into_iter().map(TroubleItem::Other));
            }
        }
        items
    }

    /// The selected item; `None` if there are no items. It is the first one if the selected one is not shown.
    #[must_use]
    pub fn selected_trouble(&self, items: &[TroubleItem<'_>]) -> Option<usize> {
        let selected = self.user.watch.trouble.selected.as_ref();
        let at = selected.and_then(|key| items.iter().position(|item| item.is(key)));
        if items.is_empty() { None } else { Some(at.unwrap_or(0)) }
    }

    /// The group of the selected item; `None` if there is none, or if the count of the others is selected.
    #[must_use]
    pub fn selected_trouble_group(&self) -> Option<&GroupView> {
        let items = self.trouble();
        match items.get(self.selected_trouble(&items)?)? {
            TroubleItem::Group(group) | TroubleItem::Other(group) => Some(group),
            TroubleItem::Others(_) => None,
        }
    }

    /// The first visible item in a view of `height` lines: the previous one, moved just enough to keep the selected
    /// item visible.
    #[must_use]
    pub fn first_trouble(&self, items: &[TroubleItem<'_>], height: usize) -> usize {
        let selected = self.selected_trouble(items).unwrap_or(0);
        let mut lowest = selected;
        let mut lines = items.get(selected).map_or(0, TroubleItem::lines);
        while let Some(before) = lowest.checked_sub(1).and_then(|at| items.get(at)) {
            lines += before.lines();
            if lines > height {
                break;
            }
            lowest -= 1;
        }
        self.user.watch.trouble.offset.clamp(lowest, selected)
    }
}
