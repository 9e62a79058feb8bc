//! The stored changes of a group as a list.

use std::fmt::Write as _;

use chrono::{DateTime, Local, Utc};
use serde::Serialize;

use crate::changes::Change;
use crate::plan::Action;

/// A stored change, without its offsets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeSummary {
    /// Its id, for `undo --id`.
    pub id: String,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// Its kind.
    pub action: Action,
    /// The number of partitions that it changed.
    pub partitions: usize,
}

impl From<&Change> for ChangeSummary {
    fn from(change: &Change) -> Self {
        Self { id: change.id.clone(), at: change.at, action: change.action, partitions: change.partitions.len() }
    }
}

/// A line for each change, in the given order. Times are local.
#[must_use]
pub fn change_list(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "no changes are stored\n".to_owned();
    }
    let mut text = format!("{:<24}  {:<19}  {:<6}  PARTITIONS\n", "ID", "TIME", "ACTION");
    for change in changes {
        let at = change.at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:<24}  {at}  {:<6}  {:>10}", change.id, change.action, change.partitions.len());
    }
    text
}
