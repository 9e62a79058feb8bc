//! What records would do to a projection, without its target.
//!
//! For definitions in SQLite's SQL the records are applied to a scratch database of the same schema, and the effects are the
//! rows that change there (`scratch`, `watch`): two definitions do the same where their rows do, however their SQL is written.
//! PostgreSQL's SQL runs nowhere else, so there an effect is a statement with its values.

#[cfg(test)]
mod preview_test;
mod scratch;
mod watch;

use std::{fmt::Write, sync::Arc};

pub(super) use scratch::Scratch;

use super::{
    batch::{Batch, Value},
    bind::Binder,
    definition::Definition,
    statement::Dialect,
};
use crate::{
    domain::Record,
    handler::{HandlerError, Preview, PreviewedEffect},
};

/// The preview of a definition.
///
/// # Errors
/// Its schema or its statements are wrong.
pub(super) fn preview(definition: &Arc<Definition>, binder: Binder) -> Result<Box<dyn Preview>, HandlerError> {
    let scratch = match definition.target.dialect() {
        Dialect::Sqlite => Some(Scratch::open(definition)?),
        Dialect::Postgres => None,
    };
    Ok(Box::new(ProjectionPreview { definition: Arc::clone(definition), binder, scratch }))
}

struct ProjectionPreview {
    definition: Arc<Definition>,
    binder: Binder,
    scratch: Option<Scratch>,
}

impl Preview for ProjectionPreview {
    fn keeps_state(&self) -> bool {
        self.scratch.is_some()
    }

    fn preview(&mut self, record: &Record, effects: &mut Vec<PreviewedEffect>) -> Result<(), String> {
        let mut batch = Batch::default();
        self.binder.bind(record, &mut batch).map_err(|error| error.to_string())?;
        if let Some(scratch) = &mut self.scratch {
            return scratch.apply(&batch, effects);
        }
        effects.extend(statements(&self.definition, &batch));
        Ok(())
    }
}

/// The statements of a batch with their values in the place of their parameters.
fn statements<'a>(definition: &'a Definition, batch: &'a Batch) -> impl Iterator<Item = PreviewedEffect> + 'a {
    batch.steps.iter().filter_map(|step| {
        let statement = definition.statements.get(step.statement)?;
        let values = batch.values(step);
        let text =
            statement.render(|index, _| values.get(index).map_or_else(String::new, |value| literal(batch, value)));
        let what = format!("statement {}", statement.table().unwrap_or("other"));
        Some(PreviewedEffect { what, content: text.into_bytes() })
    })
}

fn literal(batch: &Batch, value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::Bool(value) => value.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("{number:?}"),
        Value::Text(range) | Value::Json(range) => format!("'{}'", batch.text(range).replace('\'', "''")),
        Value::Bytes(range) => {
            let hex = batch.bytes(range).iter().fold("'\\x".to_owned(), |mut text, byte| {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
                text
            });
            hex + "'"
        }
    }
}
