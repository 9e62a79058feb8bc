//! The preview of a projection: the effects of records, without its target.
//!
//! For a definition in SQLite's SQL the records are applied to a scratch database with the same schema, and the effects
//! are the rows that change there (`scratch`, `change_capture`). Two definitions are thus compared by their rows, not
//! by their SQL. PostgreSQL's SQL cannot be executed elsewhere, so there an effect is a statement with its values.

mod change_capture;
mod deterministic_functions;
#[cfg(test)]
mod preview_test;
mod scratch;

use std::{fmt::Write, sync::Arc};

pub(super) use scratch::ScratchDatabase;

use kreplay_engine::decode::Undecodable;
use kreplay_model::domain::{Record, json::Number};

use super::{
    batch::{Batch, Value},
    bind::Binder,
    definition::Definition,
    statement::{Dialect, Statement},
};
use crate::{EffectForm, HandlerError, Preview, PreviewError, PreviewedEffect};

/// Opens the preview of a definition. SQL functions return `now_ms` as the current time, in milliseconds since 1970.
///
/// # Errors
/// The schema or a statement is invalid.
pub(super) fn preview(
    definition: &Arc<Definition>,
    binder: Binder,
    now_ms: i64,
) -> Result<Box<dyn Preview>, HandlerError> {
    let scratch = match definition.target.dialect() {
        Dialect::Sqlite => Some(ScratchDatabase::open(definition, now_ms)?),
        Dialect::Postgres => None,
    };
    let statements = definition.statements.iter().map(Statement::normalized).collect();
    Ok(Box::new(ProjectionPreview { statements, binder, scratch }))
}

struct ProjectionPreview {
    /// The statements of the definition, normalized.
    statements: Vec<Statement>,
    binder: Binder,
    scratch: Option<ScratchDatabase>,
}

impl Preview for ProjectionPreview {
    fn keeps_state(&self) -> bool {
        self.scratch.is_some()
    }

    fn form(&self) -> EffectForm {
        if self.scratch.is_some() { EffectForm::Rows } else { EffectForm::Statements }
    }

    fn preview(&mut self, record: &Record, effects: &mut Vec<PreviewedEffect>) -> Result<(), PreviewError> {
        let mut batch = Batch::default();
        self.binder.bind(record, &mut batch).map_err(|error| match error {
            Undecodable::Bad(_) => PreviewError::Record(error.to_string()),
            Undecodable::Unreachable(_) => PreviewError::Stop(error.to_string()),
        })?;
        if let Some(scratch) = &mut self.scratch {
            return scratch.apply(record, &batch, effects);
        }
        effects.extend(statements(&self.statements, &batch));
        Ok(())
    }
}

/// The statements of a batch, with their values in place of the parameters.
fn statements<'a>(statements: &'a [Statement], batch: &'a Batch) -> impl Iterator<Item = PreviewedEffect> + 'a {
    batch.statements.iter().filter_map(|bound| {
        let statement = statements.get(bound.index)?;
        let values = batch.values(bound);
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
        // Equal numbers have the same literal, however they are written.
        Value::Number(range) => {
            let text = batch.text(range);
            Number::parse(text).map_or_else(|| text.to_owned(), |number| number.decimal().to_string())
        }
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
