//! The tables of docs/metrics.md.

use kreplay_metrics::{Family, KnownNames, Prefix, families};

use crate::read;

/// The rows of the table below a heading.
fn documented(heading: &str) -> Vec<String> {
    let text = read("metrics.md");
    let (_, section) = text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let section = section.split("\n#").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(str::to_owned).collect()
}

fn row(family: &Family) -> String {
    let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
    format!(
        "| `{}` | {} | {} | {} |",
        family.name(&Prefix::default()),
        family.kind.word(),
        labels.join(", "),
        family.help
    )
}

fn expected(names: KnownNames, is_in_section: fn(&str) -> bool) -> Vec<String> {
    let all = families(names);
    all.iter().filter(|family| is_in_section(&family.name(&Prefix::default()))).map(row).collect()
}

#[track_caller]
fn assert_documented(heading: &str, expected: &[String]) {
    assert!(!expected.is_empty(), "{heading}");
    let documented = documented(heading);
    assert!(documented == expected, "{heading} should have these rows:\n{}", expected.join("\n"));
}

#[test]
fn the_tables_list_what_is_exported() {
    let is_of_run = |name: &str| name.starts_with("kreplay_run") || name.starts_with("kreplay_event");
    assert_documented("### Runs", &expected(KnownNames::None, is_of_run));
    assert_documented("### Groups", &expected(KnownNames::None, |name| name.starts_with("kreplay_group")));
    let is_of_export =
        |name: &str| !["kreplay_run", "kreplay_event", "kreplay_group"].iter().any(|start| name.starts_with(start));
    assert_documented("### The export", &expected(KnownNames::None, is_of_export));
}

#[test]
fn the_names_of_other_exporters_are_listed() {
    let is_known = |name: &str| name.starts_with("kafka_");
    assert_documented("### `kafka_exporter`", &expected(KnownNames::KafkaExporter, is_known));
    assert_documented("### `kafka_lag_exporter`", &expected(KnownNames::KafkaLagExporter, is_known));
}
