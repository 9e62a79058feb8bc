//! The changes of a group that can be chosen, and the partitions that a reset concerns.

/// A change that can be chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChangeChoice {
    /// Offsets are put at the first one of each log.
    #[default]
    Earliest,
    /// Offsets are put at the end of each log.
    Latest,
    /// Offsets are put at one that is typed.
    Offset,
    /// Offsets are put at the first record at or after a time that is typed.
    Time,
    /// Offsets are set to the first record that is not older than the duration that is typed.
    Ago,
    /// Offsets are moved by a number that is typed.
    Shift,
    /// The committed offset of the selected partition moves past one record.
    Skip,
    /// The offsets of the selected partition's topic are deleted.
    Forget,
    /// The group is deleted.
    Delete,
    /// What was there before the last change is restored.
    Undo,
}

impl ChangeChoice {
    /// All choices, in the order of the screen.
    pub const ALL: [Self; 10] = [
        Self::Earliest,
        Self::Latest,
        Self::Offset,
        Self::Time,
        Self::Ago,
        Self::Shift,
        Self::Skip,
        Self::Forget,
        Self::Delete,
        Self::Undo,
    ];

    /// Its name on the screen.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Earliest => "reset to earliest",
            Self::Latest => "reset to latest",
            Self::Offset => "reset to an offset",
            Self::Time => "reset to a time",
            Self::Ago => "reset by duration",
            Self::Shift => "shift",
            Self::Skip => "skip a record",
            Self::Forget => "forget a topic",
            Self::Delete => "delete the group",
            Self::Undo => "undo",
        }
    }

    /// What has to be typed first, with an example; `None` if nothing has.
    #[must_use]
    pub fn asks_for(self) -> Option<&'static str> {
        match self {
            Self::Offset => Some("Offset, such as 1200"),
            Self::Time => Some("Time, such as 2026-01-31T10:00 (UTC) or -2h"),
            Self::Ago => Some("Duration, such as 2h or 1d12h"),
            Self::Shift => Some("Number of offsets, such as 100 or -100"),
            Self::Earliest | Self::Latest | Self::Skip | Self::Forget | Self::Delete | Self::Undo => None,
        }
    }

    /// Whether it sets offsets, so that it concerns partitions that can be chosen.
    #[must_use]
    pub fn is_reset(self) -> bool {
        !matches!(self, Self::Skip | Self::Forget | Self::Delete | Self::Undo)
    }

    /// The choice that is `by` places below, or above if negative.
    #[must_use]
    pub fn step(self, by: isize) -> Self {
        let at = Self::ALL.iter().position(|choice| *choice == self).unwrap_or(0);
        let to = at.saturating_add_signed(by).min(Self::ALL.len() - 1);
        Self::ALL.get(to).copied().unwrap_or(self)
    }
}

/// The partitions that a reset concerns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScopeChoice {
    /// Those for which the group has committed offsets.
    #[default]
    Committed,
    /// All of the topic of the selected partition.
    Topic,
    /// The selected partition.
    Partition,
}

impl ScopeChoice {
    /// The next one.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Committed => Self::Topic,
            Self::Topic => Self::Partition,
            Self::Partition => Self::Committed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_ends_at_the_first_and_the_last_choice() {
        assert_eq!(ChangeChoice::Earliest.step(1), ChangeChoice::Latest);
        assert_eq!(ChangeChoice::Earliest.step(isize::MIN), ChangeChoice::Earliest);
        assert_eq!(ChangeChoice::Earliest.step(isize::MAX), ChangeChoice::Undo);
        assert_eq!(ChangeChoice::Undo.step(-1), ChangeChoice::Delete);
    }
}
