//! Whether the filter of a run finds anything. One that finds nothing at all is most often a mistake, and has to be told before a
//! group's positions are moved past what was left out.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use super::Engine;
use crate::{
    domain::Record,
    feed::{EventKind, Owner},
    plan::Filter,
};

/// Whether the filter has let anything through.
#[derive(Debug)]
pub struct Matches {
    is_filtered: bool,
    passed: AtomicBool,
    told: AtomicBool,
    /// What the first record that was left out looks like.
    example: OnceLock<String>,
}

impl Matches {
    pub(super) fn of(filter: &Filter) -> Self {
        Self {
            is_filtered: !filter.is_empty(),
            passed: AtomicBool::new(false),
            told: AtomicBool::new(false),
            example: OnceLock::new(),
        }
    }

    /// Whether nothing has passed so far, and that was not told yet.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_filtered && !self.passed.load(Relaxed) && !self.told.load(Relaxed)
    }

    /// A record has passed, in this attempt of the run or in an earlier one.
    pub fn note_passed(&self) {
        self.passed.store(true, Relaxed);
    }
}

impl Engine {
    /// Takes note of a record that is within the run's range.
    pub(super) fn note_match(&self, record: &Record) {
        if !self.matches.is_open() {
            return;
        }
        if !record.route.filtered {
            self.matches.note_passed();
            return;
        }
        self.matches.example.get_or_init(|| {
            let record = self.plan.selection.scope.rules.examine(record);
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

    /// Says so where everything that this process has to read was read and nothing has passed the filter; positions may be
    /// committed from then on.
    pub fn look_for_matches(&self) {
        if !self.matches.is_open() {
            return;
        }
        let at_their_ends = self.partitions.iter().all(|partition| {
            let partition = partition.lock();
            partition.owner == Owner::Nobody || partition.has_failed() || partition.is_at_end()
        });
        if at_their_ends && self.tell_no_match("") {
            self.matches.told.store(true, Relaxed);
        }
    }

    /// The run ends before everything was read: what was left out so far is told, and stays uncommitted.
    pub fn end_without_matches(&self) {
        if self.matches.is_open() {
            let group = self.settings.group.is_some();
            self.tell_no_match(if group {
                ". None of their offsets is committed, so that the group reads them again"
            } else {
                ""
            });
        }
    }

    fn tell_no_match(&self, outcome: &str) -> bool {
        let left_out: u64 = self.partitions.iter().map(|partition| partition.lock().filtered).sum();
        if left_out == 0 {
            return false;
        }
        let filter = &self.plan.selection.scope.rules.filter;
        let example = self.matches.example.get().map_or("", String::as_str);
        let unjudged = match self.unjudged_dropped.load(Relaxed) {
            0 => String::new(),
            count => format!("; {count} could not be judged"),
        };
        let text = format!(
            "none of the {left_out} records read passes the filter ({filter}); the first of them has {example}{unjudged}{outcome}"
        );
        self.events.push(EventKind::Warning { text });
        true
    }
}
