//! Events of a watch.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{AlertSeverity, GroupState, VerdictKind, VerdictSeverity};
use crate::domain::Severity;
use crate::domain::number::{Count, by_count, counted};
use crate::domain::{Offset, TopicPartition};

/// Something that happened to a watched group. Names are external data: views must escape them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchEvent {
    /// When the look that shows it was completed.
    pub at: DateTime<Utc>,
    /// The group.
    pub group: String,
    /// What happened.
    #[serde(flatten)]
    pub kind: WatchEventKind,
}

/// What happened to a watched group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WatchEventKind {
    /// The group appeared after the watch began.
    Appeared,
    /// The group does not exist any more.
    Vanished,
    /// Its state changed.
    StateChanged {
        /// The state before.
        from: GroupState,
        /// The state now.
        to: GroupState,
    },
    /// A rebalance was seen for the first time.
    RebalanceBegan {
        /// The group epoch, where there is one.
        epoch: Option<i32>,
    },
    /// A rebalance has ended.
    RebalanceEnded {
        /// Its duration in milliseconds.
        duration_ms: u64,
        /// The error of the duration in milliseconds.
        error_ms: u64,
        /// The number of partitions with another owner; `None` if assignments are not known.
        moved: Option<u64>,
    },
    /// A member joined.
    MemberJoined {
        /// Its name.
        member: String,
    },
    /// A member left.
    MemberLeft {
        /// Its name.
        member: String,
    },
    /// A committed offset went back.
    Rewound {
        /// The partition.
        partition: TopicPartition,
        /// The offset before.
        from: Offset,
        /// The offset now.
        to: Offset,
    },
    /// Committed offsets were changed while the group had no members.
    OffsetsChanged {
        /// The number of partitions.
        partitions: u64,
        /// The sum of the offsets by which positions moved forward.
        forward: u64,
        /// The sum of the offsets by which positions moved back.
        back: u64,
    },
    /// The end of a log went back.
    Truncated {
        /// The partition.
        partition: TopicPartition,
        /// The end before.
        from: Offset,
        /// The end now.
        to: Offset,
    },
    /// Records were deleted before the group read them.
    RecordsLost {
        /// The partition.
        partition: TopicPartition,
        /// The number of offsets.
        offsets: u64,
    },
    /// Another broker coordinates the group.
    CoordinatorMoved {
        /// The broker before.
        from: i32,
        /// The broker now.
        to: i32,
    },
    /// A permission is missing.
    PermissionMissing {
        /// The operation that must be allowed.
        operation: String,
        /// The resource.
        resource: String,
    },
    /// The group has a new verdict that is not good.
    VerdictRaised {
        /// The verdict.
        verdict: VerdictKind,
        /// Its evidence.
        evidence: String,
    },
    /// A verdict does not hold any more.
    VerdictCleared {
        /// The verdict.
        verdict: VerdictKind,
    },
    /// An alert began to fire.
    AlertFired {
        /// The rule.
        rule: String,
        /// How urgent it is.
        severity: AlertSeverity,
        /// The figures of its condition.
        value: String,
    },
    /// An alert does not fire any more.
    AlertResolved {
        /// The rule.
        rule: String,
    },
    /// The condition of a rule has not been known for some time. The alert neither fires nor resolves.
    AlertWithoutData {
        /// The rule.
        rule: String,
    },
    /// The condition of a rule is known again.
    AlertHasData {
        /// The rule.
        rule: String,
    },
    /// An action on an alert failed.
    ActionFailed {
        /// The action.
        action: String,
        /// Why, in one sentence.
        reason: String,
    },
}

impl WatchEventKind {
    /// Its severity.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::VerdictRaised { verdict, .. } => match verdict.severity() {
                VerdictSeverity::Error => Severity::Error,
                VerdictSeverity::Warning => Severity::Warning,
                VerdictSeverity::Info | VerdictSeverity::Ok => Severity::Notice,
            },
            Self::AlertFired { severity: AlertSeverity::Critical, .. } | Self::RecordsLost { .. } => Severity::Error,
            Self::AlertFired { severity: AlertSeverity::Warning, .. }
            | Self::AlertWithoutData { .. }
            | Self::ActionFailed { .. }
            | Self::Truncated { .. }
            | Self::Rewound { .. }
            | Self::PermissionMissing { .. } => Severity::Warning,
            Self::StateChanged { .. } => Severity::Info,
            _ => Severity::Notice,
        }
    }
}

impl fmt::Display for WatchEventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Appeared => f.write_str("the group appeared"),
            Self::Vanished => f.write_str("the group does not exist any more"),
            Self::StateChanged { from, to } => write!(f, "state {from} → {to}"),
            Self::RebalanceBegan { epoch: Some(epoch) } => write!(f, "a rebalance began (epoch {epoch})"),
            Self::RebalanceBegan { epoch: None } => f.write_str("a rebalance began"),
            Self::RebalanceEnded { duration_ms, error_ms, moved } => {
                write!(f, "a rebalance ended after {duration_ms} ± {error_ms} ms")?;
                moved.map_or(Ok(()), |moved| write!(f, "; {} moved", counted(moved, "partition")))
            }
            Self::MemberJoined { member } => write!(f, "member {member} joined"),
            Self::MemberLeft { member } => write!(f, "member {member} left"),
            Self::Rewound { partition, from, to } => {
                write!(f, "the committed offset of {partition} went back: {from} → {to}")
            }
            Self::OffsetsChanged { partitions, forward, back } => {
                f.write_str("offsets were changed while the group had no members: ")?;
                let last = match (forward, back) {
                    (forward, 0) => write!(f, "+{}", Count(*forward)).map(|()| forward)?,
                    (0, back) => write!(f, "−{}", Count(*back)).map(|()| back)?,
                    (forward, back) => write!(f, "+{} and −{}", Count(*forward), Count(*back)).map(|()| back)?,
                };
                write!(f, " {} in {}", by_count(*last, "offset", "offsets"), counted(*partitions, "partition"))
            }
            Self::Truncated { partition, from, to } => write!(f, "the end of {partition} went back: {from} → {to}"),
            Self::RecordsLost { partition, offsets } => {
                let were = by_count(*offsets, "was", "were");
                write!(f, "{} of {partition} {were} deleted unread", counted(*offsets, "offset"))
            }
            Self::CoordinatorMoved { from, to } => write!(f, "coordinator {from} → {to}"),
            Self::PermissionMissing { operation, resource } => {
                write!(f, "not authorized: {operation} on {resource} is required")
            }
            Self::VerdictRaised { verdict, evidence } => write!(f, "{verdict}: {evidence}"),
            Self::VerdictCleared { verdict } => write!(f, "no longer {verdict}"),
            Self::AlertFired { rule, severity, value } => write!(f, "alert {rule} is firing ({severity}): {value}"),
            Self::AlertResolved { rule } => write!(f, "alert {rule} is resolved"),
            Self::AlertWithoutData { rule } => write!(f, "alert {rule} has no data"),
            Self::AlertHasData { rule } => write!(f, "alert {rule} has data again"),
            Self::ActionFailed { action, reason } => write!(f, "the action {action} failed: {reason}"),
        }
    }
}
