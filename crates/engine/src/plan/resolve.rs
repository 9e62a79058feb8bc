//! Resolves a selection against a cluster to a plan: a first and an end offset for each partition.

mod bounds;
mod lookup;

use std::collections::BTreeMap;

use chrono::Utc;
use kreplay_kafka::{Catalog, CatalogError, TopicInfo};
use kreplay_model::{
    domain::{Classified, ErrorClass, Offset, TopicPartition, number::counted},
    feed::{ClampReason, EventKind, RangeSide},
};

use crate::plan::{HeldBack, RangeEnd, Selection, TimeWindow, TopicSet, held_back};

/// If more partitions than this are clamped in the same way, one note covers all of them.
const MAX_SEPARATE_CLAMP_NOTES: usize = 3;

/// What a run will read. Does not change during the run.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The names of the topics, sorted.
    pub topics: Vec<String>,
    /// The partitions, ordered by topic and number.
    pub partitions: Vec<PlannedPartition>,
    /// The run follows the log. `end` is then the end of each log when the plan was made.
    pub follow: bool,
    /// The requested times, one entry per partition in the same order; empty if the range contains no times.
    pub windows: Vec<TimeWindow>,
    /// The selection that was resolved.
    pub selection: Selection,
    /// Topic ids by name, as far as the cluster reports them. A recreated topic has another id.
    pub topic_ids: BTreeMap<String, String>,
    /// What open transactions hold back at the ends of the partitions.
    pub held_back: Vec<HeldBack>,
    /// Warnings for the start of the run, such as where the plan differs from the selection.
    pub notes: Vec<EventKind>,
}

/// The planned range of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPartition {
    /// The partition.
    pub id: TopicPartition,
    /// The first offset.
    pub first: Offset,
    /// The end offset (exclusive).
    pub end: Offset,
}

impl PlannedPartition {
    /// The number of offsets: an upper bound of the number of records.
    #[must_use]
    pub fn span(&self) -> u64 {
        self.end.since(self.first)
    }
}

impl Plan {
    /// The number of offsets of all partitions: an upper bound of the number of records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.partitions.iter().map(PlannedPartition::span).sum()
    }
}

/// Why a selection could not be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The request to the cluster failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The regular expression matches no topic.
    #[error("no topic matches `{expression}`; this cluster has {}", counted(*topics, "topic"))]
    NoMatch {
        /// The expression as the user wrote it.
        expression: String,
        /// The number of topics in the cluster.
        topics: usize,
    },
    /// `committed` without a group, in a run without a group.
    #[error("`committed` means the run's own group, but the run has none; give one with --group ID or committed:GROUP")]
    NoGroup,
    /// The group has no committed offset in any of the partitions.
    #[error(
        "group `{group}` has no committed offsets for {partitions}; check the group's name, or start at earliest or \
         latest"
    )]
    NothingCommitted {
        /// The id of the group.
        group: String,
        /// The partitions, the first few by name.
        partitions: String,
    },
    /// The override is for a partition that does not exist.
    #[error("the range `{0}` is for a partition that the selected topics do not have; check its topic and number")]
    NoPartition(String),
    /// An end was given for a partition of a run that follows the log.
    #[error(
        "a run with --to never has no end, so no partition can have one; remove TO from the partition's range, or \
         remove --to never"
    )]
    FollowBounded,
}

impl Classified for PlanError {
    /// Every error but those of the catalog is one of the selection.
    fn class(&self) -> ErrorClass {
        if let Self::Catalog(error) = self { error.class() } else { ErrorClass::Usage }
    }
}

