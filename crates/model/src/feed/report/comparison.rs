//! The report of a comparison of two handlers, as JSON or text.

use std::fmt::Write;

use serde::Serialize;

use super::printable_json;
use crate::{
    domain::{
        number::{Count, by_count, counted, counted_as, seconds},
        printable,
    },
    feed::{ComparisonView, Difference, DryRunFindings, Outcome, RunState, RunView},
};

/// The name and version of the JSON format, in the first field of every report.
const SCHEMA: &str = "kreplay.compare/1";

/// The report of a comparison. JSON fields may be added, but never renamed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparisonReport {
    schema: &'static str,
    state: RunState,
    /// The error, if it failed.
    error: Option<String>,
    elapsed_s: f64,
    topics: Vec<String>,
    partitions: usize,
    selection: String,
    /// Whether both handlers had the same effects for every record compared.
    equal: bool,
    #[serde(flatten)]
    found: ComparisonView,
}

impl ComparisonReport {
    /// The report of a run; `None` if the run was not a comparison.
    #[must_use]
    pub fn new(run: &RunView) -> Option<Self> {
        let Some(DryRunFindings::Comparison(found)) = &run.rehearsal else { return None };
        Some(Self {
            schema: SCHEMA,
            state: run.state,
            error: run.error.clone(),
            elapsed_s: run.elapsed_s,
            topics: run.plan.topics.clone(),
            partitions: run.plan.partitions,
            selection: run.plan.selection.clone(),
            equal: found.differing_records == 0,
            found: found.clone(),
        })
    }

    /// Whether both handlers had the same effects for every record compared.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.equal
    }

    /// Whether records failed with both handlers, so that there were no effects of them to compare.
    #[must_use]
    pub fn has_uncompared_records(&self) -> bool {
        self.found.failed_with_both > 0
    }

    /// The report, ending with a line feed.
    ///
    /// # Errors
    /// Errors of the JSON serializer; none are expected.
    pub fn render(&self, json: bool) -> Result<String, serde_json::Error> {
        if json { printable_json(self) } else { Ok(self.text()) }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let mut line = |label: &str, text: &str| {
            let _ = writeln!(out, "{label:<9} {}", printable(text));
        };
        let found = &self.found;
        line("left", &found.left);
        line("right", &found.right);
        line("compared", &found.compared);
        let compared = format!(
            "{} of {}, {}",
            Count(found.records),
            counted(self.partitions, "partition"),
            seconds(self.elapsed_s)
        );
        line("records", &compared);
        if self.state != RunState::Done {
            line("state", &format!("{}: this covers only the records handled before that", self.state));
        }
        if let Some(error) = &self.error {
            line("error", error);
        }
        if found.failed_with_both > 0 {
            line("", &counted_as(found.failed_with_both, "fails with both", "fail with both"));
        }
        if self.equal {
            line("result", self.no_difference());
            return out;
        }
        let at_least = if found.more_keys { "more than " } else { "" };
        let result = format!(
            "{} of {at_least}{} {}",
            counted(found.differing_records, "record"),
            counted(found.differing_keys, "key"),
            by_count(found.differing_records, "differs", "differ")
        );
        line("result", &result);
        if let Some(first) = found.first.as_ref().filter(|_| found.differing_records > 1) {
            let place = format!("{} partition {} offset {}", first.topic, first.partition, first.offset);
            line("first", &format!("{place}; rows depend on earlier records, so later differences may follow from it"));
        }
        for difference in &found.differences {
            let _ = writeln!(out);
            describe(&mut out, difference);
        }
        let shown = found.differences.len() as u64;
        if found.differing_keys > shown {
            let more = counted_as(found.differing_keys - shown, "more key differs", "more keys differ");
            let _ = writeln!(out, "\nand {at_least}{more} (--limit)");
        }
        out
    }

    /// The result without a difference. Records that fail with both handlers prove nothing about their effects.
    fn no_difference(&self) -> &'static str {
        match self.state {
            RunState::Done if !self.has_uncompared_records() => "both have the same effects for every record",
            RunState::Done if self.found.failed_with_both < self.found.records => {
                "both have the same effects for every record that does not fail with both"
            }
            RunState::Done => "nothing was compared: every record fails with both",
            _ => "no difference so far",
        }
    }
}

