//! A table for tests: groups with a state, a lag, and a latency.

use std::{borrow::Cow, cell::Cell as Counter};

use proptest::prelude::*;

use super::{
    cell::Cell,
    column::{Column, TableRow},
    value::{Kind, Value},
    width::Width,
};
use crate::number::{Forms, counts, latencies};

/// A group. It counts how often a cell of it was formatted.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) state: &'static str,
    pub(crate) lag: Option<u64>,
    pub(crate) p95_s: Option<f64>,
    pub(crate) formatted: Counter<usize>,
}

impl Group {
    /// A stable group without lag.
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), state: "stable", lag: Some(0), p95_s: None, formatted: Counter::new(0) }
    }
}

impl TableRow for Group {
    type Key = String;

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::<Self>::new("sign", "", Width::fixed(1), |_| Cell::name("►", |theme| theme.good)).joins_next(),
            Column::<Self>::new(
                "name",
                "group",
                Width::natural(5, 40).starting_with(16).shrinking_to(5).growing_to(u16::MAX),
                |row| {
                    row.formatted.set(row.formatted.get() + 1);
                    Cell::name(row.name.clone(), |theme| theme.base)
                },
            )
            .measured(|row| row.name.chars().count())
            .value(Kind::Text, |row| Value::text(&row.name)),
            Column::<Self>::new("state", "state", Width::fixed(8), |row| Cell::name(row.state, |theme| theme.base))
                .disappears(2)
                .value(Kind::State, |row| Value::text(row.state)),
            Column::<Self>::new("lag", "lag", Width::fixed(7), |row| {
                Cell::number(row.lag.map_or_else(|| Forms::of("?"), counts), |theme| theme.base)
            })
            .right()
            .value(Kind::Count, |row| Value::count(row.lag))
            .largest_first(),
            Column::<Self>::new("p95", "p95", Width::fixed(7), |row| {
                Cell::number(row.p95_s.map_or_else(|| Forms::of("?"), |p95| latencies(p95 * 1000.0)), |theme| {
                    theme.base
                })
            })
            .right()
            .disappears(1)
            .value(Kind::Duration, |row| Value::number(row.p95_s)),
        ]
    }

    fn key(&self) -> &String {
        &self.name
    }

    fn words(&self) -> Vec<Cow<'_, str>> {
        vec![self.name.as_str().into(), self.state.into()]
    }
}

/// From 1 to 40 groups with different names.
pub(crate) fn groups() -> impl Strategy<Value = Vec<Group>> {
    let group = (
        "[a-cA-C]{0,3}",
        prop::sample::select(vec!["stable", "empty", "failed"]),
        prop::option::of(0..5000_u64),
        prop::option::of(0.0..2.0_f64),
    );
    prop::collection::vec(group, 1..40).prop_map(|groups| {
        let numbered = groups.into_iter().enumerate();
        numbered
            .map(|(at, (name, state, lag, p95_s))| Group { state, lag, p95_s, ..Group::named(&format!("{name}-{at}")) })
            .collect()
    })
}
