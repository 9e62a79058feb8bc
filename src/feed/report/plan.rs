//! What a plan says, for programs and for people.

mod text;

use serde::Serialize;
use serde_json::Value;

use super::{ReportFormat, escaped};
use crate::feed::Forecast;

/// The first field of every plan's report: its form, and the version of it.
pub const PLAN_SCHEMA: &str = "kreplay.plan/1";

/// A plan's report. Its fields are those of [`Forecast`], which are a promise to programs: fields are added, never renamed or
/// given another meaning. Absent and unknown figures are null.
#[derive(Clone, Debug, Serialize)]
pub struct PlanReport<'a> {
    schema: &'static str,
    #[serde(flatten)]
    forecast: &'a Forecast,
}

impl<'a> PlanReport<'a> {
    /// The report of a plan.
    #[must_use]
    pub fn new(forecast: &'a Forecast) -> Self {
        Self { schema: PLAN_SCHEMA, forecast }
    }

    /// The whole report in the wanted form, with a line feed at its end.
    ///
    /// # Errors
    /// What the serializer said; none is known to happen.
    pub fn render(&self, format: ReportFormat) -> Result<String, serde_json::Error> {
        match format {
            ReportFormat::Json => {
                let mut value = serde_json::to_value(self)?;
                round(&mut value);
                Ok(escaped(&serde_json::to_string_pretty(&value)?) + "\n")
            }
            ReportFormat::Text => Ok(text::render(self.forecast)),
        }
    }
}

/// Numbers with a fraction to the millionth: more digits are noise.
fn round(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let exact = number.as_f64().unwrap_or_default();
            *value = serde_json::json!((exact * 1e6).round() / 1e6);
        }
        Value::Array(items) => items.iter_mut().for_each(round),
        Value::Object(fields) => fields.values_mut().for_each(round),
        _ => {}
    }
}

#[cfg(test)]
#[path = "plan/plan_test.rs"]
mod tests;
