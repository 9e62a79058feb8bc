//! Computes the offsets of one partition from the requested range and the cluster's answers. Pure: no clock, no
//! cluster.

use kreplay_kafka::LogEnds;
use kreplay_model::{
    domain::Offset,
    feed::{ClampReason, RangeSide},
};

use crate::plan::{PlannedPartition, RangeEnd, RangeStart};

/// The cluster's answer for one end of a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LookupResult {
    /// No lookup was needed, or the log has no record that is new enough.
    #[default]
    Nothing,
    /// Nothing was found because the requested time is in the future.
    Future,
    /// The offset of the first record at or after the requested time, or the committed offset.
    At(Offset),
}

/// The requested range of one partition.
#[derive(Clone, Debug)]
pub(super) struct RequestedRange {
    /// The requested start.
    pub(super) from: RangeStart,
    /// The requested end.
    pub(super) to: RangeEnd,
    /// The answer for `from`.
    pub(super) found_from: LookupResult,
    /// The answer for `to`.
    pub(super) found_to: LookupResult,
}

impl RequestedRange {
    /// Whether the requested end is at or below the end of the log, so that nothing above the log's end is missed.
    pub(super) fn ends_before(&self, end: Offset) -> bool {
        match (&self.to, self.found_to) {
            (RangeEnd::Offset(asked), _) => *asked <= end,
            (RangeEnd::Committed(_), LookupResult::At(found)) => found <= end,
            (RangeEnd::Committed(_), _) => true,
            (RangeEnd::Time(_) | RangeEnd::Ago(_), LookupResult::At(found)) => found < end,
            (RangeEnd::Latest | RangeEnd::Never | RangeEnd::Time(_) | RangeEnd::Ago(_), _) => false,
        }
    }
}

/// An end of a range that differs from what was requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clamp {
    pub(super) side: RangeSide,
    pub(super) why: ClampReason,
    pub(super) asked: String,
    pub(super) used: Offset,
}

/// Computes the offsets to read, limited to the log, and where they differ from the request.
pub(super) fn bounds(asked: &RequestedRange, log: LogEnds) -> (PlannedPartition, Vec<Clamp>) {
    let LogEnds { id, low, end } = log;
    let within = |offset: Offset| {
        if offset < low {
            (low, Some(ClampReason::BelowStart))
        } else if offset > end {
            (end, Some(ClampReason::AboveEnd))
        } else {
            (offset, None)
        }
    };
    // A time resolves to the first record that still exists. Whether older records were deleted is unknown.
    let by_time = |found: LookupResult| match found {
        LookupResult::At(offset) if offset <= low && low > Offset::ZERO => (low, Some(ClampReason::BelowStart)),
        // Records written after the log's end was looked up belong to a later plan.
        LookupResult::At(offset) => (offset.clamp(low, end), None),
        LookupResult::Nothing => (end, None),
        LookupResult::Future => (end, Some(ClampReason::AboveEnd)),
    };
    let by_group = |found: LookupResult| match found {
        LookupResult::At(offset) => within(offset),
        LookupResult::Nothing | LookupResult::Future => (low, Some(ClampReason::NothingCommitted)),
    };
    let (first, from_why) = match &asked.from {
        RangeStart::Earliest => (low, None),
        RangeStart::Latest => (end, None),
        RangeStart::Offset(offset) => within(*offset),
        // If the log still has its first record, fewer offsets than requested are not a loss.
        RangeStart::Last(count) if *count > end.since(low) => {
            (low, (low > Offset::ZERO).then_some(ClampReason::BelowStart))
        }
        RangeStart::Last(count) => (offset_before(end, *count), None),
        RangeStart::Time(_) | RangeStart::Ago(_) => by_time(asked.found_from),
        RangeStart::Committed(_) => by_group(asked.found_from),
    };
    let (last, to_why) = match &asked.to {
        RangeEnd::Latest | RangeEnd::Never => (end, None),
        RangeEnd::Offset(offset) => within(*offset),
        RangeEnd::Time(_) | RangeEnd::Ago(_) => by_time(asked.found_to),
        RangeEnd::Committed(_) => by_group(asked.found_to),
    };
    let clamp = |side, why: Option<ClampReason>, asked: &dyn ToString, used| {
        why.map(|why| Clamp { side, why, asked: asked.to_string(), used })
    };
    let inverted = (first > last).then_some(ClampReason::Empty);
    let clamps = clamp(RangeSide::From, from_why, &asked.from, first)
        .into_iter()
        .chain(clamp(RangeSide::To, to_why, &asked.to, last))
        .chain(clamp(RangeSide::To, inverted, &asked.to, first))
        .collect();
    (PlannedPartition { id, first, end: last.max(first) }, clamps)
}

