//! Whether the filter of a run lets any record pass. A filter that lets none pass is usually a mistake. It is reported
//! before a group's positions move past the excluded records.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use kreplay_model::{
    domain::{Record, number::Count},
    feed::EventLog,
};

use super::{counters::RunCounters, partitions::RunPartitions};
use crate::{replay::partition::Owner, rules::Rules};

/// Whether any record has passed the filter.
#[derive(Debug)]
pub struct FilterMatches {
    rules: Arc<Rules>,
    is_filtered: bool,
    passed: AtomicBool,
    reported: AtomicBool,
    /// A description of the first excluded record.
    example: OnceLock<String>,
}

impl FilterMatches {
    /// No record has passed the filter of these rules.
    #[must_use]
    pub fn of(rules: &Arc<Rules>) -> Self {
        Self {
            rules: Arc::clone(rules),
            is_filtered: !rules.filter.is_empty(),
            passed: AtomicBool::new(false),
            reported: AtomicBool::new(false),
            example: OnceLock::new(),
        }
    }

    /// Whether no record has passed so far, and that was not reported yet.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_filtered && !self.passed.load(Relaxed) && !self.reported.load(Relaxed)
    }

    /// Notes that a record has passed, in this attempt of the run or an earlier one.
    pub fn note_passed(&self) {
        self.passed.store(true, Relaxed);
    }

    /// Takes in a record of the run's range.
    pub(super) fn note(&self, record: &Record) {
        if !self.is_open() {
            return;
        }
        if !record.route.filtered {
            self.note_passed();
            return;
        }
        self.example.get_or_init(|| {
            let record = self.rules.examine(record);
            let text = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes);
                let clipped: String = text.chars().take(60).collect();
                if clipped.len() < text.len() { format!("`{clipped}…`") } else { format!("`{clipped}`") }
            };
            let key = record.lane_key().map_or_else(|| "no key".into(), |key| format!("the key {}", text(key)));
            match record.event_type() {
                Some(name) => format!("{key} and the event type {}", text(&name)),
                None => key,
            }
        });
    }

    /// Reports if all records of this process were read and none has passed the filter. Positions may be committed from
    /// then on.
    pub fn check(&self, partitions: &RunPartitions, counters: &RunCounters, events: &EventLog) {
        if !self.is_open() {
            return;
        }
        let at_their_ends = partitions.iter().all(|partition| {
            let partition = partition.lock();
            partition.owner == Owner::None || partition.has_failed() || partition.is_at_end()
        });
        if at_their_ends && self.report_no_match(partitions, counters, events, "") {
            self.reported.store(true, Relaxed);
        }
    }

    /// Reports, for a run that ends early, that no record has passed. The positions of the excluded records stay
    /// uncommitted.
    pub fn report_early_end(
        &self,
        partitions: &RunPartitions,
        counters: &RunCounters,
        events: &EventLog,
        has_group: bool,
    ) {
        if self.is_open() {
            let outcome =
                if has_group { ". None of their offsets is committed, so the group reads them again" } else { "" };
            self.report_no_match(partitions, counters, events, outcome);
        }
    }

    fn report_no_match(
        &self,
        partitions: &RunPartitions,
        counters: &RunCounters,
        events: &EventLog,
        outcome: &str,
    ) -> bool {
        let excluded: u64 = partitions.iter().map(|partition| partition.lock().filtered).sum();
        if excluded == 0 {
            return false;
        }
        let filter = &self.rules.filter;
        let example = self.example.get().map_or("", String::as_str);
        let unjudged = match counters.unjudged_dropped.load(Relaxed) {
            0 => String::new(),
            count => format!("; {count} could not be evaluated"),
        };
        let read = if excluded == 1 {
            format!("the only record read does not pass the filter ({filter}); it has")
        } else {
            let excluded = Count(excluded);
            format!("none of the {excluded} records read passes the filter ({filter}); the first of them has")
        };
        let text = format!("{read} {example}{unjudged}{outcome}");
        events.warn(text);
        true
    }
}
