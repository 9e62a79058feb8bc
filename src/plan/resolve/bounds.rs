//! Where one partition is read from and to, by what was asked for and what the cluster answered. No clock and no cluster here.

use crate::{
    domain::Offset,
    feed::{ClampReason, RangeSide},
    kafka::LogEnds,
    plan::{From, PlannedPartition, To},
};

/// What the cluster answered where a side of a range had to be looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing had to be looked up, or nothing was found and nothing could have been: no record is as young as that.
    #[default]
    Nothing,
    /// Nothing was found, because the time asked for is still to come.
    Future,
    /// This offset: of the first record that is not older, or the one that was committed.
    At(Offset),
}

/// What one partition has that the others may not.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Where it is to begin.
    pub(super) from: From,
    /// Where it is to end.
    pub(super) to: To,
    /// What was found for `from`.
    pub(super) found_from: Found,
    /// What was found for `to`.
    pub(super) found_to: Found,
}

impl Asked {
    /// Whether what was asked for ends at or below the end of the log, so that nothing above it is missed.
    pub(super) fn ends_before(&self, end: Offset) -> bool {
        match (&self.to, self.found_to) {
            (To::Offset(asked), _) => *asked <= end,
            (To::Committed(_), Found::At(found)) => found <= end,
            (To::Committed(_), _) => true,
            (To::Time(_) | To::Ago(_), Found::At(found)) => found < end,
            (To::Latest | To::Never | To::Time(_) | To::Ago(_), _) => false,
        }
    }
}

/// A side of a range that is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clamp {
    pub(super) side: RangeSide,
    pub(super) why: ClampReason,
    pub(super) asked: String,
    pub(super) used: Offset,
}

/// Where a partition is read from and to, within its log, and what is not as it was asked for.
pub(super) fn bounds(asked: &Asked, log: LogEnds) -> (PlannedPartition, Vec<Clamp>) {
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
    // A time is answered with the first record that is left: whether older ones are gone cannot be known.
    let by_time = |found: Found| match found {
        Found::At(offset) if offset <= low && low > Offset::ZERO => (low, Some(ClampReason::BelowStart)),
        // Records that came after the log's end was looked up are for another plan.
        Found::At(offset) => (offset.clamp(low, end), None),
        Found::Nothing => (end, None),
        Found::Future => (end, Some(ClampReason::AboveEnd)),
    };
    let by_group = |found: Found| match found {
        Found::At(offset) => within(offset),
        Found::Nothing | Found::Future => (low, Some(ClampReason::NothingCommitted)),
    };
    let (first, from_why) = match &asked.from {
        From::Earliest => (low, None),
        From::Latest => (end, None),
        From::Offset(offset) => within(*offset),
        // A log that has its first record has fewer, and nothing is missing.
        From::Last(count) if *count > end.since(low) => (low, (low > Offset::ZERO).then_some(ClampReason::BelowStart)),
        From::Last(count) => (back(end, *count), None),
        From::Time(_) | From::Ago(_) => by_time(asked.found_from),
        From::Committed(_) => by_group(asked.found_from),
    };
    let (last, to_why) = match &asked.to {
        To::Latest | To::Never => (end, None),
        To::Offset(offset) => within(*offset),
        To::Time(_) | To::Ago(_) => by_time(asked.found_to),
        To::Committed(_) => by_group(asked.found_to),
    };
    let clamp = |side, why: Option<ClampReason>, asked: &dyn ToString, used| {
        why.map(|why| Clamp { side, why, asked: asked.to_string(), used })
    };
    let crossed = (first > last).then_some(ClampReason::Empty);
    let clamps = clamp(RangeSide::From, from_why, &asked.from, first)
        .into_iter()
        .chain(clamp(RangeSide::To, to_why, &asked.to, last))
        .chain(clamp(RangeSide::To, crossed, &asked.to, first))
        .collect();
    (PlannedPartition { id, first, end: last.max(first) }, clamps)
}

/// So many offsets before this one.
fn back(end: Offset, count: u64) -> Offset {
    i64::try_from(count).ok().and_then(|count| Offset::new(end.get().saturating_sub(count))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::TopicPartition;

    fn offset(raw: i64) -> Offset {
        Offset::new(raw).unwrap()
    }

    fn log(low: i64, end: i64) -> LogEnds {
        LogEnds { id: TopicPartition::new("t", 0), low: offset(low), end: offset(end) }
    }

    fn asked(from: &str, to: &str, found_from: Found, found_to: Found) -> Asked {
        Asked { from: from.parse().unwrap(), to: to.parse().unwrap(), found_from, found_to }
    }

    fn planned(asked: &Asked, low: i64, end: i64) -> (i64, i64, Vec<(RangeSide, ClampReason)>) {
        let (one, clamps) = bounds(asked, log(low, end));
        (one.first.get(), one.end.get(), clamps.iter().map(|clamp| (clamp.side, clamp.why)).collect())
    }

    #[test]
    fn each_kind_of_place_in_a_log_from_20_to_100() {
        use ClampReason::{AboveEnd, BelowStart, Empty, NothingCommitted};
        use Found::{At, Future, Nothing};
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
    fn nothing_is_lost_where_the_log_has_its_beginning() {
        assert_eq!(
            planned(&asked("2000-01-01", "latest", Found::At(Offset::ZERO), Found::Nothing), 0, 9),
            (0, 9, vec![])
        );
        assert_eq!(planned(&asked("last:10", "latest", Found::Nothing, Found::Nothing), 0, 9), (0, 9, vec![]));
        assert_eq!(planned(&asked("0", "0", Found::Nothing, Found::Nothing), 0, 0), (0, 0, vec![]));
    }

    fn found() -> impl Strategy<Value = Found> {
        prop_oneof![Just(Found::Nothing), Just(Found::Future), (0_i64..60).prop_map(|raw| Found::At(offset(raw)))]
    }

    proptest! {
        /// Whatever is asked and answered: the range lies within the log, and is exactly what was asked for or is told of.
        #[test]
        fn a_range_lies_within_its_log(
            low in 0_i64..30, length in 0_i64..30, from in 0_i64..70, to in 0_i64..70, last in 0_u64..70,
            found_from in found(), found_to in found(), kind_from in 0..6, kind_to in 0..5,
        ) {
            let end = low + length;
            let time = DateTime::from_timestamp_millis(1).unwrap();
            let from = match kind_from {
                0 => From::Earliest,
                1 => From::Latest,
                2 => From::Offset(offset(from)),
                3 => From::Last(last),
                4 => From::Time(time),
                _ => From::Committed(Some("g".into())),
            };
            let to = match kind_to {
                0 => To::Latest,
                1 => To::Never,
                2 => To::Offset(offset(to)),
                3 => To::Time(time),
                _ => To::Committed(Some("g".into())),
            };
            let asked = Asked { from: from.clone(), to: to.clone(), found_from, found_to };
            let (first, last, clamps) = planned(&asked, low, end);
            prop_assert!(low <= first && first <= last && last <= end);
            if let From::Offset(wanted) = from && first != wanted.get() {
                prop_assert!(clamps.iter().any(|(side, _)| *side == RangeSide::From));
            }
            if let To::Offset(wanted) = to && last != wanted.get() {
                prop_assert!(clamps.iter().any(|(side, _)| *side == RangeSide::To));
            }
        }
    }
}
