//! Figures of watched groups as cells of a table. A figure that is not known is `?`.

use std::fmt::Display;

use kreplay_model::domain::number::{Count, estimate, estimate_at_least, seconds, time_left};
use kreplay_model::domain::printable;
use kreplay_model::watch::{EtaVerdict, EtaView, GroupView, LagTotals, SecondsRange, TimeExactness};

pub(super) const UNKNOWN: &str = "?";

/// A value, or `?`.
pub(super) fn known(value: Option<impl Display>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| value.to_string())
}

/// A name from outside, or `-` if there is none.
pub(super) fn name(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).map_or_else(|| "-".to_owned(), |text| printable(text).into_owned())
}

/// A count with thousands separators. A lag may be negative.
pub(super) fn count(value: Option<i64>) -> String {
    value.map_or_else(
        || UNKNOWN.to_owned(),
        |value| {
            let sign = if value < 0 { "-" } else { "" };
            format!("{sign}{}", Count(value.unsigned_abs()))
        },
    )
}

/// A part of a lag.
pub(super) fn part(value: Option<u64>) -> String {
    known(value.map(Count))
}

/// The lag of a group: `≥` if that of some partitions is not known.
pub(super) fn total_lag(lag: &LagTotals) -> String {
    match lag.total {
        Some(total) if lag.unknown_partitions > 0 => format!("≥{}", count(Some(total))),
        total => count(total),
    }
}

/// An age.
pub(super) fn age(age: Option<SecondsRange>, exactness: Option<TimeExactness>) -> String {
    let Some(age) = age else { return UNKNOWN.to_owned() };
    match exactness {
        Some(TimeExactness::AtLeast) => format!("≥{}", estimate_at_least(age.value)),
        Some(TimeExactness::Bracket) => format!("~{}", estimate(age.value)),
        Some(TimeExactness::Exact | TimeExactness::ClockAhead) | None => seconds(age.value),
    }
}

/// The time until a group has caught up.
pub(super) fn eta(eta: &EtaView) -> String {
    match (eta.verdict, eta.value_s) {
        (EtaVerdict::Known, Some(value)) => time_left(value),
        (EtaVerdict::Never, _) => "never".to_owned(),
        (EtaVerdict::Done, _) => "done".to_owned(),
        (EtaVerdict::Known | EtaVerdict::NotKnownYet, _) => UNKNOWN.to_owned(),
    }
}

/// The number of members.
pub(super) fn members(group: &GroupView) -> String {
    known(group.as_of.map(|_| group.members.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_a_question_mark_and_bounds_are_marked() {
        assert_eq!((count(None), count(Some(-1204)), part(None)), ("?".into(), "-1,204".into(), "?".into()));
        let lag = LagTotals { total: Some(1000), unknown_partitions: 1, ..LagTotals::default() };
        assert_eq!(total_lag(&lag), "≥1,000");
        let range = Some(SecondsRange { value: 2.0, low: 1.0, high: 3.0 });
        assert_eq!(age(range, Some(TimeExactness::AtLeast)), "≥2 s");
        assert_eq!(age(range, Some(TimeExactness::Bracket)), "~2 s");
        assert_eq!((age(None, None), eta(&EtaView::default())), ("?".into(), "?".into()));
        assert_eq!(eta(&EtaView { verdict: EtaVerdict::Done, ..EtaView::default() }), "done");
        assert_eq!(name(Some("a\u{1b}b")), "a\\u{1b}b");
    }
}