/// Resolves a selection: both ends of each range become offsets. Offsets outside a log are moved to its nearest end,
/// and the plan's notes report it.
///
/// # Errors
/// The selection is invalid, topics do not exist or may not be read, or brokers do not answer.
pub fn resolve(catalog: &Catalog<'_>, selection: &Selection) -> Result<Plan, PlanError> {
    let topics = match &selection.topics {
        TopicSet::Named(names) => {
            names.iter().map(|name| catalog.topic(name)).collect::<Result<Vec<TopicInfo>, _>>()?
        }
        TopicSet::Matching(regex) => {
            let mut all = catalog.topics()?;
            all.retain(|topic| !topic.internal);
            let seen = all.len();
            all.retain(|topic| regex.is_match(&topic.name));
            if all.is_empty() {
                let expression = regex.as_str().trim_start_matches("^(?:").trim_end_matches(")$").to_owned();
                return Err(PlanError::NoMatch { expression, topics: seen });
            }
            all
        }
    };
    let ids: Vec<TopicPartition> = topics
        .iter()
        .flat_map(|topic| {
            let name: std::sync::Arc<str> = topic.name.as_str().into();
            (0..topic.partitions).map(move |number| TopicPartition::new(name.clone(), number))
        })
        .collect();
    let range = &selection.scope.range;
    let mut asked = lookup::requested_ranges(range, &ids)?;
    lookup::committed(catalog, &ids, &mut asked)?;
    let topics: Vec<String> = topics.into_iter().map(|topic| topic.name).collect();
    // Before any offsets are looked up: if a topic is recreated in the meantime, the run detects it.
    let topic_ids = catalog.topic_ids(&topics)?;
    // Held-back offsets are only reported; without an answer the report is omitted.
    let watermarks = catalog.high_watermarks(&ids).unwrap_or_default();
    let logs = catalog.log_ends(&ids)?;
    let now = Utc::now();
    lookup::times(catalog, now, &ids, &mut asked)?;
    let windows = if range.has_times() { lookup::windows(now, &asked) } else { Vec::new() };
    let mut held_back = held_back::held_back(catalog, &logs, &watermarks);
    let (mut partitions, mut clamps) = (Vec::with_capacity(ids.len()), Vec::new());
    for (asked, log) in asked.iter().zip(logs) {
        if asked.ends_before(log.end) {
            held_back.retain(|one| one.id != log.id);
        }
        let (planned, clamped) = bounds::bounds(asked, log);
        clamps.extend(clamped.into_iter().map(|clamp| (planned.id.clone(), clamp)));
        partitions.push(planned);
    }
    let notes = held_back::warning(&held_back).into_iter().chain(notes(clamps)).collect();
    let (follow, selection) = (range.to == RangeEnd::Never, selection.clone());
    Ok(Plan { topics, partitions, follow, windows, selection, topic_ids, held_back, notes })
}

/// One event per clamp; a single event for more than [`MAX_SEPARATE_CLAMP_NOTES`] clamps of the same kind.
fn notes(clamps: Vec<(TopicPartition, bounds::Clamp)>) -> Vec<EventKind> {
    let mut kinds: Vec<((RangeSide, ClampReason), usize)> = Vec::new();
    for (_, clamp) in &clamps {
        match kinds.iter_mut().find(|(kind, _)| *kind == (clamp.side, clamp.why)) {
            Some((_, count)) => *count += 1,
            None => kinds.push(((clamp.side, clamp.why), 1)),
        }
    }
    let mut notes = Vec::new();
    for (partition, clamp) in clamps {
        let Some((_, count)) = kinds.iter_mut().find(|(kind, _)| *kind == (clamp.side, clamp.why)) else { continue };
        let more = if *count > MAX_SEPARATE_CLAMP_NOTES { *count - 1 } else { 0 };
        if *count > 0 {
            let bounds::Clamp { side, why, asked, used } = clamp;
            notes.push(EventKind::Clamped { partition, side, asked, used, why, more });
        }
        if more > 0 {
            *count = 0;
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clamps(count: i32, side: RangeSide) -> impl Iterator<Item = (TopicPartition, bounds::Clamp)> {
        let why = ClampReason::BelowStart;
        (0..count).map(move |number| {
            let clamp = bounds::Clamp { side, why, asked: "5".into(), used: Offset::default() };
            (TopicPartition::new("t", number), clamp)
        })
    }

    #[test]
    fn many_clamps_of_a_kind_become_one_note() {
        let found = notes(clamps(3, RangeSide::From).chain(clamps(121, RangeSide::To)).collect());
        let more = |note: &EventKind| match note {
            EventKind::Clamped { more, .. } => *more,
            other => panic!("{other}"),
        };
        assert_eq!(found.len(), 4);
        assert!(found[..3].iter().all(|note| more(note) == 0));
        assert_eq!(found[3].to_string(), "t-0 and 120 more: to 5 is at or below the log's start; reading to its start");
    }
}
