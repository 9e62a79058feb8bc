//! Rows of the report, each with several rounds of one case, and their table.

use std::fmt::Write as _;

use kreplay::bench::Spread;
use serde::Serialize;

/// The figures of one case.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The section of the benchmark.
    pub section: &'static str,
    /// The case.
    pub case: String,
    /// The unit of the figures.
    pub unit: &'static str,
    /// The median.
    pub median: f64,
    /// The minimum.
    pub min: f64,
    /// The maximum.
    pub max: f64,
    /// The number of rounds.
    pub rounds: usize,
}

impl Row {
    /// Summarises rounds.
    pub fn new(
        section: &'static str,
        case: impl Into<String>,
        unit: &'static str,
        rounds: impl IntoIterator<Item = f64>,
    ) -> Self {
        let rounds: Vec<f64> = rounds.into_iter().collect();
        let none = Spread { median: f64::NAN, min: f64::NAN, max: f64::NAN };
        let Spread { median, min, max } = Spread::of(rounds.iter().copied()).unwrap_or(none);
        Self { section, case: case.into(), unit, median, min, max, rounds: rounds.len() }
    }
}

/// The rows as a table, by section.
pub fn table(rows: &[Row]) -> String {
    let mut out = String::new();
    let mut section = "";
    for row in rows {
        if row.section != section {
            section = row.section;
            let _ = writeln!(out, "\n{section:<56} {:>12} {:>12} {:>12} {:>7}", "median", "min", "max", "rounds");
        }
        let case = format!("  {} ({})", row.case, row.unit);
        let _ = writeln!(
            out,
            "{case:<56} {:>12} {:>12} {:>12} {:>7}",
            number(row.median),
            number(row.min),
            number(row.max),
            row.rounds
        );
    }
    out
}

/// A number with commas from a hundred on, and with three decimals below.
fn number(value: f64) -> String {
    if value.abs() < 100.0 {
        return format!("{value:.3}");
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
