//! The selected member of a watched group: which partitions and tasks it has, and what its target assignment changes.

use std::collections::{BTreeMap, HashSet};

use kreplay_model::{
    domain::{PartitionId, TopicPartition},
    watch::{GroupView, MemberRow, StreamsTask, StreamsTasks, StreamsView, SubtopologyView},
};
use ratatui::text::Line;

use super::super::watch_page::{Part, flow};
use crate::{
    text::{clean, shorten},
    theme::{Role, Theme},
};

/// Maximum width of a name among the figures.
const MAX_NAME_CELLS: usize = 40;
/// Maximum width of a list of partitions, tasks or topics.
const MAX_LIST_CELLS: usize = 72;
const WARNING: Role = |theme| theme.warning;
const MUTED: Role = |theme| theme.muted;

/// The member in lines of `room` cells, the most important parts first.
pub(super) fn lines(group: &GroupView, member: &MemberRow, room: usize, theme: &Theme) -> Vec<Line<'static>> {
    let mut parts = vec![Part::new(shorten(&clean(&member.name()), MAX_NAME_CELLS).into_owned())];
    match &member.assigned {
        Some(assigned) => parts.push(list("partitions", &partitions(assigned))),
        None => parts.push(Part::styled("partitions not known", MUTED)),
    }
    parts.extend(changes(member));
    if let Some(tasks) = &member.tasks {
        parts.extend(tasks_of("", &tasks.current));
        if tasks.target != tasks.current {
            parts.extend(tasks_of("target ", &tasks.target).into_iter().map(|part| part.in_style(WARNING)));
        }
    }
    parts.push(Part::styled(shorten(&format!("id {}", clean(&member.member_id)), MAX_LIST_CELLS).into_owned(), MUTED));
    parts.extend(group.streams.iter().flat_map(topology));
    flow(&parts, room, theme)
}

/// What the target assignment of a member adds and takes away.
fn changes(member: &MemberRow) -> Vec<Part> {
    let (Some(assigned), Some(target)) = (&member.assigned, &member.target) else { return Vec::new() };
    let missing = |list: &[TopicPartition], other: &[TopicPartition]| -> Vec<TopicPartition> {
        let other: HashSet<&TopicPartition> = other.iter().collect();
        list.iter().filter(|partition| !other.contains(partition)).cloned().collect()
    };
    [("gives up", missing(assigned, target)), ("receives", missing(target, assigned))]
        .into_iter()
        .filter(|(_, changed)| !changed.is_empty())
        .map(|(title, changed)| list(title, &partitions(&changed)).in_style(WARNING))
        .collect()
}

fn tasks_of(prefix: &str, tasks: &StreamsTasks) -> Vec<Part> {
    let kinds = [("active tasks", &tasks.active), ("standby tasks", &tasks.standby), ("warm-up tasks", &tasks.warm_up)];
    let part = |(title, tasks): (&str, &Vec<StreamsTask>)| {
        let names: Vec<String> = tasks.iter().map(ToString::to_string).collect();
        list(&format!("{prefix}{title}"), &names.join(" "))
    };
    kinds.into_iter().filter(|(title, tasks)| *title == "active tasks" || !tasks.is_empty()).map(part).collect()
}

/// What the subtopologies of the group read and keep, or why they are not known.
fn topology(streams: &StreamsView) -> Vec<Part> {
    let mut parts: Vec<Part> = streams.subtopologies.iter().flatten().map(subtopology).collect();
    if let Some(why) = &streams.not_ready {
        parts.insert(0, Part::styled(clean(why).into_owned(), WARNING));
    }
    parts
}

fn subtopology(part: &SubtopologyView) -> Part {
    let reads: Vec<&str> = part.source_topics.iter().chain(&part.repartition_topics).map(String::as_str).collect();
    let keeps = match part.changelog_topics.as_slice() {
        [] => String::new(),
        topics => format!(", keeps {}", topics.join(" ")),
    };
    let text = format!("subtopology {} reads {}{keeps}", part.id, reads.join(" "));
    Part::styled(shorten(&clean(&text), MAX_LIST_CELLS).into_owned(), MUTED)
}

fn list(title: &str, names: &str) -> Part {
    let names = if names.is_empty() { "–".to_owned() } else { clean(names).into_owned() };
    Part::new(shorten(&format!("{title} {names}"), MAX_LIST_CELLS).into_owned())
}

/// Partitions by topic, as Kafka's tools write them: `orders:0,2 payments:1`.
fn partitions(assigned: &[TopicPartition]) -> String {
    let mut by_topic: BTreeMap<&str, Vec<PartitionId>> = BTreeMap::new();
    for partition in assigned {
        by_topic.entry(&partition.topic).or_default().push(partition.partition);
    }
    let shown = by_topic.into_iter().map(|(topic, mut numbers)| {
        numbers.sort_unstable();
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        format!("{topic}:{}", numbers.join(","))
    });
    shown.collect::<Vec<_>>().join(" ")
}
