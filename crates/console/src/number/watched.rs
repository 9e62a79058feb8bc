//! Figures of watched groups, some of which are negative, partial, or known only within bounds.

use kreplay_model::watch::{EtaVerdict, EtaView, SecondsRange, TimeExactness};

use super::{
    Forms, counts,
    forms::{estimates, estimates_at_least},
    times, times_left,
};

/// A lag. It is negative if a committed offset is beyond the end of the log.
pub(crate) fn lags(lag: i64) -> Forms {
    let forms = counts(lag.unsigned_abs());
    if lag < 0 { forms.after("-") } else { forms }
}

/// The age of a record: `3m 12s` exactly, `~3m 12s` within bounds, `≥3m 12s` at least. `0.0 s` if a producer's clock is
/// ahead.
pub(crate) fn ages(age: SecondsRange, exactness: Option<TimeExactness>) -> Forms {
    match exactness {
        Some(TimeExactness::Bracket) if age.low < age.high => estimates(age.value).after("~"),
        Some(TimeExactness::AtLeast) => estimates_at_least(age.value).after("≥"),
        _ => times(age.value),
    }
}

/// When a group will have caught up: a time, `never`, `done`, or `?` while it is not known.
pub(crate) fn etas(eta: &EtaView) -> Forms {
    match (eta.verdict, eta.value_s) {
        (EtaVerdict::Known, Some(value)) => times_left(value),
        (EtaVerdict::Never, _) => Forms::of("never"),
        (EtaVerdict::Done, _) => Forms::of("done"),
        (EtaVerdict::Known | EtaVerdict::NotKnownYet, _) => Forms::of("?"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_and_signs_are_part_of_the_figure() {
        assert_eq!(lags(-1_200).fit(10), "-1,200");
        assert_eq!(lags(i64::MIN).fit(5), "-9.2E");
        let between = SecondsRange { value: 192.0, low: 180.0, high: 200.0 };
        assert_eq!(ages(between, Some(TimeExactness::Bracket)).fit(10), "~3m 12s");
        assert_eq!(ages(SecondsRange::exact(192.0), Some(TimeExactness::Bracket)).fit(10), "3m 12s");
        assert_eq!(ages(between, Some(TimeExactness::AtLeast)).fit(4), "≥3m");
        assert_eq!(ages(between, Some(TimeExactness::Exact)).fit(6), "3m 12s");
    }

    #[test]
    fn an_eta_that_is_not_known_is_a_question_mark() {
        assert_eq!(etas(&EtaView::default()).fit(5), "?");
        let known = EtaView { value_s: Some(61.0), verdict: EtaVerdict::Known, ..EtaView::default() };
        assert_eq!(etas(&known).fit(6), "1m 01s");
        assert_eq!(etas(&EtaView { verdict: EtaVerdict::Never, ..EtaView::default() }).fit(5), "never");
    }
}
