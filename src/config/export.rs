//! Values of `[export]`: ages, names and columns of files.

use std::time::Duration;

use kreplay_handlers::{Column, ColumnError, NameError, NamePattern};

use super::{input::Input, kind::Kind};

/// The age at which a file is complete; `None` for `off`.
pub(super) fn file_age(input: &Input, allowed: &Kind) -> Result<Option<Duration>, String> {
    if input.text() == Ok("off") { Ok(None) } else { input.duration(&allowed.durations()).map(Some) }
}

pub(super) fn file_name(input: &Input) -> Result<NamePattern, String> {
    input.text()?.parse().map_err(|error: NameError| error.to_string())
}

pub(super) fn columns(input: &Input) -> Result<Vec<Column>, String> {
    let columns = input.list()?.iter().map(|column| column.parse()).collect::<Result<Vec<Column>, ColumnError>>();
    let columns = columns.map_err(|error| error.to_string())?;
    if columns.is_empty() { Err("the list is empty".into()) } else { Ok(columns) }
}
