//! What a watched group suffers from.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a group suffers from; the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    /// Records were deleted before the group read them.
    Lost,
    /// Retention will delete records before the group can have caught up.
    WillLose,
    /// An open transaction holds back the readers of committed records.
    Wedged,
    /// A committed offset is beyond the end of the log.
    Ahead,
    /// A rebalance does not end.
    RebalanceStuck,
    /// Records wait, and no commit has advanced since.
    Stopped,
    /// One partition does not advance while others of the same member do.
    StuckPartition,
    /// A partition has had no owner for long.
    OrphanPartition,
    /// A committed offset went back.
    Rewound,
    /// The lag grows.
    FallingBehind,
    /// The group rebalances too often.
    Flapping,
    /// All partitions of one member lag.
    SlowMember,
    /// One partition has much more than its share of the records.
    HotPartition,
    /// Retention may delete records before the group has caught up.
    MayLose,
    /// Kafka will soon delete the committed offsets of the group.
    PositionsExpire,
    /// The lag shrinks.
    CatchingUp,
    /// Nothing is left to read, and nothing arrives.
    Quiet,
    /// The group keeps up.
    Fine,
    /// Fewer than three looks were made.
    Gathering,
    /// The figures that a verdict needs are not known.
    Unknown,
}

impl VerdictKind {
    /// Its severity.
    #[must_use]
    pub fn severity(self) -> VerdictSeverity {
        match self {
            Self::Lost
            | Self::WillLose
            | Self::Wedged
            | Self::Ahead
            | Self::RebalanceStuck
            | Self::Stopped
            | Self::StuckPartition
            | Self::OrphanPartition => VerdictSeverity::Error,
            Self::Rewound
            | Self::FallingBehind
            | Self::Flapping
            | Self::SlowMember
            | Self::HotPartition
            | Self::MayLose
            | Self::PositionsExpire => VerdictSeverity::Warning,
            Self::CatchingUp | Self::Gathering | Self::Unknown => VerdictSeverity::Info,
            Self::Quiet | Self::Fine => VerdictSeverity::Ok,
        }
    }
}

impl fmt::Display for VerdictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Lost => "lost records",
            Self::WillLose => "will lose records",
            Self::Wedged => "wedged",
            Self::Ahead => "ahead of the log",
            Self::RebalanceStuck => "rebalance stuck",
            Self::Stopped => "stopped",
            Self::StuckPartition => "stuck partition",
            Self::OrphanPartition => "orphan partition",
            Self::Rewound => "rewound",
            Self::FallingBehind => "falling behind",
            Self::Flapping => "flapping",
            Self::SlowMember => "slow member",
            Self::HotPartition => "hot partition",
            Self::MayLose => "may lose records",
            Self::PositionsExpire => "offsets expire",
            Self::CatchingUp => "catching up",
            Self::Quiet => "quiet",
            Self::Fine => "fine",
            Self::Gathering => "gathering",
            Self::Unknown => "unknown",
        })
    }
}

/// How bad a verdict is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictSeverity {
    /// Nothing is wrong.
    Ok,
    /// Worth knowing.
    Info,
    /// Needs attention.
    Warning,
    /// Something is wrong.
    Error,
}

/// A verdict with its evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictView {
    /// What it is.
    pub kind: VerdictKind,
    /// How bad it is.
    pub severity: VerdictSeverity,
    /// A few words, such as "stuck partition orders-3".
    pub text: String,
    /// The figures that it follows from, in one sentence.
    pub evidence: String,
    /// What to do next, if there is something to do.
    pub next_step: Option<String>,
}

impl VerdictView {
    /// A verdict of which no evidence is given.
    #[must_use]
    pub fn of(kind: VerdictKind) -> Self {
        let (severity, text) = (kind.severity(), kind.to_string());
        Self { kind, severity, text, evidence: String::new(), next_step: None }
    }
}
