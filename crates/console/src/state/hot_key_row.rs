//! The keys with the most records, and those in quarantine.

use std::borrow::Cow;

use kreplay_model::feed::{Coverage, Estimate, Forecast, HeavyKey, QuarantinedKey};

use super::State;
use crate::{
    number::{self, Forms},
    table::{Arranged, Cell, Column, Kind, TableRow, Value, Width, arrange},
    text::{clean, width},
    theme::Role,
};

/// A key that deserves attention.
#[derive(Clone, Copy, Debug)]
pub struct HotKeyRow<'a> {
    /// What the plan says about it; `None` if it is not among the heaviest keys of the plan.
    pub planned: Option<&'a HeavyKey>,
    /// The key in quarantine; `None` if it is not.
    pub quarantined: Option<&'a QuarantinedKey>,
    /// The text of the key. External data: screens must escape it.
    pub name: &'a String,
}

/// Keys get room before bars do.
const NAME: Width = Width::natural(5, 60).starting_with(24).shrinking_to(5).growing_to(u16::MAX);
const BASE: Role = |theme| theme.popup;

impl TableRow for HotKeyRow<'_> {
    type Key = String;

    fn columns() -> Vec<Column<Self>> {
        let state = |row: &Self| match row.quarantined {
            Some(_) => Cell::name("‖", |theme| theme.warning),
            None => Cell::name("", BASE),
        };
        vec![
            Column::new("state", "", Width::fixed(1), state)
                .value(Kind::State, |row| {
                    Value::text(if row.quarantined.is_some() { "quarantined" } else { "planned" })
                })
                .unsorted(),
            Column::new("key", "key", NAME, |row: &Self| Cell::name(clean(row.name), BASE))
                .measured(|row| width(&clean(row.name)))
                .value(Kind::Text, |row| Value::text(row.name.as_str())),
            Self::share(),
            Self::records(),
            Self::bounds(),
            Self::waiting(),
        ]
    }

    fn key(&self) -> &String {
        self.name
    }

    fn words(&self) -> Vec<Cow<'_, str>> {
        vec![self.name.as_str().into()]
    }
}

impl HotKeyRow<'_> {
    fn estimate(&self) -> Option<Estimate> {
        self.planned.map(|key| key.records)
    }

    fn share() -> Column<Self> {
        let share = |row: &Self| {
            row.planned.map_or_else(|| Cell::name("", BASE), |key| Cell::progress(key.share, |theme| theme.bar, BASE))
        };
        Column::new("share", "share", Width::fixed(6).growing_to(16), share)
            .value(Kind::Share, |row| Value::number(row.planned.map(|key| key.share)))
            .largest_first()
    }

    fn records() -> Column<Self> {
        let records = |row: &Self| {
            Cell::number(row.estimate().map_or_else(|| Forms::of(""), |estimate| number::counts(estimate.value)), BASE)
        };
        Column::new("records", "records", Width::fixed(11).shrinking_to(7), records)
            .right()
            .value(Kind::Count, |row| Value::count(row.estimate().map(|estimate| estimate.value)))
            .largest_first()
    }

    /// The bounds of an estimate from a sample.
    fn bounds() -> Column<Self> {
        let bounds = |row: &Self| {
            let text = match row.estimate() {
                None => String::new(),
                Some(estimate) if estimate.is_exact() => "exact".to_owned(),
                Some(Estimate { low, high, .. }) => format!("{}–{}", number::short(low), number::short(high)),
            };
            Cell::number(Forms::of(text), |theme| theme.muted)
        };
        Column::new("bounds", "from–to", Width::fixed(19), bounds).right().disappears(1)
    }

    fn waiting() -> Column<Self> {
        let waiting = |row: &Self| {
            let forms = row.quarantined.map_or_else(|| Forms::of(""), |key| number::counts(key.records));
            Cell::number(forms, |theme| theme.warning)
        };
        Column::new("waiting", "waiting", Width::fixed(9).shrinking_to(7), waiting)
            .right()
            .value(Kind::Count, |row| Value::count(row.quarantined.map(|key| key.records)))
            .largest_first()
    }
}

impl State {
    /// The plan of the topics that are replayed, or otherwise would be.
    fn plan_of_run(&self) -> Option<&Forecast> {
        let plan = self.feed.snapshot.planning.forecast.as_deref()?;
        self.run().is_none_or(|run| run.plan.topics == plan.topics).then_some(plan)
    }

    /// How much of the records the plan has read; `None` without a plan.
    #[must_use]
    pub fn coverage_of_keys(&self) -> Option<Coverage> {
        self.plan_of_run().map(|plan| plan.coverage)
    }

    /// The keys in quarantine, the oldest first, and after them the heaviest other keys of the plan.
    #[must_use]
    pub fn hot_key_rows(&self) -> Vec<HotKeyRow<'_>> {
        let planned: &[HeavyKey] = self.plan_of_run().map_or(&[], |plan| &plan.keys.heaviest);
        let quarantined = self.feed.quarantined();
        let of_plan = |name: &str| planned.iter().find(|key| key.key == name);
        let waiting = quarantined.iter().map(|key| HotKeyRow {
            planned: of_plan(&key.key),
            quarantined: Some(key),
            name: &key.key,
        });
        let others = planned.iter().filter(|key| quarantined.iter().all(|waits| waits.key != key.key));
        let others = others.map(|key| HotKeyRow { planned: Some(key), quarantined: None, name: &key.key });
        waiting.chain(others).collect()
    }

    /// The keys that pass the filter, in table order.
    #[must_use]
    pub fn shown_hot_keys(&self, rows: &[HotKeyRow<'_>]) -> Arranged {
        arrange(&self.user.hot_keys, rows)
    }
}
