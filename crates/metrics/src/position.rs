//! The figures of the positions of a group: in one partition, or summed over a topic.

use std::collections::BTreeMap;

use kreplay_model::{
    domain::Offset,
    watch::{GroupView, OwnerView, PartitionRow},
};

/// The position of a group in a partition or in a topic.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Position<'a> {
    pub(crate) topic: &'a str,
    /// `None` for the sums of a topic.
    pub(crate) partition: Option<i32>,
    pub(crate) committed: Option<i64>,
    pub(crate) log_start: Option<i64>,
    pub(crate) end: Option<i64>,
    pub(crate) lag: Option<i64>,
    pub(crate) readable: Option<u64>,
    pub(crate) lost: Option<u64>,
    pub(crate) held_back: Option<u64>,
    pub(crate) ahead: Option<u64>,
    pub(crate) age_s: Option<f64>,
    pub(crate) deadline_s: Option<f64>,
    pub(crate) owner: Option<&'a OwnerView>,
}

impl<'a> From<&'a PartitionRow> for Position<'a> {
    fn from(row: &'a PartitionRow) -> Self {
        Self {
            topic: &row.topic,
            partition: Some(row.partition),
            committed: row.committed.map(Offset::get),
            log_start: row.log_start.map(Offset::get),
            end: row.end.map(Offset::get),
            lag: row.lag,
            readable: row.readable,
            lost: row.lost,
            held_back: row.held_back,
            ahead: row.ahead,
            age_s: row.age_s.map(|age| age.value),
            deadline_s: row.deadline_s,
            owner: row.owner.as_ref(),
        }
    }
}

/// The positions of a group in the partitions that it has not abandoned.
pub(crate) fn of_partitions(group: &GroupView) -> Vec<Position<'_>> {
    group.partitions.iter().filter(|row| !row.abandoned).map(Position::from).collect()
}

/// The same, summed over each topic. A sum of offsets is that of the known figures, and absent if it does not fit; the
/// parts of the lag are known if they are known wherever the lag is, so that they add up to it. An age is the largest,
/// a deadline the next one.
pub(crate) fn of_topics<'a>(partitions: &[Position<'a>]) -> Vec<Position<'a>> {
    let mut topics: BTreeMap<&str, Vec<&Position<'a>>> = BTreeMap::new();
    for position in partitions {
        topics.entry(position.topic).or_default().push(position);
    }
    topics.into_iter().map(|(topic, rows)| sum(topic, &rows)).collect()
}

fn sum<'a>(topic: &'a str, rows: &[&Position<'a>]) -> Position<'a> {
    let known = |read: fn(&Position<'a>) -> Option<i64>| {
        let mut values = rows.iter().filter_map(|row| read(row));
        let first = values.next()?;
        // Summed with more bits: negative lags may bring the sum back into range.
        let sum = values.fold(i128::from(first), |sum, value| sum + i128::from(value));
        i64::try_from(sum).ok()
    };
    let part = |read: fn(&Position<'a>) -> Option<u64>| {
        let parts: Option<Vec<u64>> = rows.iter().filter(|row| row.lag.is_some()).map(|row| read(row)).collect();
        let parts = parts.filter(|parts| !parts.is_empty())?;
        parts.into_iter().try_fold(0, u64::checked_add)
    };
    Position {
        topic,
        partition: None,
        committed: known(|row| row.committed),
        log_start: None,
        end: None,
        lag: known(|row| row.lag),
        readable: part(|row| row.readable),
        lost: part(|row| row.lost),
        held_back: part(|row| row.held_back),
        ahead: part(|row| row.ahead),
        age_s: rows.iter().filter_map(|row| row.age_s).reduce(f64::max),
        deadline_s: rows.iter().filter_map(|row| row.deadline_s).reduce(f64::min),
        owner: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(topic: &str, partition: i32) -> Position<'_> {
        Position {
            topic,
            partition: Some(partition),
            committed: Some(10),
            log_start: Some(0),
            end: Some(15),
            lag: Some(5),
            readable: Some(5),
            lost: Some(0),
            held_back: Some(0),
            ahead: Some(0),
            age_s: Some(f64::from(partition)),
            deadline_s: Some(f64::from(100 - partition)),
            owner: None,
        }
    }

    #[test]
    fn a_topic_has_the_sum_of_what_is_known() {
        let unknown =
            Position { lag: None, readable: None, lost: None, held_back: None, ahead: None, ..position("a", 2) };
        let topics = of_topics(&[position("a", 0), position("a", 1), unknown, position("b", 0)]);
        assert_eq!(topics.len(), 2);
        let a = &topics[0];
        assert_eq!((a.topic, a.partition, a.lag, a.readable, a.committed), ("a", None, Some(10), Some(10), Some(30)));
        assert_eq!((a.age_s, a.deadline_s), (Some(2.0), Some(98.0)));
    }

    #[test]
    fn parts_that_would_not_add_up_are_not_known() {
        let without_parts = Position { readable: None, ..position("a", 1) };
        let topics = of_topics(&[position("a", 0), without_parts]);
        assert_eq!((topics[0].lag, topics[0].readable, topics[0].lost), (Some(10), None, Some(0)));
    }

    #[test]
    fn a_sum_that_does_not_fit_is_absent() {
        let far =
            |partition| Position { lag: Some(i64::MIN + 5), ahead: Some(u64::MAX - 5), ..position("a", partition) };
        let topics = of_topics(&[far(0), far(1)]);
        assert_eq!((topics[0].lag, topics[0].ahead, topics[0].committed), (None, None, Some(20)));
        let back = Position { lag: Some(i64::MAX), ..position("a", 2) };
        assert_eq!(of_topics(&[far(0), position("a", 1), back])[0].lag, Some(9));
    }

    #[test]
    fn nothing_known_is_absent() {
        let unknown = Position { lag: None, committed: None, ..position("a", 0) };
        let topics = of_topics(&[unknown]);
        assert_eq!((topics[0].lag, topics[0].readable, topics[0].committed), (None, None, None));
    }
}
