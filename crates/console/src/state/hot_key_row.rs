//! The keys with the most records, and those in quarantine.

use std::borrow::Cow;

use kreplay_model::{
    domain::TopicPartition,
    feed::{Coverage, Estimate, Forecast, HeavyKey, HotKeyView, QuarantinedKey},
};

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
    /// What the run has counted; `None` if it is not among its heaviest keys.
    pub counted: Option<&'a HotKeyView>,
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
                    Value::text(match (row.quarantined, row.counted) {
                        (Some(_), _) => "quarantined",
                        (None, Some(_)) => "counted",
                        (None, None) => "planned",
                    })
                })
                .unsorted(),
            Column::new("key", "key", NAME, |row: &Self| Cell::name(clean(row.name), BASE))
                .measured(|row| width(&clean(row.name)))
                .value(Kind::Text, |row| Value::text(row.name.as_str())),
            Self::share(),
            Self::records(),
            Self::bounds(),
            Self::waiting(),
            Self::partition(),
        ]
    }

    fn key(&self) -> &String {
        self.name
    }

    fn words(&self) -> Vec<Cow<'_, str>> {
        vec![self.name.as_str().into()]
    }
}

impl<'a> HotKeyRow<'a> {
    fn of(
        name: &'a String,
        quarantined: Option<&'a QuarantinedKey>,
        counted: &'a [HotKeyView],
        planned: &'a [HeavyKey],
    ) -> Self {
        Self {
            counted: counted.iter().find(|key| key.key == *name),
            planned: planned.iter().find(|key| key.key == *name),
            quarantined,
            name,
        }
    }
}

impl HotKeyRow<'_> {
    /// The number of records: as counted, or else as planned.
    fn estimate(&self) -> Option<Estimate> {
        self.counted.map(|key| key.records).or(self.planned.map(|key| key.records))
    }

    fn share_of_records(&self) -> Option<f64> {
        self.counted.map(|key| key.share).or(self.planned.map(|key| key.share))
    }

    fn share() -> Column<Self> {
        let share = |row: &Self| {
            row.share_of_records()
                .map_or_else(|| Cell::name("", BASE), |share| Cell::progress(share, |theme| theme.bar, BASE))
        };
        Column::new("share", "share", Width::fixed(6).growing_to(16), share)
            .value(Kind::Share, |row| Value::number(row.share_of_records()))
            .largest_first()
    }

    /// The partition of the last record that was counted, or of the one that failed.
    fn place(&self) -> Option<&TopicPartition> {
        self.quarantined.map(|key| &key.partition).or(self.counted.and_then(|key| key.partition.as_ref()))
    }

    fn place_text(&self) -> String {
        self.place().map(ToString::to_string).unwrap_or_default()
    }

    fn partition() -> Column<Self> {
        let cell = |row: &Self| Cell::name(clean(&row.place_text()).into_owned(), |theme| theme.muted);
        Column::new("partition", "partition", Width::natural(9, 40), cell)
            .measured(|row| width(&clean(&row.place_text())))
            .value(Kind::Text, |row| Value::text(row.place_text()))
            .disappears(1)
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
        Column::new("bounds", "from–to", Width::fixed(19), bounds).right().disappears(2)
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

    /// The keys in quarantine, the oldest first, after them the heaviest other keys that the run has counted or, before
    /// it has counted any, that the plan has found.
    #[must_use]
    pub fn hot_key_rows(&self) -> Vec<HotKeyRow<'_>> {
        let counted: &[HotKeyView] = self.run().map_or(&[], |run| &run.hot_keys.keys);
        let planned: &[HeavyKey] = self.plan_of_run().map_or(&[], |plan| &plan.keys.heaviest);
        let quarantined = self.feed.quarantined();
        let waiting = quarantined.iter().map(|key| HotKeyRow::of(&key.key, Some(key), counted, planned));
        let names: Vec<&String> = if counted.is_empty() {
            planned.iter().map(|key| &key.key).collect()
        } else {
            counted.iter().map(|key| &key.key).collect()
        };
        let others = names.into_iter().filter(|name| quarantined.iter().all(|waits| waits.key != **name));
        waiting.chain(others.map(|name| HotKeyRow::of(name, None, counted, planned))).collect()
    }

    /// The keys that pass the filter, in table order.
    #[must_use]
    pub fn shown_hot_keys(&self, rows: &[HotKeyRow<'_>]) -> Arranged {
        arrange(&self.user.hot_keys, rows)
    }
}
