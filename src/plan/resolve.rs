//! A selection resolved against a cluster: what exactly will be read.

mod bounds;
mod lookup;

use std::collections::BTreeMap;

use chrono::Utc;

use crate::{
    domain::{Offset, TopicPartition},
    feed::{ClampReason, EventKind, RangeSide},
    kafka::{Catalog, CatalogError, TopicInfo},
    plan::{HeldBack, Selection, To, TopicSet, Window, held_back},
};

/// The same clamp of more partitions than this is told once for all.
const TOLD_ONE_BY_ONE: usize = 3;

/// What a run will read. It is made once and does not change.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The topics' names, sorted.
    pub topics: Vec<String>,
    /// Their partitions, by topic and number.
    pub partitions: Vec<PlannedPartition>,
    /// The run does not end with the log: the ends are where the logs ended when the plan was made.
    pub follow: bool,
    /// The times that the partitions' ranges were asked for by, in the same order; empty where none were.
    pub windows: Vec<Window>,
    /// What the plan was made from.
    pub selection: Selection,
    /// What tells the topics from others of the same name, where the cluster says so.
    pub topic_ids: BTreeMap<String, String>,
    /// What open transactions hold back at the ends of the partitions.
    pub held_back: Vec<HeldBack>,
    /// What is not as the selection asked for, to be told before the run begins.
    pub notes: Vec<EventKind>,
}

/// What a run will read of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPartition {
    /// Which one.
    pub id: TopicPartition,
    /// The first offset.
    pub first: Offset,
    /// The first offset that is not read any more.
    pub end: Offset,
}

impl PlannedPartition {
    /// How many offsets that is: an upper bound of the records.
    #[must_use]
    pub fn span(&self) -> u64 {
        self.end.since(self.first)
    }
}

impl Plan {
    /// How many offsets are to be read in all: an upper bound of the records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.partitions.iter().map(PlannedPartition::span).sum()
    }
}

/// A selection that could not be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The cluster said no, or nothing.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// An expression matches nothing.
    #[error("no topic matches `{expression}` among the {topics} topics of this cluster")]
    NoMatch {
        /// The expression, without what was put around it.
        expression: String,
        /// How many topics were looked at.
        topics: usize,
    },
    /// `committed` without a group.
    #[error("`committed` is the run's own group, and the run has none; name one with --group ID or committed:GROUP")]
    NoGroup,
    /// A group that has committed nothing at all there.
    #[error("group `{group}` has committed no offset for {partitions}; check its name, or begin at earliest or latest")]
    NothingCommitted {
        /// Its id.
        group: String,
        /// The partitions it was asked for, the first few by name.
        partitions: String,
    },
    /// A range for a partition that is not there.
    #[error("the range `{0}` is for a partition that the selected topics do not have")]
    NoPartition(String),
    /// A run without an end, with an end.
    #[error("a run with --to never has no end, and no partition of it can have one; leave out TO, or --to never")]
    FollowBounded,
}

impl PlanError {
    /// Whether what was asked for is wrong, rather than the cluster out of reach or closed to us.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::Catalog(error) if !matches!(error, CatalogError::UnknownTopic(_)))
    }
}

/// Resolves a selection: every side of its range becomes an offset. What lies outside a log is brought to its nearer end, and
/// told of in the plan's notes.
///
/// # Errors
/// Topics that are not there or may not be read, brokers that do not answer.
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
    let mut asked = lookup::asked(range, &ids)?;
    lookup::committed(catalog, &ids, &mut asked)?;
    let topics: Vec<String> = topics.into_iter().map(|topic| topic.name).collect();
    // Before anything is read off the logs: a topic that is created again meanwhile is another one from the beginning.
    let topic_ids = catalog.topic_ids(&topics)?;
    // What is held back is only told: without an answer nothing is.
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
    let (follow, selection) = (range.to == To::Never, selection.clone());
    Ok(Plan { topics, partitions, follow, windows, selection, topic_ids, held_back, notes })
}

/// An event for each clamp; of more than a few of one kind, one for all of them.
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
        let more = if *count > TOLD_ONE_BY_ONE { *count - 1 } else { 0 };
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
    fn many_clamps_of_a_kind_are_told_as_one() {
        let told = notes(clamps(3, RangeSide::From).chain(clamps(121, RangeSide::To)).collect());
        let more = |note: &EventKind| match note {
            EventKind::Clamped { more, .. } => *more,
            other => panic!("{other}"),
        };
        assert_eq!(told.len(), 4);
        assert!(told[..3].iter().all(|note| more(note) == 0));
        assert_eq!(told[3].to_string(), "t-0 and 120 more: to 5 is not above the log's start; reading to its start");
    }
}
