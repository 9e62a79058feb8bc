//! What records would do to a projection, without its target.
//!
//! For definitions in SQLite's SQL the records are applied to a scratch database of the same schema, and the effects are the
//! rows that change there (`scratch`, `watch`): two definitions do the same where their rows do, however their SQL is written.
//! PostgreSQL's SQL runs nowhere else, so there an effect is a statement with its values.

#[cfg(test)]
mod preview_test;
mod scratch;
mod steady;
mod watch;

use std::{fmt::Write, sync::Arc};

pub(super) use scratch::Scratch;

use super::{
    batch::{Batch, Value},
    bind::Binder,
    definition::Definition,
    statement::{Dialect, Statement},
};
use crate::{
    decode::Undecodable,
    domain::{Record, json::Number},
    handler::{EffectForm, HandlerError, Preview, PreviewedEffect, Unbuilt},
};

/// The preview of a definition. `now_ms` is the current time in it, in milliseconds since 1970.
///
/// # Errors
/// Its schema or its statements are wrong.
pub(super) fn preview(
    definition: &Arc<Definition>,
    binder: Binder,
    now_ms: i64,
) -> Result<Box<dyn Preview>, HandlerError> {
    let scratch = match definition.target.dialect() {
        Dialect::Sqlite => Some(Scratch::open(definition, now_ms)?),
        Dialect::Postgres => None,
    };
    let statements = definition.statements.iter().map(Statement::without_looks).collect();
    Ok(Box::new(ProjectionPreview { statements, binder, scratch }))
}

struct ProjectionPreview {
    /// Those of the definition, in one form for what only looks different.
    statements: Vec<Statement>,
    binder: Binder,
    scratch: Option<Scratch>,
}

impl Preview for ProjectionPreview {
    fn keeps_state(&self) -> bool {
        self.scratch.is_some()
    }

    fn form(&self) -> EffectForm {
        if self.scratch.is_some() { EffectForm::Rows } else { EffectForm::Statements }
    }

    fn preview(&mut self, record: &Record, effects: &mut Vec<PreviewedEffect>) -> Result<(), Unbuilt> {
        let mut batch = Batch::default();
        self.binder.bind(record, &mut batch).map_err(|error| match error {
            Undecodable::Bad(_) => Unbuilt::Record(error.to_string()),
            Undecodable::Unreachable(_) => Unbuilt::Stop(error.to_string()),
        })?;
        if let Some(scratch) = &mut self.scratch {
            return scratch.apply(record, &batch, effects);
        }
        effects.extend(statements(&self.statements, &batch));
        Ok(())
    }
}

/// The statements of a batch with their values in the place of their parameters.
fn statements<'a>(statements: &'a [Statement], batch: &'a Batch) -> impl Iterator<Item = PreviewedEffect> + 'a {
    batch.steps.iter().filter_map(|step| {
        let statement = statements.get(step.statement)?;
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
        // Numbers that are equal are the same value, however they are written.
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