fn describe(out: &mut String, difference: &Difference) {
    let place = &difference.place;
    let key = difference.key.as_ref().map_or_else(|| "without a key".to_owned(), |key| format!("key {key}"));
    let text = format!("{key}: {} partition {} offset {}", place.topic, place.partition, place.offset);
    let _ = writeln!(out, "{}", printable(&text));
    for (side, outcome) in [("left", &difference.left), ("right", &difference.right)] {
        match outcome {
            Outcome::Error(error) => {
                let _ = writeln!(out, "  {side:<5} fails: {}", printable(error));
            }
            Outcome::Effects(effects) if effects.is_empty() => {
                let _ = writeln!(out, "  {side:<5} nothing (more)");
            }
            Outcome::Effects(effects) => {
                for (at, effect) in effects.iter().enumerate() {
                    let label = if at == 0 { side } else { "" };
                    let _ = writeln!(out, "  {label:<5} {}: {}", printable(&effect.what), printable(&effect.content));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{Effect, RecordPlace};

    #[test]
    fn differences_are_listed_by_key_and_record() {
        let effect = |content: &str| Effect { what: "statement orders".into(), content: content.into() };
        let found = ComparisonView {
            left: "projection:a.toml".into(),
            right: "projection:b.toml".into(),
            compared: "rows\u{1b}".into(),
            records: 1_000_000,
            differing_records: 3,
            differing_keys: 2,
            first: Some(RecordPlace { topic: "orders".into(), partition: 3, offset: 77 }),
            differences: vec![Difference {
                place: RecordPlace { topic: "orders".into(), partition: 3, offset: 77 },
                key: Some("k\u{1b}".into()),
                left: Outcome::Effects(vec![effect("status=paid")]),
                right: Outcome::Error("no such column".into()),
            }],
            ..ComparisonView::default()
        };
        let mut run = RunView { state: RunState::Done, ..RunView::default() };
        assert_eq!(ComparisonReport::new(&run), None);
        run.rehearsal = Some(DryRunFindings::Comparison(found.clone()));
        let report = ComparisonReport::new(&run).unwrap();
        let text = report.render(false).unwrap();
        for part in [
            "compared  rows\\u{1b}",
            "first     orders partition 3 offset 77; ",
            "3 records of 2 keys differ",
            "key k\\u{1b}: orders partition 3 offset 77",
            "  left  statement orders: status=paid",
            "  right fails: no such column",
            "and 1 more key differs (--limit)",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let json: serde_json::Value = serde_json::from_str(&report.render(true).unwrap()).unwrap();
        let first = &json["differences"][0];
        assert_eq!((&json["equal"], &first["topic"], &first["offset"]), (&false.into(), &"orders".into(), &77.into()));
        assert_eq!(first["left"]["effects"][0]["content"], "status=paid");
        assert_eq!(first["right"]["error"], "no such column");
        run.rehearsal = Some(DryRunFindings::Comparison(ComparisonView { differing_records: 0, ..found }));
        let report = ComparisonReport::new(&run).unwrap();
        assert!(report.is_equal() && report.render(false).unwrap().contains("both have the same effects"));
    }

    #[test]
    fn records_that_fail_with_both_are_not_said_to_have_the_same_effects() {
        for (state, failed_with_both, result) in [
            (RunState::Done, 0, "both have the same effects for every record\n"),
            (RunState::Done, 9, "both have the same effects for every record that does not fail with both\n"),
            (RunState::Done, 10, "nothing was compared: every record fails with both\n"),
            (RunState::Cancelled, 10, "no difference so far\n"),
        ] {
            let found = ComparisonView { records: 10, failed_with_both, ..ComparisonView::default() };
            let rehearsal = Some(DryRunFindings::Comparison(found));
            let report = ComparisonReport::new(&RunView { state, rehearsal, ..RunView::default() }).unwrap();
            assert_eq!(report.has_uncompared_records(), failed_with_both > 0);
            let text = report.render(false).unwrap();
            assert!(text.ends_with(&format!("result    {result}")), "{text}");
        }
    }
}
