//! The figures that conditions can compare.

/// A figure of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// A whole number.
    Count(CountFigure),
    /// A time.
    Time(TimeFigure),
    /// The rebalances of the last part of the watch.
    Rebalances,
    /// The state, in Kafka's words.
    State,
    /// What the group suffers from.
    Verdict,
    /// How bad the verdict is.
    Severity,
}

/// A figure that is a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountFigure {
    /// Lag in offsets over all partitions, as Kafka's tools show it.
    Lag,
    /// The largest lag of a partition.
    MaxPartitionLag,
    /// Offsets that a reader of committed records can read now.
    Readable,
    /// Offsets that were deleted before the group read them.
    Lost,
    /// Records that are left, where they were counted.
    RecordsLeft,
    /// Members.
    Members,
    /// Members without partitions.
    IdleMembers,
    /// Partitions that a stable group has had no owner for.
    OrphanPartitions,
}

/// A figure that is a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeFigure {
    /// The time since the first unread record was written.
    Age,
    /// The time until retention may delete the first unread record; infinite if it never does.
    Deadline,
    /// The time until the group has caught up; infinite if it does not at the present rates.
    Eta,
    /// How long records have waited without an advance of any committed offset.
    NoProgress,
}

pub(super) const COUNTS: [CountFigure; 8] = [
    CountFigure::Lag,
    CountFigure::MaxPartitionLag,
    CountFigure::Readable,
    CountFigure::Lost,
    CountFigure::RecordsLeft,
    CountFigure::Members,
    CountFigure::IdleMembers,
    CountFigure::OrphanPartitions,
];

pub(super) const TIMES: [TimeFigure; 4] =
    [TimeFigure::Age, TimeFigure::Deadline, TimeFigure::Eta, TimeFigure::NoProgress];

/// The names of all figures, for messages.
pub(super) const NAMES: &str = "lag, max_partition_lag, readable, lost, records_left, members, idle_members, \
                                orphan_partitions, age, deadline, eta, no_progress, `rebalances in DURATION`, state, verdict or severity";

impl CountFigure {
    /// Its name in conditions.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lag => "lag",
            Self::MaxPartitionLag => "max_partition_lag",
            Self::Readable => "readable",
            Self::Lost => "lost",
            Self::RecordsLeft => "records_left",
            Self::Members => "members",
            Self::IdleMembers => "idle_members",
            Self::OrphanPartitions => "orphan_partitions",
        }
    }
}

impl TimeFigure {
    /// Its name in conditions.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Deadline => "deadline",
            Self::Eta => "eta",
            Self::NoProgress => "no_progress",
        }
    }
}

impl Figure {
    /// Its name in conditions.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Count(figure) => figure.name(),
            Self::Time(figure) => figure.name(),
            Self::Rebalances => "rebalances",
            Self::State => "state",
            Self::Verdict => "verdict",
            Self::Severity => "severity",
        }
    }

    /// Whether it is a figure of partitions, so that it can be restricted to topics.
    #[must_use]
    pub fn is_per_topic(self) -> bool {
        matches!(
            self,
            Self::Count(
                CountFigure::Lag
                    | CountFigure::MaxPartitionLag
                    | CountFigure::Readable
                    | CountFigure::Lost
                    | CountFigure::RecordsLeft
                    | CountFigure::OrphanPartitions
            ) | Self::Time(TimeFigure::Age | TimeFigure::Deadline | TimeFigure::NoProgress)
        )
    }
}
