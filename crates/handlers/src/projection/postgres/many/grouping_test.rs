//! Grouping must preserve what each statement would see if the statements were executed one by one.

use std::{cell::Cell, collections::BTreeMap};

use proptest::prelude::*;
use tokio_postgres::types::Type;

use super::{
    super::{
        super::batch::{Batch, BoundRecord, BoundStatement, Value},
        call::ServerStatement,
        pending::PendingRecord,
    },
    MultiRowInsert, RowOrder,
    fold::{Fold, ValueConstraint},
    grouping::{BatchRow, StatementRequest, group_statements},
};

fn multi_row_insert(table: u32, order: RowOrder, fold: Option<Fold>) -> MultiRowInsert {
    let statement = ServerStatement::Text("".into(), Vec::new().into());
    let (has_foreign_keys, numbers_rows, is_disabled) = (false, false, Cell::new(false));
    MultiRowInsert { statement, elements: Vec::new(), table, has_foreign_keys, numbers_rows, order, fold, is_disabled }
}

/// The statements of the tests: 0 keeps the order per key, 1 keeps all rows in order, 2 merges rows of a key, 3 has no
/// multi-row form and sees everything, 4 has the same table as 0.
fn statements() -> Vec<Option<MultiRowInsert>> {
    let constraint = |parameter, kind| ValueConstraint::new(parameter, kind, None, true);
    let last = Fold::Last(vec![constraint(0, Type::TEXT), constraint(1, Type::INT4)]);
    vec![
        Some(multi_row_insert(1, RowOrder::PerKey(vec![0]), None)),
        Some(multi_row_insert(2, RowOrder::InOrderUniqueKeys(vec![0]), None)),
        Some(multi_row_insert(3, RowOrder::PerKey(vec![0]), Some(last))),
        None,
        Some(multi_row_insert(1, RowOrder::InOrder, None)),
    ]
}

/// A batch of records with statements, each with a key and a number. A record whose number exceeds its type may fail,
/// so it is not merged.
fn batch(records: &[Vec<(usize, u8, i64)>]) -> (Batch, Vec<PendingRecord>) {
    let mut batch = Batch::default();
    for (at, statements) in records.iter().enumerate() {
        let first = batch.statements.len();
        for (statement, key, number) in statements {
            let start = batch.values.len();
            let key = batch.keep_text(&format!("k{key}"));
            batch.values.extend([key, Value::Integer(*number)]);
            batch.statements.push(BoundStatement { index: *statement, values: start..batch.values.len() });
        }
        let statements = first..batch.statements.len();
        batch.records.push(BoundRecord {
            partition: 0,
            offset: i64::try_from(at).unwrap(),
            fingerprint: 0,
            statements,
        });
    }
    batch.runs.push(0..records.len());
    let entries = (0..records.len()).map(|record| PendingRecord { run: 0, record }).collect();
    (batch, entries)
}

/// The contents of the tables.
#[derive(Clone, Debug, Default, PartialEq)]
struct Tables {
    /// By table and key: the inserted rows, each with its statement and number.
    rows: BTreeMap<(u32, String), Vec<(usize, i64)>>,
    /// All rows of the statement that keeps its rows in order.
    ordered: Vec<(String, i64)>,
    /// By statement: the number of records.
    records: BTreeMap<usize, u32>,
    /// The contents seen by the statements without a multi-row form.
    seen: Vec<String>,
}

impl Tables {
    fn apply(&mut self, batch: &Batch, all: &[Option<MultiRowInsert>], bound: &BoundStatement, records: u32) {
        let [Value::Text(key), Value::Integer(number)] = batch.values(bound) else { panic!("{bound:?}") };
        let key = batch.text(key).to_owned();
        *self.records.entry(bound.index).or_default() += records;
        let Some(multi_row_insert) = &all[bound.index] else {
            let seen = format!("{:?} {:?}", self.rows, self.ordered);
            self.seen.push(seen);
            return;
        };
        if bound.index == 1 {
            self.ordered.push((key.clone(), *number));
        }
        let row = self.rows.entry((multi_row_insert.table, key)).or_default();
        if multi_row_insert.fold.is_some() {
            row.clear();
        }
        row.push((bound.index, *number));
    }
}

proptest! {
    #[test]
    fn grouping_preserves_what_each_statement_sees(
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
        let statements = || batch.records.iter().flat_map(|record| batch.statements_of(record));
        statements().for_each(|bound| expected.apply(&batch, &all, bound, 1));
        let mut found = Tables::default();
        let requests = group_statements(&batch, &entries, |statement| all[statement].as_ref());
        for request in requests {
            match request {
                StatementRequest::Single(_, row) => found.apply(&batch, &all, row.statement, row.records),
                StatementRequest::Group(group) => {
                    let mut keys: Vec<_> = group.rows.iter().map(|row| format!("{:?}", key(&batch, row))).collect();
                    keys.sort_unstable();
                    keys.dedup();
                    let has_unique_keys = !matches!(all[group.statement].as_ref().unwrap().order, RowOrder::InOrder);
                    prop_assert!(keys.len() == group.rows.len() || !has_unique_keys, "a key occurs twice in a group");
                    group.rows.iter().for_each(|row| found.apply(&batch, &all, row.statement, row.records));
                }
            }
        }
        prop_assert_eq!(found, expected);
    }
}

fn key<'a>(batch: &'a Batch, row: &BatchRow<'_>) -> &'a str {
    let [Value::Text(key), _] = batch.values(row.statement) else { panic!() };
    batch.text(key)
}

#[test]
fn rows_of_a_key_are_merged_if_no_record_can_fail() {
    let all = statements();
    let shape = |numbers: &[i64]| {
        let records: Vec<_> = numbers.iter().map(|number| vec![(2, 0, *number)]).collect();
        let (batch, entries) = batch(&records);
        let requests = group_statements(&batch, &entries, |statement| all[statement].as_ref());
        let row = |request: &StatementRequest<'_>| match request {
            StatementRequest::Single(_, row) => vec![row.records],
            StatementRequest::Group(group) => group.rows.iter().map(|row| row.records).collect(),
        };
        requests.iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(shape(&[1, 2, 3]), [[3]]);
    assert_eq!(shape(&[1, 1 << 40, 3, 4]), [[2], [2]], "a record that may fail is sent");
    assert_eq!(shape(&[1, 1 << 40]), [[2]], "the last record is always sent");
}
