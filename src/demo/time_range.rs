//! Ranges of times in the demo: its broker cannot look up times, so they become the offsets of the demo's events.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use kreplay_engine::plan::{Override, RangeEnd, RangeStart, Selection};
use kreplay_model::domain::{Offset, TopicPartition};

use super::{Datasets, events_before};

/// Replaces the times of a selection by offsets. `held` are the partitions that have the events of the datasets.
#[must_use]
pub fn with_offsets<'a>(
    mut selection: Selection,
    datasets: &Datasets,
    held: impl IntoIterator<Item = &'a TopicPartition>,
    now: DateTime<Utc>,
) -> Selection {
    let range = &mut selection.scope.range;
    if !range.has_times() {
        return selection;
    }
    let numbers: BTreeMap<String, usize> =
        (0..datasets.count.get() as usize).map(|index| (Datasets::topic(index + 1), index)).collect();
    let mut counts: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
    let mut offset_at = |index: usize, time: DateTime<Utc>| {
        let at_ms = ceil_to_ms(time);
        let before = counts.entry(at_ms).or_insert_with(|| events_before(datasets, at_ms));
        before.get(index).and_then(|count| Offset::new(i64::try_from(*count).ok()?))
    };
    let mut resolved = Vec::new();
    for id in held.into_iter().filter(|id| selection.topics.contains(&id.topic)) {
        let Some(index) = numbers.get(&*id.topic).copied() else { continue };
        let matching = || {
            range.overrides.iter().rev().filter(|one| {
                one.partition == id.partition && one.topic.as_deref().is_none_or(|topic| topic == &*id.topic)
            })
        };
        let from = matching().find_map(|one| one.from.as_ref()).unwrap_or(&range.from);
        let to = matching().find_map(|one| one.to.as_ref()).unwrap_or(&range.to);
        let from = start_time(from, now).and_then(|time| offset_at(index, time)).map(RangeStart::Offset);
        let to = end_time(to, now).and_then(|time| offset_at(index, time)).map(RangeEnd::Offset);
        if from.is_some() || to.is_some() {
            resolved.push(Override { topic: Some(id.topic.to_string()), partition: id.partition, from, to });
        }
    }
    // The other partitions are empty: their times mean nothing.
    for one in &mut range.overrides {
        one.from.take_if(|from| start_time(from, now).is_some());
        one.to.take_if(|to| end_time(to, now).is_some());
    }
    range.overrides.retain(|one| one.from.is_some() || one.to.is_some());
    if start_time(&range.from, now).is_some() {
        range.from = RangeStart::Earliest;
    }
    if end_time(&range.to, now).is_some() {
        range.to = RangeEnd::Latest;
    }
    // The last range of a partition counts.
    range.overrides.extend(resolved);
    selection
}

fn start_time(from: &RangeStart, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match from {
        RangeStart::Time(time) => Some(*time),
        RangeStart::Ago(ago) => Some(before(now, *ago)),
        _ => None,
    }
}

fn end_time(to: &RangeEnd, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match to {
        RangeEnd::Time(time) => Some(*time),
        RangeEnd::Ago(ago) => Some(before(now, *ago)),
        _ => None,
    }
}

fn before(now: DateTime<Utc>, ago: std::time::Duration) -> DateTime<Utc> {
    TimeDelta::from_std(ago).ok().and_then(|ago| now.checked_sub_signed(ago)).unwrap_or(DateTime::UNIX_EPOCH)
}

/// The first whole millisecond that is not before a time: those of the events are whole.
fn ceil_to_ms(time: DateTime<Utc>) -> i64 {
    let more = i64::from(!time.timestamp_subsec_nanos().is_multiple_of(1_000_000));
    time.timestamp_millis().saturating_add(more)
}

#[cfg(test)]
mod tests {
    use kreplay_engine::plan::{Range, Scope};

    use super::*;

    fn selected(range: Range) -> Range {
        let datasets =
            Datasets { count: 2.try_into().unwrap(), events: 100.try_into().unwrap(), ..Datasets::default() };
        let held = [TopicPartition::new("vc.dataset1.events", 3), TopicPartition::new("vc.dataset2.events", 0)];
        let selection = Selection::topics(["vc.dataset1.events", "vc.dataset2.events"]).unwrap();
        let selection = selection.within(Scope { range, ..Scope::default() });
        let now = DateTime::from_timestamp_millis(1_767_225_600_500).unwrap();
        with_offsets(selection, &datasets, &held, now).scope.range
    }

    fn range(from: &str, to: &str, overrides: &[&str]) -> Range {
        Range {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            overrides: overrides.iter().map(|one| one.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn times_become_offsets_of_the_partitions_with_events() {
        let resolved = selected(range("2026-01-01T00:00:00.100Z", "2026-01-01T00:00:00.3005Z", &[]));
        // An event every 10 ms, and the two datasets take turns.
        let expected = ["vc.dataset1.events:3=5..16", "vc.dataset2.events:0=5..15"];
        assert_eq!(resolved, range("earliest", "latest", &expected));
    }

    #[test]
    fn ranges_without_times_and_other_ends_are_unchanged() {
        let plain = range("17", "never", &["0=5.."]);
        assert_eq!(selected(plain.clone()), plain);
        let resolved = selected(range("-400ms", "never", &["vc.dataset2.events:0=7.."]));
        assert_eq!(resolved, range("earliest", "never", &["vc.dataset2.events:0=7..", "vc.dataset1.events:3=5.."]));
    }
}
