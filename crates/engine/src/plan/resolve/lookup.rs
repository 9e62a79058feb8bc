//! Looks up what the cluster must answer before a range can be resolved to offsets.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use kreplay_kafka::Catalog;
use kreplay_model::domain::TopicPartition;

use super::{
    PlanError,
    bounds::{LookupResult, RequestedRange},
};
use crate::plan::{Override, Range, RangeEnd, RangeStart, TimeWindow};

/// The requested range of each partition, in order. Nothing is looked up yet.
pub(super) fn requested_ranges(range: &Range, ids: &[TopicPartition]) -> Result<Vec<RequestedRange>, PlanError> {
    if range.to == RangeEnd::Never && range.overrides.iter().any(|one| one.to.is_some()) {
        return Err(PlanError::FollowBounded);
    }
    let applies_to = |one: &Override, id: &TopicPartition| {
        one.partition == id.partition && one.topic.as_deref().is_none_or(|topic| topic == &*id.topic)
    };
    if let Some(one) = range.overrides.iter().find(|one| !ids.iter().any(|id| applies_to(one, id))) {
        return Err(PlanError::NoPartition(one.to_string()));
    }
    let of = |id: &TopicPartition| {
        // The last override of a partition wins.
        let matching = || range.overrides.iter().rev().filter(|one| applies_to(one, id));
        RequestedRange {
            from: matching().find_map(|one| one.from.clone()).unwrap_or_else(|| range.from.clone()),
            to: matching().find_map(|one| one.to.clone()).unwrap_or_else(|| range.to.clone()),
            found_from: LookupResult::Nothing,
            found_to: LookupResult::Nothing,
        }
    };
    Ok(ids.iter().map(of).collect())
}

/// Looks up committed offsets. Must run before the ends of the logs are looked up: offsets committed afterwards would
/// seem to be above the ends.
pub(super) fn committed(
    catalog: &Catalog<'_>,
    ids: &[TopicPartition],
    asked: &mut [RequestedRange],
) -> Result<(), PlanError> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, one) in asked.iter().enumerate() {
        let from = if let RangeStart::Committed(group) = &one.from { Some(group) } else { None };
        let to = if let RangeEnd::Committed(group) = &one.to { Some(group) } else { None };
        for group in from.into_iter().chain(to) {
            let indexes = groups.entry(group.clone().ok_or(PlanError::NoGroup)?).or_default();
            if indexes.last() != Some(&index) {
                indexes.push(index);
            }
        }
    }
    for (group, indexes) in groups {
        let wanted: Vec<TopicPartition> = indexes.iter().map(|index| ids[*index].clone()).collect();
        let offsets = catalog.committed(&group, &wanted)?;
        if offsets.iter().all(Option::is_none) {
            return Err(PlanError::NothingCommitted { group, partitions: abbreviated(&wanted) });
        }
        for (index, offset) in indexes.into_iter().zip(offsets) {
            let one = &mut asked[index];
            let found = offset.map_or(LookupResult::Nothing, LookupResult::At);
            if one.from == RangeStart::Committed(Some(group.clone())) {
                one.found_from = found;
            }
            if one.to == RangeEnd::Committed(Some(group.clone())) {
                one.found_to = found;
            }
        }
    }
    Ok(())
}

/// Looks up the offsets of times. Must run after the ends of the logs are looked up: offsets above the ends are from
/// later records.
pub(super) fn times(
    catalog: &Catalog<'_>,
    now: DateTime<Utc>,
    ids: &[TopicPartition],
    asked: &mut [RequestedRange],
) -> Result<(), PlanError> {
    let from = |one: &RequestedRange| from_time(one, now);
    let to = |one: &RequestedRange| to_time(one, now);
    for (index, found) in find_offsets(catalog, now, ids, asked.iter().map(from))? {
        asked[index].found_from = found;
    }
    for (index, found) in find_offsets(catalog, now, ids, asked.iter().map(to))? {
        asked[index].found_to = found;
    }
    Ok(())
}

fn from_time(asked: &RequestedRange, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match &asked.from {
        RangeStart::Time(time) => Some(*time),
        RangeStart::Ago(ago) => Some(time_before(now, *ago)),
        _ => None,
    }
}

fn to_time(asked: &RequestedRange, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match &asked.to {
        RangeEnd::Time(time) => Some(*time),
        RangeEnd::Ago(ago) => Some(time_before(now, *ago)),
        _ => None,
    }
}

