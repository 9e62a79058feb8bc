//! The columns of the table of watched groups.

use std::borrow::Cow;

use kreplay_model::watch::{GroupView, Reason};

use crate::{
    number::{self, Forms},
    symbol,
    table::{Cell, Column, Kind, TableRow, Value, Width},
    text::{clean, width},
    theme::Role,
};

/// A watched group.
#[derive(Clone, Copy, Debug)]
pub struct GroupRow<'a> {
    /// The group.
    pub group: &'a GroupView,
}

const BASE: Role = |theme| theme.popup;
const MUTED: Role = |theme| theme.muted;
/// Width of the names while other columns need room.
const MAX_NAME_CELLS: u16 = 40;
/// Minimum useful width of the group. Other columns disappear in favour of it.
const USEFUL_GROUP_CELLS: u16 = 14;
/// The width of the longest kind of verdict. A text for which there is no room is replaced by its kind, and never cut.
const MAX_VERDICT_CELLS: u16 = 17;
const RATE: Width = Width::fixed(7);
const TIME: Width = Width::fixed(6);

impl TableRow for GroupRow<'_> {
    type Key = String;

    fn columns() -> Vec<Column<Self>> {
        let mut columns = vec![Self::sign(), Self::name(), Self::kind(), Self::state(), Self::members(), Self::lag()];
        columns.extend([Self::trend(), Self::age(), Self::eta(), Self::deadline(), Self::rate_in(), Self::rate_out()]);
        columns.extend([Self::rebalances(), Self::coordinator(), Self::verdict()]);
        columns
    }

    fn key(&self) -> &String {
        &self.group.group
    }

    fn words(&self) -> Vec<Cow<'_, str>> {
        let GroupView { group, r#type, state, verdict, .. } = self.group;
        let state = state.as_ref().map_or("", |state| state.as_str());
        vec![group.as_str().into(), r#type.to_string().into(), state.into(), verdict.text.as_str().into()]
    }
}

