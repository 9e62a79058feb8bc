//! Spans of ownership against a model that walks through the events in order.

use chrono::DateTime;
use proptest::prelude::*;

use super::{Moment, OwnerSpan, SpanEnd, TimeRange, ownership::Ownership};
use crate::{
    domain::TopicPartition,
    feed::{Event, EventKind, RunState},
};

fn always() -> TimeRange {
    TimeRange::new(Moment::from_ms(i64::MIN), Moment::from_ms(i64::MAX))
}

fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("t", number)
}

fn event(seq: u64, at_ms: i64, kind: EventKind) -> Event {
    Event { seq, at: DateTime::from_timestamp_millis(at_ms).unwrap(), process: None, kind }
}

fn kind() -> impl Strategy<Value = EventKind> {
    let change = |make: fn(String, Vec<TopicPartition>) -> EventKind| {
        (0_u8..3, prop::collection::vec((0..3).prop_map(partition), 1..3))
            .prop_map(move |(member, partitions)| make(format!("m{member}"), partitions))
    };
    prop_oneof![
        4 => change(|member, partitions| EventKind::Assigned { member, partitions }),
        3 => change(|member, partitions| EventKind::Revoked { member, partitions }),
        1 => change(|member, partitions| EventKind::Lost { member, partitions }),
        1 => Just(EventKind::Finished { run_id: "r".into(), state: RunState::Done, elapsed_s: 1.0 }),
        1 => Just(EventKind::Paused),
    ]
}

/// Events in order of their numbers. The clock is set back now and then.
fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec((-20_i64..100, kind()), 0..60).prop_map(|steps| {
        let mut at_ms = 1_000;
        (0..)
            .zip(steps)
            .map(|(seq, (step, kind))| {
                at_ms += step;
                event(seq, at_ms, kind)
            })
            .collect()
    })
}

/// The spans of a partition: owner, start, and end.
type Model = Vec<(String, Option<i64>, Option<(i64, SpanEnd)>)>;

fn spans_of(events: &[Event], id: &TopicPartition) -> Model {
    let mut spans: Model = Vec::new();
    let mut is_known = false;
    for event in events {
        let at = event.at.timestamp_millis();
        let last = spans.last_mut().filter(|(.., end)| end.is_none());
        match &event.kind {
            EventKind::Assigned { member, partitions } if partitions.contains(id) => {
                is_known = true;
                match last {
                    Some((owner, ..)) if owner == member => continue,
                    Some((_, from, end)) => *end = Some((at.max(from.unwrap_or(at)), SpanEnd::Reassigned)),
                    None => {}
                }
                spans.push((member.clone(), Some(at), None));
            }
            EventKind::Revoked { member, partitions } | EventKind::Lost { member, partitions }
                if partitions.contains(id) =>
            {
                let is_lost = matches!(event.kind, EventKind::Lost { .. });
                let why = if is_lost { SpanEnd::Lost } else { SpanEnd::Revoked };
                match last {
                    Some((owner, from, end)) if owner == member => *end = Some((at.max(from.unwrap_or(at)), why)),
                    None if !is_known => spans.push((member.clone(), None, Some((at, why)))),
                    _ => {}
                }
                is_known = true;
            }
            EventKind::Finished { .. } => {
                if let Some((_, from, end)) = last {
                    *end = Some((at.max(from.unwrap_or(at)), SpanEnd::RunEnded));
                }
            }
            _ => {}
        }
    }
    spans
}

fn read(spans: &[OwnerSpan]) -> Model {
    let end = |span: &OwnerSpan| span.end.map(|(at, why)| (at.ms(), why));
    spans.iter().map(|span| (span.owner.to_string(), span.from.map(Moment::ms), end(span))).collect()
}

fn recorded(events: &[Event]) -> Ownership {
    let mut ownership = Ownership::default();
    for event in events {
        ownership.record(event);
    }
    ownership
}

proptest! {
    #[test]
    fn spans_equal_those_of_a_walk_through_the_events(events in events()) {
        let ownership = recorded(&events);
        for id in (0..3).map(partition) {
            prop_assert_eq!(read(&ownership.of_partition(&id, always())), spans_of(&events, &id));
        }
    }

    #[test]
    fn the_order_of_arrival_does_not_matter(
        (events, shuffled) in events().prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
    ) {
        let twice: Vec<Event> = shuffled.iter().chain(&events).cloned().collect();
        prop_assert_eq!(recorded(&events), recorded(&twice));
    }

    #[test]
    fn a_range_has_the_spans_that_overlap_it(events in events(), from in 900_i64..4_000, ms in 1_i64..500) {
        let ownership = recorded(&events);
        let range = TimeRange::new(Moment::from_ms(from), Moment::from_ms(from + ms));
        let found = ownership.overlapping(range);
        for span in ownership.overlapping(always()) {
            let begins_before_its_end = span.from.is_none_or(|at| at < range.to());
            let ends_after_its_start = span.end.is_none_or(|(at, _)| at >= range.from());
            prop_assert_eq!(found.contains(&span), begins_before_its_end && ends_after_its_start);
        }
    }
}

#[test]
fn an_owner_that_stays_is_known_after_its_event_was_dropped() {
    let mut ownership = Ownership::default();
    let assigned = |member: &str, partitions| EventKind::Assigned { member: member.into(), partitions };
    ownership.record(&event(0, 7, assigned("stays", vec![partition(-1)])));
    let many: Vec<TopicPartition> = (0..1_000).map(partition).collect();
    for seq in 1..=150_u64 {
        ownership.record(&event(seq, 10, assigned(&format!("m{seq}"), many.clone())));
    }
    assert!(ownership.len() <= Ownership::MAX_CHANGES);
    let stays = ("stays".to_owned(), Some(7), None);
    assert_eq!(read(&ownership.of_partition(&partition(-1), always())), [stays]);
    // Each partition has the last dropped change and the kept ones.
    assert_eq!(ownership.of_partition(&partition(0), always()).len(), Ownership::MAX_CHANGES / 1_000 + 1);
}

#[test]
fn partitions_beyond_the_bound_are_ignored() {
    let mut ownership = Ownership::default();
    let all = i32::try_from(Ownership::MAX_PARTITIONS).unwrap() + 10;
    let partitions = (0..all).map(partition).collect();
    ownership.record(&event(0, 1, EventKind::Assigned { member: "m".into(), partitions }));
    assert_eq!(ownership.overlapping(always()).len(), Ownership::MAX_PARTITIONS);
}
