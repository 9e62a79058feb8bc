//! The columns of the quarantine window.

use std::borrow::Cow;

use kreplay_model::feed::QuarantinedKey;

use crate::{
    number::{self, Forms},
    table::{Cell, Column, Kind, TableRow, Value, Width},
    text::{clean, width},
    theme::Role,
};

/// Minimum width of the key column.
const MIN_KEY_CELLS: u16 = 12;
const MIN_PLACE_CELLS: u16 = 9;
const NUMBER_CELLS: u16 = 8;
const BASE: Role = |theme| theme.popup;

impl TableRow for QuarantinedKey {
    type Key = u64;

    /// The key gets the remaining width; if that is too little, the place shrinks, never the numbers.
    fn columns() -> Vec<Column<Self>> {
        let waits = |key: &Self| {
            let forms =
                if key.for_s < 59.5 { Forms::of(format!("{:.0} s", key.for_s)) } else { number::times(key.for_s) };
            Cell::number(forms, BASE)
        };
        let failed_at = |key: &Self| Cell::name_with(clean(&key.partition.to_string()), offset(key), BASE);
        vec![
            Column::new("key", "key", Width::share(MIN_KEY_CELLS), |key: &Self| Cell::name(clean(&key.key), BASE))
                .value(Kind::Text, |key| Value::text(&key.key)),
            Column::new("records", "records", Width::fixed(NUMBER_CELLS), |key: &Self| {
                Cell::number(number::counts(key.records), BASE)
            })
            .right()
            .value(Kind::Count, |key| Value::Count(key.records)),
            Column::new("waits", "waits", Width::fixed(NUMBER_CELLS), waits)
                .right()
                .value(Kind::Duration, |key| Value::number(Some(key.for_s))),
            Column::new(
                "failed_at",
                "failed at",
                Width::natural(MIN_PLACE_CELLS, u16::MAX).shrinking_to(MIN_PLACE_CELLS),
                failed_at,
            )
            .measured(|key| width(&clean(&key.partition.to_string())) + offset(key).len())
            .value(Kind::Text, |key| Value::text(format!("{}{}", key.partition, offset(key)))),
        ]
    }

    fn key(&self) -> &u64 {
        &self.hash
    }

    fn words(&self) -> Vec<Cow<'_, str>> {
        vec![self.key.as_str().into(), self.partition.to_string().into(), self.error.as_str().into()]
    }
}

/// The end of the place, which is never shortened.
fn offset(key: &QuarantinedKey) -> String {
    format!(" at {}", key.offset)
}