/// The offset that is `count` below `end`, at least 0.
fn offset_before(end: Offset, count: u64) -> Offset {
    i64::try_from(count).ok().and_then(|count| Offset::new(end.get().saturating_sub(count))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use kreplay_model::domain::TopicPartition;
    use proptest::prelude::*;

    use super::*;

    fn offset(raw: i64) -> Offset {
        Offset::new(raw).unwrap()
    }

    fn log(low: i64, end: i64) -> LogEnds {
        LogEnds { id: TopicPartition::new("t", 0), low: offset(low), end: offset(end) }
    }

    fn asked(from: &str, to: &str, found_from: LookupResult, found_to: LookupResult) -> RequestedRange {
        RequestedRange { from: from.parse().unwrap(), to: to.parse().unwrap(), found_from, found_to }
    }

    fn planned(asked: &RequestedRange, low: i64, end: i64) -> (i64, i64, Vec<(RangeSide, ClampReason)>) {
        let (one, clamps) = bounds(asked, log(low, end));
        (one.first.get(), one.end.get(), clamps.iter().map(|clamp| (clamp.side, clamp.why)).collect())
    }

    #[test]
    fn every_kind_of_range_in_a_log_from_20_to_100() {
        use ClampReason::{AboveEnd, BelowStart, Empty, NothingCommitted};
        use LookupResult::{At, Future, Nothing};
        use RangeSide::{From as Begin, To as End};
        let at = |raw| At(offset(raw));
        for (from, to, found_from, found_to, first, end, clamps) in [
            ("earliest", "latest", Nothing, Nothing, 20, 100, vec![]),
            ("latest", "never", Nothing, Nothing, 100, 100, vec![]),
            ("30", "40", Nothing, Nothing, 30, 40, vec![]),
            ("20", "100", Nothing, Nothing, 20, 100, vec![]),
            ("19", "101", Nothing, Nothing, 20, 100, vec![(Begin, BelowStart), (End, AboveEnd)]),
            ("200", "latest", Nothing, Nothing, 100, 100, vec![(Begin, AboveEnd)]),
            ("50", "40", Nothing, Nothing, 50, 50, vec![(End, Empty)]),
            ("50", "5", Nothing, Nothing, 50, 50, vec![(End, BelowStart), (End, Empty)]),
            ("last:10", "latest", Nothing, Nothing, 90, 100, vec![]),
            ("last:80", "latest", Nothing, Nothing, 20, 100, vec![]),
            ("last:81", "latest", Nothing, Nothing, 20, 100, vec![(Begin, BelowStart)]),
            ("last:0", "latest", Nothing, Nothing, 100, 100, vec![]),
            ("-2h", "-1h", at(30), at(40), 30, 40, vec![]),
            ("-2h", "-1h", at(20), Nothing, 20, 100, vec![(Begin, BelowStart)]),
            ("2099-01-01", "2099-01-02", Future, Future, 100, 100, vec![(Begin, AboveEnd), (End, AboveEnd)]),
            ("-2h", "latest", at(105), Nothing, 100, 100, vec![]),
            ("committed:g", "committed:h", at(30), at(40), 30, 40, vec![]),
            ("committed:g", "latest", Nothing, Nothing, 20, 100, vec![(Begin, NothingCommitted)]),
            ("committed:g", "latest", at(7), Nothing, 20, 100, vec![(Begin, BelowStart)]),
            ("earliest", "committed:g", Nothing, at(107), 20, 100, vec![(End, AboveEnd)]),
            ("earliest", "committed:g", Nothing, Nothing, 20, 20, vec![(End, NothingCommitted)]),
        ] {
            assert_eq!(planned(&asked(from, to, found_from, found_to), 20, 100), (first, end, clamps), "{from} {to}");
        }
    }

    #[test]
    fn a_log_with_its_first_record_is_not_clamped() {
        assert_eq!(
            planned(&asked("2000-01-01", "latest", LookupResult::At(Offset::ZERO), LookupResult::Nothing), 0, 9),
            (0, 9, vec![])
        );
        assert_eq!(
            planned(&asked("last:10", "latest", LookupResult::Nothing, LookupResult::Nothing), 0, 9),
            (0, 9, vec![])
        );
        assert_eq!(planned(&asked("0", "0", LookupResult::Nothing, LookupResult::Nothing), 0, 0), (0, 0, vec![]));
    }

    fn found() -> impl Strategy<Value = LookupResult> {
        prop_oneof![
            Just(LookupResult::Nothing),
            Just(LookupResult::Future),
            (0_i64..60).prop_map(|raw| LookupResult::At(offset(raw)))
        ]
    }

    proptest! {
        /// The range lies within the log. It is either what was requested, or a clamp reports the difference.
        #[test]
        fn a_range_lies_within_its_log(
            low in 0_i64..30, length in 0_i64..30, from in 0_i64..70, to in 0_i64..70, last in 0_u64..70,
            found_from in found(), found_to in found(), kind_from in 0..6, kind_to in 0..5,
        ) {
            let end = low + length;
            let time = DateTime::from_timestamp_millis(1).unwrap();
            let from = match kind_from {
                0 => RangeStart::Earliest,
                1 => RangeStart::Latest,
                2 => RangeStart::Offset(offset(from)),
                3 => RangeStart::Last(last),
                4 => RangeStart::Time(time),
                _ => RangeStart::Committed(Some("g".into())),
            };
            let to = match kind_to {
                0 => RangeEnd::Latest,
                1 => RangeEnd::Never,
                2 => RangeEnd::Offset(offset(to)),
                3 => RangeEnd::Time(time),
                _ => RangeEnd::Committed(Some("g".into())),
            };
            let asked = RequestedRange { from: from.clone(), to: to.clone(), found_from, found_to };
            let (first, last, clamps) = planned(&asked, low, end);
            prop_assert!(low <= first && first <= last && last <= end);
            if let RangeStart::Offset(wanted) = from && first != wanted.get() {
                prop_assert!(clamps.iter().any(|(side, _)| *side == RangeSide::From));
            }
            if let RangeEnd::Offset(wanted) = to && last != wanted.get() {
                prop_assert!(clamps.iter().any(|(side, _)| *side == RangeSide::To));
            }
        }
    }
}
