//! The columns of the comparison.

use std::borrow::Cow;

use crate::{
    number::{self, Forms},
    state::{Compared, DigestMatch},
    symbol,
    table::{Cell, Column, Kind, TableRow, Value, Width},
    text::{self, DIGEST_CELLS, clean},
    theme::Role,
};

/// A finished run with its place in the session.
#[derive(Clone, Debug)]
pub(super) struct CompareRow<'a> {
    /// The place, from 1.
    pub(super) number: u64,
    /// The run, compared with the base.
    pub(super) compared: Compared<'a>,
}

const BASE: Role = |theme| theme.popup;
const STRONG: Role = |theme| theme.strong;
const MUTED: Role = |theme| theme.muted;
/// Cells of the longest word about a digest.
const DIGEST_WORD_CELLS: u16 = 10;

impl TableRow for CompareRow<'_> {
    type Key = u64;

    fn columns() -> Vec<Column<Self>> {
        let state = |row: &Self| {
            let (sign, role) = symbol::run_role(row.compared.run.state);
            Cell::name(format!("{sign} {}", row.compared.run.state), role)
        };
        vec![
            Column::new("run", "run", Width::fixed(3), |row: &Self| {
                Cell::number(Forms::of(row.number.to_string()), MUTED)
            })
            .right()
            .value(Kind::Count, |row| Value::Count(row.number)),
            Column::new("state", "state", Width::fixed(11), state)
                .value(Kind::State, |row| Value::text(row.compared.run.state.to_string())),
            Column::new("ordering", "ordering", Width::fixed(9), |row: &Self| {
                Cell::name(row.compared.run.ordering.to_string(), BASE)
            })
            .value(Kind::State, |row| Value::text(row.compared.run.ordering.to_string())),
            Column::new("workers", "workers", Width::fixed(7), workers)
                .right()
                .value(Kind::Count, |row| Value::Count(row.compared.run.concurrency.into())),
            Column::new("handled", "handled", Width::fixed(10), |row: &Self| {
                Cell::number(number::counts(row.compared.run.handled), BASE)
            })
            .right()
            .value(Kind::Count, |row| Value::Count(row.compared.run.handled)),
            Column::new("time", "time", Width::fixed(8), |row: &Self| {
                Cell::number(number::exact_times(row.compared.run.handling_s), STRONG)
            })
            .right()
            .value(Kind::Duration, |row| Value::number(Some(row.compared.run.handling_s))),
            Column::new("rate", "records/s", Width::fixed(9), |row: &Self| {
                Cell::number(number::rates(row.compared.run.records_per_s), BASE)
            })
            .right()
            .value(Kind::Rate, |row| Value::number(Some(row.compared.run.records_per_s))),
            Column::new("speed_up", "speed-up", Width::fixed(8), speed_up)
                .right()
                .value(Kind::Count, |row| Value::number(row.compared.speed_up)),
            Column::new("efficiency", "efficiency", Width::fixed(10), efficiency)
                .right()
                .value(Kind::Share, |row| Value::number(row.compared.run.efficiency)),
            Column::new("limit", "limit", Width::fixed(9), |row: &Self| {
                Cell::name(row.compared.run.limit.map_or("–".to_owned(), |limit| limit.to_string()), BASE)
            })
            .value(Kind::State, |row| {
                row.compared.run.limit.map_or(Value::Unknown, |limit| Value::text(limit.to_string()))
            }),
            Column::new("digest", "digest", Width::share(DIGEST_WORD_CELLS), digest)
                .value(Kind::Text, |row| Value::text(&row.compared.run.digest)),
        ]
    }

    fn key(&self) -> &u64 {
        &self.number
    }

    fn words(&self) -> Vec<Cow<'_, str>> {
        let run = self.compared.run;
        vec![run.id.as_str().into(), run.state.to_string().into(), run.digest.as_str().into()]
    }
}

/// The widths of the columns that are not hidden, except that of the digest, which gets the rest.
pub(super) fn fixed_widths(hidden: &[&str]) -> impl Iterator<Item = u16> {
    let is_fixed = |column: &Column<CompareRow<'_>>| column.id != "digest" && !hidden.contains(&column.id);
    CompareRow::columns().into_iter().filter(is_fixed).map(|column| column.width.min)
}

fn workers(row: &CompareRow<'_>) -> Cell {
    let run = row.compared.run;
    let changed = if run.concurrency_changed { "*" } else { "" };
    Cell::number(Forms::of(format!("{}{changed}", run.concurrency)), STRONG)
}

fn speed_up(row: &CompareRow<'_>) -> Cell {
    let text = match row.compared.speed_up {
        None => "–".to_owned(),
        Some(times) if times < 1000.0 => format!("{times:.2} ×"),
        Some(times) => format!("{} ×", number::rates(times).fit(6)),
    };
    Cell::number(Forms::of(text), STRONG)
}

fn efficiency(row: &CompareRow<'_>) -> Cell {
    let share = row.compared.run.efficiency;
    let text = share.map_or("–".to_owned(), |share| format!("{} %", number::rates(share * 100.0).fit(7)));
    Cell::number(Forms::of(text), BASE)
}

/// The beginning of the digest if there is room, and how it relates to that of the base.
fn digest(row: &CompareRow<'_>) -> Cell {
    let (words, role): (&str, Role) = match row.compared.digest {
        DigestMatch::Base => ("base", MUTED),
        DigestMatch::Same => ("✓ equal", |theme| theme.good),
        DigestMatch::Differs => ("✗ DIFFERS", |theme| theme.bad),
        DigestMatch::Unordered => ("no order", |theme| theme.notice),
        DigestMatch::Unknown => ("incomplete", MUTED),
    };
    let digest = clean(&row.compared.run.digest);
    let long = format!("{} {words}", text::head(&digest, DIGEST_CELLS));
    Cell::number(Forms::of(long.trim_start()).or(Forms::of(words)), role)
}
