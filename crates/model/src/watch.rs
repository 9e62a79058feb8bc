//! What a watch of consumer groups emits: one [`WatchSnapshot`] a look, and [`WatchEvent`]s. Views, JSON and metrics
//! depend on nothing else.
//!
//! Serialized, a snapshot is the JSON of `kreplay watch --json`. A figure that is not known is `None`, `null` in JSON,
//! and never 0. On each row and in each total, `lag = lost + readable + held_back - ahead`.

mod alert;
mod change;
mod control;
mod event;
mod figures;
mod group;
mod history;
mod log;
mod partition;
mod reason;
mod rebalance;
mod recent_rebalances;
mod streams;
mod terminal_notices;
mod verdict;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use alert::{AlertSeverity, AlertState, AlertSubject, AlertView, AlertsSnapshot};
pub use change::{
    ChangedRow, GroupChange, GroupChangeCommand, GroupChangeControl, GroupChangePlan, GroupChangeProgress,
    GroupChangeRequest, GroupChangeServer, GroupChangeStep, PlannedOffset, ResetScope, ResetTo, undo_command,
};
pub use control::{SilenceCommand, SilenceControl, WatchCommand, WatchControl};
pub use event::{WatchEvent, WatchEventKind};
pub use figures::{
    EtaBlock, EtaVerdict, EtaView, LagTotals, Progress, RateWindow, RatesView, SecondsRange, TimeExactness, Trend,
};
pub use group::{GroupState, GroupType, GroupView, MemberRow, PositionsExpiry, SeenBy};
pub use history::HistoryView;
pub use log::WatchLog;
pub use partition::{AheadCause, HeldBy, OwnerView, PartitionRow, RecordsLeft, Transaction, Why, WouldBe};
pub use reason::Reason;
pub use rebalance::{EarlierRebalances, MovedPartitions, RebalanceEntry, RebalancesView, StoodStill};
pub use recent_rebalances::RecentRebalances;
pub use streams::{MemberTasks, StreamsTask, StreamsTasks, StreamsView, SubtopologyView};
pub use terminal_notices::TerminalNotices;
pub use verdict::{VerdictKind, VerdictSeverity, VerdictView};

/// All watched groups of a cluster, as of one look.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WatchSnapshot {
    /// When the look was completed.
    pub at: DateTime<Utc>,
    /// The name of the cluster: its id, or its bootstrap servers while the id is not known.
    pub cluster: String,
    /// Why the list of groups is out of date: the last request for it failed. Groups that have appeared since are
    /// missing.
    #[serde(default)]
    pub listing_failed: Option<Reason>,
    /// What was read of the time before the watch; `None` without a history.
    #[serde(default)]
    pub history: Option<HistoryView>,
    /// Why the groups are watched with librdkafka, which shows less; `None` with kreplay's own client.
    #[serde(default)]
    pub librdkafka_because: Option<String>,
    /// Whether the watch is paused: this look remains the latest one until it is resumed.
    #[serde(default)]
    pub paused: bool,
    /// The groups, sorted by name. A group that no look has changed is shared with the snapshots before.
    pub groups: Vec<Arc<GroupView>>,
}

impl WatchSnapshot {
    /// Notes in the latest look whether the watch is paused. Returns whether that has changed.
    pub fn note_pause(latest: &mut Arc<Self>, paused: bool) -> bool {
        let is_new = latest.paused != paused;
        if is_new {
            Arc::make_mut(latest).paused = paused;
        }
        is_new
    }
}
