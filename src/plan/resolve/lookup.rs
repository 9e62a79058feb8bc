//! What has to be looked up on the cluster before the sides of a range are offsets.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};

use super::{
    PlanError,
    bounds::{Asked, Found},
};
use crate::{
    domain::TopicPartition,
    kafka::Catalog,
    plan::{From, Override, Range, To, Window},
};

/// What is asked of each partition, in their order; nothing is looked up yet.
pub(super) fn asked(range: &Range, ids: &[TopicPartition]) -> Result<Vec<Asked>, PlanError> {
    if range.to == To::Never && range.overrides.iter().any(|one| one.to.is_some()) {
        return Err(PlanError::FollowBounded);
    }
    let concerns = |one: &Override, id: &TopicPartition| {
        one.partition == id.partition && one.topic.as_deref().is_none_or(|topic| topic == &*id.topic)
    };
    if let Some(one) = range.overrides.iter().find(|one| !ids.iter().any(|id| concerns(one, id))) {
        return Err(PlanError::NoPartition(one.to_string()));
    }
    let of = |id: &TopicPartition| {
        // The last word counts.
        let own = || range.overrides.iter().rev().filter(|one| concerns(one, id));
        Asked {
            from: own().find_map(|one| one.from.clone()).unwrap_or_else(|| range.from.clone()),
            to: own().find_map(|one| one.to.clone()).unwrap_or_else(|| range.to.clone()),
            found_from: Found::Nothing,
            found_to: Found::Nothing,
        }
    };
    Ok(ids.iter().map(of).collect())
}

/// Looks up what groups have committed. It comes before the ends of the logs are: what is committed later than they were looked
/// up would seem to lie above them.
pub(super) fn committed(catalog: &Catalog<'_>, ids: &[TopicPartition], asked: &mut [Asked]) -> Result<(), PlanError> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, one) in asked.iter().enumerate() {
        let from = if let From::Committed(group) = &one.from { Some(group) } else { None };
        let to = if let To::Committed(group) = &one.to { Some(group) } else { None };
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
            return Err(PlanError::NothingCommitted { group, partitions: few(&wanted) });
        }
        for (index, offset) in indexes.into_iter().zip(offsets) {
            let one = &mut asked[index];
            let found = offset.map_or(Found::Nothing, Found::At);
            if one.from == From::Committed(Some(group.clone())) {
                one.found_from = found;
            }
            if one.to == To::Committed(Some(group.clone())) {
                one.found_to = found;
            }
        }
    }
    Ok(())
}

/// Looks up what times mean. It comes after the ends of the logs are known: what is found above them came later.
pub(super) fn times(
    catalog: &Catalog<'_>,
    now: DateTime<Utc>,
    ids: &[TopicPartition],
    asked: &mut [Asked],
) -> Result<(), PlanError> {
    let from = |one: &Asked| from_time(one, now);
    let to = |one: &Asked| to_time(one, now);
    for (index, found) in find(catalog, now, ids, asked.iter().map(from))? {
        asked[index].found_from = found;
    }
    for (index, found) in find(catalog, now, ids, asked.iter().map(to))? {
        asked[index].found_to = found;
    }
    Ok(())
}

fn from_time(asked: &Asked, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match &asked.from {
        From::Time(time) => Some(*time),
        From::Ago(ago) => Some(before(now, *ago)),
        _ => None,
    }
}

fn to_time(asked: &Asked, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match &asked.to {
        To::Time(time) => Some(*time),
        To::Ago(ago) => Some(before(now, *ago)),
        _ => None,
    }
}

/// The times that each partition's range was asked for by.
pub(super) fn windows(now: DateTime<Utc>, asked: &[Asked]) -> Vec<Window> {
    let ms = |time| i64::try_from(milliseconds(time)).unwrap_or(i64::MAX);
    let window = |one: &Asked| Window { from_ms: from_time(one, now).map(ms), to_ms: to_time(one, now).map(ms) };
    asked.iter().map(window).collect()
}

fn find(
    catalog: &Catalog<'_>,
    now: DateTime<Utc>,
    ids: &[TopicPartition],
    times: impl Iterator<Item = Option<DateTime<Utc>>>,
) -> Result<Vec<(usize, Found)>, PlanError> {
    let (mut indexes, mut wanted) = (Vec::new(), Vec::new());
    for (index, time) in times.enumerate().filter_map(|(index, time)| Some((index, time?))) {
        indexes.push((index, time > now));
        wanted.push((ids[index].clone(), milliseconds(time)));
    }
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let offsets = catalog.offsets_at(&wanted)?;
    Ok(indexes
        .into_iter()
        .zip(offsets)
        .map(|((index, future), offset)| {
            let nothing = if future { Found::Future } else { Found::Nothing };
            (index, offset.map_or(nothing, Found::At))
        })
        .collect())
}

/// Records count whole milliseconds: the first that is not before a time is not before the next whole one.
fn milliseconds(time: DateTime<Utc>) -> u64 {
    let ms = time.timestamp_millis();
    let more = i64::from(!time.timestamp_subsec_nanos().is_multiple_of(1_000_000));
    u64::try_from(ms.saturating_add(more)).unwrap_or(0)
}

fn before(now: DateTime<Utc>, ago: Duration) -> DateTime<Utc> {
    chrono::Duration::from_std(ago).ok().and_then(|ago| now.checked_sub_signed(ago)).unwrap_or(DateTime::UNIX_EPOCH)
}

/// The first few by name, and how many more there are.
fn few(ids: &[TopicPartition]) -> String {
    const SHOWN: usize = 4;
    let names: Vec<String> = ids.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = ids.len().saturating_sub(SHOWN);
    names.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}

#[cfg(test)]
mod tests {
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
    fn overrides_hold_for_their_partitions_and_the_last_word_counts() {
        let ids = [("a", 0), ("a", 1), ("b", 1)].map(|(topic, number)| TopicPartition::new(topic, number));
        let asked = asked(&range("50", &["1=5..", "a:1=7..8", "1=..9"]), &ids).unwrap();
        let shown: Vec<_> = asked.iter().map(|one| format!("{}..{}", one.from, one.to)).collect();
        assert_eq!(shown, ["earliest..50", "7..9", "5..9"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let ids = [TopicPartition::new("a", 0)];
        for (range, part) in [
            (range("latest", &["a:1=5.."]), "`a:1=5..`"),
            (range("latest", &["b:0=5.."]), "`b:0=5..`"),
            (range("never", &["0=..5"]), "has no end"),
        ] {
            let error = asked(&range, &ids).unwrap_err();
            assert!(error.is_usage() && error.to_string().contains(part), "{error}");
        }
        assert!(asked(&range("never", &["0=5.."]), &ids).is_ok());
    }

    #[test]
    fn times_are_rounded_up_to_whole_milliseconds() {
        assert_eq!(milliseconds(at("2026-01-01T00:00:00Z")), 1_767_225_600_000);
        assert_eq!(milliseconds(at("2026-01-01T00:00:00.000000001Z")), 1_767_225_600_001);
        assert_eq!(before(at("2026-01-01T01:00:00Z"), Duration::from_secs(3600)), at("2026-01-01T00:00:00Z"));
        assert_eq!(milliseconds(before(at("1970-01-01T01:00:00Z"), Duration::from_secs(86_400))), 0);
        assert_eq!(milliseconds(before(at("2026-01-01T01:00:00Z"), Duration::from_millis(u64::MAX / 4))), 0);
    }
}
