//! Guarded changes of consumer groups: reset, skip, forget, delete, and undo.
//!
//! Every change has two steps. The first reads the cluster and returns a [`GroupPlan`], a value that says what would
//! be changed. `execute` checks that nothing has moved since, stores what was there before, and then applies it.

mod access;
mod change_list;
mod changes;
mod csv_format;
mod error;
mod execute;
mod guard;
mod inspect;
mod iso_duration;
mod plan;
mod prepare;
mod scope;
mod target;
mod text;
mod undo;
mod view;

pub use access::WriteAccess;
pub use change_list::{ChangeSummary, change_list};
pub use changes::{Change, ChangeStore, ChangeStoreError, ChangedPartition, SavedOffset};
pub use csv_format::{CsvError, read_csv, write_csv};
pub use error::GroupsError;
pub use execute::{ChangeOutcome, RowOutcome, execute};
pub use iso_duration::parse_iso_duration;
pub use plan::{Action, GroupPlan, LeftOut, PlannedRow};
pub use prepare::{plan_delete, plan_forget, plan_reset, plan_skip};
pub use scope::{Scope, SkippedRecord, TopicScope};
pub use target::{Adjustment, LogRange, PartitionFacts, Target, place};
pub use undo::{plan_undo, stored_changes};
pub use view::PlanView;