/// The requested times of each partition.
pub(super) fn windows(now: DateTime<Utc>, asked: &[RequestedRange]) -> Vec<TimeWindow> {
    let ms = |time| i64::try_from(ceil_to_ms(time)).unwrap_or(i64::MAX);
    let window =
        |one: &RequestedRange| TimeWindow { from_ms: from_time(one, now).map(ms), to_ms: to_time(one, now).map(ms) };
    asked.iter().map(window).collect()
}

fn find_offsets(
    catalog: &Catalog<'_>,
    now: DateTime<Utc>,
    ids: &[TopicPartition],
    times: impl Iterator<Item = Option<DateTime<Utc>>>,
) -> Result<Vec<(usize, LookupResult)>, PlanError> {
    let (mut indexes, mut wanted) = (Vec::new(), Vec::new());
    for (index, time) in times.enumerate().filter_map(|(index, time)| Some((index, time?))) {
        indexes.push((index, time > now));
        wanted.push((ids[index].clone(), ceil_to_ms(time)));
    }
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let offsets = catalog.offsets_at(&wanted)?;
    Ok(indexes
        .into_iter()
        .zip(offsets)
        .map(|((index, future), offset)| {
            let nothing = if future { LookupResult::Future } else { LookupResult::Nothing };
            (index, offset.map_or(nothing, LookupResult::At))
        })
        .collect())
}

/// Rounds up: timestamps of records are whole milliseconds, so no record lies between a time and the next whole
/// millisecond.
fn ceil_to_ms(time: DateTime<Utc>) -> u64 {
    let ms = time.timestamp_millis();
    let more = i64::from(!time.timestamp_subsec_nanos().is_multiple_of(1_000_000));
    u64::try_from(ms.saturating_add(more)).unwrap_or(0)
}

fn time_before(now: DateTime<Utc>, ago: Duration) -> DateTime<Utc> {
    chrono::Duration::from_std(ago).ok().and_then(|ago| now.checked_sub_signed(ago)).unwrap_or(DateTime::UNIX_EPOCH)
}

/// The first partitions by name, and the number of the others.
fn abbreviated(ids: &[TopicPartition]) -> String {
    const MAX_SHOWN_PARTITIONS: usize = 4;
    let names: Vec<String> = ids.iter().take(MAX_SHOWN_PARTITIONS).map(ToString::to_string).collect();
    let more = ids.len().saturating_sub(MAX_SHOWN_PARTITIONS);
    names.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::Classified as _;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn range(to: &str, overrides: &[&str]) -> Range {
        Range {
            to: to.parse().unwrap(),
            overrides: overrides.iter().map(|one| one.parse().unwrap()).collect(),
            ..Range::default()
        }
    }

    #[test]
    fn the_last_override_of_a_partition_wins() {
        let ids = [("a", 0), ("a", 1), ("b", 1)].map(|(topic, number)| TopicPartition::new(topic, number));
        let asked = requested_ranges(&range("50", &["1=5..", "a:1=7..8", "1=..9"]), &ids).unwrap();
        let shown: Vec<_> = asked.iter().map(|one| format!("{}..{}", one.from, one.to)).collect();
        assert_eq!(shown, ["earliest..50", "7..9", "5..9"]);
    }

    #[test]
    fn contradictory_ranges_are_errors() {
        let ids = [TopicPartition::new("a", 0)];
        for (range, part) in [
            (range("latest", &["a:1=5.."]), "`a:1=5..`"),
            (range("latest", &["b:0=5.."]), "`b:0=5..`"),
            (range("never", &["0=..5"]), "has no end"),
        ] {
            let error = requested_ranges(&range, &ids).unwrap_err();
            assert!(error.class().is_usage() && error.to_string().contains(part), "{error}");
        }
        assert!(requested_ranges(&range("never", &["0=5.."]), &ids).is_ok());
    }

    #[test]
    fn times_are_rounded_up_to_whole_milliseconds() {
        assert_eq!(ceil_to_ms(at("2026-01-01T00:00:00Z")), 1_767_225_600_000);
        assert_eq!(ceil_to_ms(at("2026-01-01T00:00:00.000000001Z")), 1_767_225_600_001);
        assert_eq!(time_before(at("2026-01-01T01:00:00Z"), Duration::from_secs(3600)), at("2026-01-01T00:00:00Z"));
        assert_eq!(ceil_to_ms(time_before(at("1970-01-01T01:00:00Z"), Duration::from_secs(86_400))), 0);
        assert_eq!(ceil_to_ms(time_before(at("2026-01-01T01:00:00Z"), Duration::from_millis(u64::MAX / 4))), 0);
    }
}
