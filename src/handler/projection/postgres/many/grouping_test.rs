//! Whatever is grouped, what each statement sees is what it would see one after the other.

use std::{cell::Cell, collections::BTreeMap};

use proptest::prelude::*;
use tokio_postgres::types::Type;

use super::{
    super::{
        super::batch::{Batch, BoundRecord, Step, Value},
        call::Call,
        todo::Entry,
    },
    Many, Order,
    fold::{Fit, Fold},
    grouping::{Piece, Row, grouped},
};

fn many(table: u32, order: Order, fold: Option<Fold>) -> Many {
    let call = Call::Text("".into(), Vec::new().into());
    let (has_foreign_keys, numbers_rows, is_off) = (false, false, Cell::new(false));
    Many { call, elements: Vec::new(), table, has_foreign_keys, numbers_rows, order, fold, is_off }
}

/// The statements of the tests: 0 knows no order but that of its keys, 1 keeps all rows in order, 2 puts rows of a key into one,
/// 3 is of another form and sees everything, 4 shares the table of 0.
fn statements() -> Vec<Option<Many>> {
    let fit = |parameter, kind| Fit::new(parameter, kind, None, true);
    let last = Fold::Last(vec![fit(0, Type::TEXT), fit(1, Type::INT4)]);
    vec![
        Some(many(1, Order::Keys(vec![0]), None)),
        Some(many(2, Order::RowsApart(vec![0]), None)),
        Some(many(3, Order::Keys(vec![0]), Some(last))),
        None,
        Some(many(1, Order::Rows, None)),
    ]
}

/// A record has statements, each with a key and a number; a number that is too large for its type cannot be left out.
fn batch(records: &[Vec<(usize, u8, i64)>]) -> (Batch, Vec<Entry>) {
    let mut batch = Batch::default();
    for (at, steps) in records.iter().enumerate() {
        let first = batch.steps.len();
        for (statement, key, number) in steps {
            let start = batch.values.len();
            let key = batch.keep_text(&format!("k{key}"));
            batch.values.extend([key, Value::Integer(*number)]);
            batch.steps.push(Step { statement: *statement, values: start..batch.values.len() });
        }
        let steps = first..batch.steps.len();
        batch.records.push(BoundRecord { partition: 0, offset: i64::try_from(at).unwrap(), fingerprint: 0, steps });
    }
    batch.runs.push(0..records.len());
    let entries = (0..records.len()).map(|record| Entry { run: 0, record }).collect();
    (batch, entries)
}

/// What tables hold: by table and key, the rows that came, each as statement and number.
#[derive(Clone, Debug, Default, PartialEq)]
struct Tables {
    rows: BTreeMap<(u32, String), Vec<(usize, i64)>>,
    /// All rows of the table that keeps its order.
    ordered: Vec<(String, i64)>,
    /// How many records there were for each statement.
    records: BTreeMap<usize, u32>,
    /// What statements of another form saw.
    seen: Vec<String>,
}

impl Tables {
    fn apply(&mut self, batch: &Batch, all: &[Option<Many>], step: &Step, records: u32) {
        let [Value::Text(key), Value::Integer(number)] = batch.values(step) else { panic!("{step:?}") };
        let key = batch.text(key).to_owned();
        *self.records.entry(step.statement).or_default() += records;
        let Some(many) = &all[step.statement] else {
            let seen = format!("{:?} {:?}", self.rows, self.ordered);
            self.seen.push(seen);
            return;
        };
        if step.statement == 1 {
            self.ordered.push((key.clone(), *number));
        }
        let row = self.rows.entry((many.table, key)).or_default();
        if many.fold.is_some() {
            row.clear();
        }
        row.push((step.statement, *number));
    }
}

proptest! {
    #[test]
    fn each_statement_sees_what_it_would_see_one_after_the_other(
        records in prop::collection::vec(
            prop::collection::vec(
                (prop::sample::select(vec![0, 0, 0, 1, 2, 2, 3, 4]), 0_u8..4, prop::sample::select(vec![1, 2, 3, 1 << 40])), 0..3,
            ),
            0..30,
        )
    ) {
        let all = statements();
        let (batch, entries) = batch(&records);
        let mut expected = Tables::default();
        let steps = || batch.records.iter().flat_map(|record| batch.steps(record));
        steps().for_each(|step| expected.apply(&batch, &all, step, 1));
        let mut found = Tables::default();
        let pieces = grouped(&batch, &entries, |statement| all[statement].as_ref());
        for piece in pieces {
            match piece {
                Piece::One(_, row) => found.apply(&batch, &all, row.step, row.records),
                Piece::Group(group) => {
                    let mut keys: Vec<_> = group.rows.iter().map(|row| format!("{:?}", key(&batch, row))).collect();
                    keys.sort_unstable();
                    keys.dedup();
                    let is_apart = !matches!(all[group.statement].as_ref().unwrap().order, Order::Rows);
                    prop_assert!(keys.len() == group.rows.len() || !is_apart, "a key twice");
                    group.rows.iter().for_each(|row| found.apply(&batch, &all, row.step, row.records));
                }
            }
        }
        prop_assert_eq!(found, expected);
    }
}

fn key<'a>(batch: &'a Batch, row: &Row<'_>) -> &'a str {
    let [Value::Text(key), _] = batch.values(row.step) else { panic!() };
    batch.text(key)
}

#[test]
fn rows_of_a_key_become_one_where_none_can_fail() {
    let all = statements();
    let shape = |numbers: &[i64]| {
        let records: Vec<_> = numbers.iter().map(|number| vec![(2, 0, *number)]).collect();
        let (batch, entries) = batch(&records);
        let pieces = grouped(&batch, &entries, |statement| all[statement].as_ref());
        let row = |piece: &Piece<'_>| match piece {
            Piece::One(_, row) => vec![row.records],
            Piece::Group(group) => group.rows.iter().map(|row| row.records).collect(),
        };
        pieces.iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(shape(&[1, 2, 3]), [[3]]);
    assert_eq!(shape(&[1, 1 << 40, 3, 4]), [[2], [2]], "what may fail is sent");
    assert_eq!(shape(&[1, 1 << 40]), [[2]], "the last one is always sent");
}
