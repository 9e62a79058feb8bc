//! Looks at consumer groups at intervals, without joining them, and publishes what the looks show.
//!
//! [`Watcher::open`] lists the groups. Each [`Watcher::look`] requests what is due (`schedule`) from the cluster
//! (`groups`, `logs`) through one of two clients (`source`), and gives it to the observer of `kreplay-monitor`, which
//! computes the figures. [`WatchHandle::spawn`] does that at intervals. [`Histories`] are what happened before the
//! first look. All requests are reads, and none needs more than DESCRIBE rights, except the look-up of a transaction
//! and the count of the last few records, which need READ on the topic.

mod control;
mod groups;
mod history;
mod logs;
mod probes;
mod reason;
mod schedule;
mod selection;
mod source;
mod task;
mod trouble;
mod watcher;

pub use history::Histories;
pub use kreplay_monitor::look::MarkerProbe;
pub use kreplay_monitor::observer::Observation;
pub use kreplay_monitor::rules::Rules;
pub use probes::FewOffsets;
pub use schedule::{LIST_EVERY, MAX_GROUPS_PER_LOOK, PINNED_EVERY, REST_EVERY};
pub use selection::GroupSelection;
pub use source::{WatchClient, WatchError};
pub use task::WatchHandle;
pub use watcher::{Watcher, WatcherOptions};