impl GroupRow<'_> {
    fn sign() -> Column<Self> {
        let sign = |row: &Self| {
            let (sign, role) = symbol::verdict(&row.group.verdict);
            Cell::name(sign, role)
        };
        Column::new("sign", "", Width::fixed(1), sign).joins_next().sorts_by("verdict")
    }

    fn name() -> Column<Self> {
        let width_rule =
            Width::natural(5, MAX_NAME_CELLS).starting_with(USEFUL_GROUP_CELLS).shrinking_to(5).growing_to(u16::MAX);
        Column::new("group", "group", width_rule, |row: &Self| Cell::name(clean(&row.group.group), BASE))
            .measured(|row| width(&clean(&row.group.group)))
            .value(Kind::Text, |row| Value::text(&row.group.group))
    }

    fn kind() -> Column<Self> {
        Column::new("type", "type", Width::fixed(8), |row: &Self| Cell::name(row.group.r#type.to_string(), MUTED))
            .disappears(7)
            .value(Kind::State, |row| Value::text(row.group.r#type.to_string()))
    }

    fn state() -> Column<Self> {
        let state = |row: &Self| match &row.group.state {
            Some(state) => Cell::name(clean(state.as_str()), BASE),
            None => row.unknown(),
        };
        Column::new("state", "state", Width::natural(8, 19).starting_with(8), state)
            .disappears(8)
            .measured(|row| row.group.state.as_ref().map_or(1, |state| width(&clean(state.as_str()))))
            .value(Kind::State, |row| match &row.group.state {
                Some(state) => Value::text(state.as_str()),
                None => Value::Unknown,
            })
    }

    fn members() -> Column<Self> {
        let members = |row: &Self| match row.member_count() {
            Some(count) => Cell::number(number::counts(count), BASE),
            None => row.unknown(),
        };
        Column::new("members", "memb", Width::natural(4, 7).starting_with(4), members)
            .right()
            .disappears(9)
            .measured(|row| row.member_count().map_or(1, number::count_cells))
            .value(Kind::Count, |row| Value::count(row.member_count()))
            .largest_first()
    }

    fn lag() -> Column<Self> {
        let lag = |row: &Self| match row.group.lag.total {
            // A partial sum is marked, so that it is not mistaken for the whole.
            Some(lag) if row.group.lag.unknown_partitions > 0 => Cell::number(number::lags(lag).with("+"), BASE),
            Some(lag) => Cell::number(number::lags(lag), BASE),
            None => row.unknown(),
        };
        Column::new("lag", "lag", Width::natural(7, 26).starting_with(7), lag)
            .right()
            .measured(|row| row.group.lag.total.map_or(1, |lag| number::count_cells(lag.unsigned_abs()) + 1))
            .value(Kind::Count, |row| signed(row.group.lag.total))
            .largest_first()
    }

    fn trend() -> Column<Self> {
        let trend = |row: &Self| {
            let (sign, role) = symbol::trend(row.group.trend);
            Cell::name(sign, role)
        };
        Column::new("trend", "", Width::fixed(1), trend)
            .value(Kind::State, |row| Value::text(symbol::trend_word(row.group.trend)))
            .unsorted()
    }

    fn age() -> Column<Self> {
        let age = |row: &Self| match row.group.age_s {
            Some(age) => Cell::number(number::ages(age, row.group.age_exactness), BASE),
            None if row.group.lag.total == Some(0) => Cell::number(Forms::of("–"), MUTED),
            None => row.unknown(),
        };
        Column::new("age", "age", Width::natural(6, 8).starting_with(6), age)
            .right()
            .disappears(6)
            .value(Kind::Duration, |row| Value::number(row.group.age_s.map(|age| age.value)))
            .largest_first()
    }

    fn eta() -> Column<Self> {
        let eta = |row: &Self| Cell::number(number::etas(&row.group.eta), BASE);
        Column::new("eta", "ETA", TIME, eta)
            .right()
            .value(Kind::Duration, |row| Value::number(row.group.eta.value_s))
            .largest_first()
    }

    fn deadline() -> Column<Self> {
        let deadline = |row: &Self| match row.group.deadline_s {
            Some(left) => Cell::number(number::times(left), BASE),
            None => Cell::number(Forms::of("–"), MUTED),
        };
        Column::new("deadline", "deadline", Width::fixed(8), deadline)
            .right()
            .disappears(5)
            .value(Kind::Duration, |row| Value::number(row.group.deadline_s))
    }

    fn rate_in() -> Column<Self> {
        Column::new("in", "in/s", RATE, |row: &Self| row.rate(row.group.rates.in_per_s))
            .right()
            .disappears(4)
            .value(Kind::Rate, |row| Value::number(row.group.rates.in_per_s))
            .largest_first()
    }

    fn rate_out() -> Column<Self> {
        Column::new("out", "out/s", RATE, |row: &Self| row.rate(row.group.rates.out_per_s))
            .right()
            .disappears(3)
            .value(Kind::Rate, |row| Value::number(row.group.rates.out_per_s))
            .largest_first()
    }

    fn rebalances() -> Column<Self> {
        let count = |row: &Self| {
            let view = &row.group.rebalances;
            let forms = number::counts(view.count);
            Cell::number(if view.exact || view.count == 0 { forms } else { forms.after("≥") }, BASE)
        };
        Column::new("rebalances", "rebal", Width::fixed(5), count)
            .right()
            .disappears(2)
            .value(Kind::Count, |row| Value::Count(row.group.rebalances.count))
            .largest_first()
    }

    fn coordinator() -> Column<Self> {
        let broker = |row: &Self| match row.group.coordinator {
            Some(id) => Cell::number(Forms::of(id.to_string()), MUTED),
            None => row.unknown(),
        };
        Column::new("coordinator", "coord", Width::fixed(5), broker)
            .right()
            .disappears(1)
            .value(Kind::Count, |row| signed(row.group.coordinator.map(i64::from)))
    }

    fn verdict() -> Column<Self> {
        let width_rule = Width::natural(8, MAX_NAME_CELLS).starting_with(MAX_VERDICT_CELLS);
        let verdict = |row: &Self| {
            let (_, role) = symbol::verdict(&row.group.verdict);
            let kind = Forms::of(row.group.verdict.kind.to_string());
            Cell::number(Forms::of(clean(&row.group.verdict.text)).or(kind), role)
        };
        Column::new("verdict", "verdict", width_rule, verdict)
            .measured(|row| width(&clean(&row.group.verdict.text)).max(width(&row.group.verdict.kind.to_string())))
            .value(Kind::State, |row| Value::text(row.group.verdict.kind.to_string()))
            .compared(|a, b| a.group.verdict.kind.cmp(&b.group.verdict.kind))
    }

    /// The number of members; `None` if the group was not described.
    fn member_count(self) -> Option<u64> {
        self.group.as_of.map(|_| self.group.members.len() as u64)
    }

    fn rate(self, rate: Option<f64>) -> Cell {
        rate.map_or_else(|| self.unknown(), |rate| Cell::number(number::rates(rate), BASE))
    }

    /// The cell of a figure that is not known. A figure that was not requested yet is on its way.
    fn unknown(self) -> Cell {
        let is_on_its_way = self.group.why_unknown == Some(Reason::NotAsked);
        Cell::number(Forms::of(if is_on_its_way { "…" } else { "?" }), MUTED)
    }
}

/// The value of a number that may be negative.
#[allow(clippy::cast_precision_loss, reason = "negative numbers are rare, and only sorted and compared")]
pub(super) fn signed<'a>(number: Option<i64>) -> Value<'a> {
    match number.map(|number| (number, u64::try_from(number))) {
        Some((_, Ok(count))) => Value::Count(count),
        Some((negative, Err(_))) => Value::Number(negative as f64),
        None => Value::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::watch::VerdictKind;

    use super::*;

    #[test]
    fn every_kind_of_verdict_fits() {
        // The longest names.
        for kind in [VerdictKind::WillLose, VerdictKind::MayLose, VerdictKind::OrphanPartition] {
            assert!(width(&kind.to_string()) <= MAX_VERDICT_CELLS.into(), "{kind}");
        }
    }
}
