//! The report of a plan, as JSON or text.

mod text;

use serde::Serialize;
use serde_json::Value;

use super::{ReportFormat, printable_json};
use crate::feed::Forecast;

/// The name and version of the JSON format, in the first field of every report.
pub const PLAN_SCHEMA: &str = "kreplay.plan/1";

/// The report of a plan, with the fields of [`Forecast`].
///
/// The fields are a stable interface: they may be added, but never renamed or redefined. Absent and unknown values are
/// null.
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

    /// The report in the given format, ending with a line feed.
    ///
    /// # Errors
    /// Errors of the JSON serializer; none are expected.
    pub fn render(&self, format: ReportFormat) -> Result<String, serde_json::Error> {
        match format {
            ReportFormat::Json => {
                let mut value = serde_json::to_value(self)?;
                round(&mut value);
                printable_json(&value)
            }
            ReportFormat::Text => Ok(text::render(self.forecast)),
        }
    }
}

/// Rounds numbers to six decimals; more digits are noise.
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
