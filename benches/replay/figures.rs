//! Several rounds of one case as one row, and rows as a table.

use std::fmt::Write as _;

use kreplay::bench::Spread;
use serde::Serialize;

/// One case: what was measured in how many rounds.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The part of the benchmark.
    pub section: &'static str,
    /// What was varied.
    pub case: String,
    /// What the figures count.
    pub unit: &'static str,
    /// The middle of the rounds.
    pub median: f64,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
    /// How many rounds.
    pub rounds: usize,
}

impl Row {
    /// Sums rounds up.
    pub fn new(section: &'static str, case: impl Into<String>, unit: &'static str, rounds: &[f64]) -> Self {
        let none = Spread { median: f64::NAN, min: f64::NAN, max: f64::NAN };
        let Spread { median, min, max } = Spread::of(rounds.iter().copied()).unwrap_or(none);
        Self { section, case: case.into(), unit, median, min, max, rounds: rounds.len() }
    }
}

/// The rows as text, section by section.
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

/// Whole above a hundred with commas, three digits or so below.
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
