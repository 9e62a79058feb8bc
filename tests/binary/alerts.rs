//! Alerts on the groups of a simulated cluster, and `kreplay rules`.

use crate::support::{process::Program, timeouts::RUN_TIMEOUT};

/// A rule that is true at the first look.
const RULE: &str = "[alerts.any]\ncondition = 'members >= 0'\nseverity = 'info'\n";

/// The output of a command with a configuration.
fn output(arguments: &[&str], configuration: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kreplay.toml");
    std::fs::write(&file, configuration).unwrap();
    let config = ["--config", file.to_str().unwrap()];
    Program::kreplay().args(arguments).args(config).timeout(RUN_TIMEOUT).run().expect_success().stdout
}

#[test]
fn a_line_says_that_an_alert_fires() {
    let lines = output(&["demo", "--watch", "--headless", "--for", "3s"], RULE);
    assert!(lines.lines().any(|line| line.contains(": alert any fires (info): members ")), "{lines}");
}

#[test]
fn each_look_as_json_has_the_alerts() {
    let lines = output(&["demo", "--watch", "--json", "--for", "3s"], RULE);
    let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    let alerts = last["alerts"].as_array().unwrap();
    let any = alerts.iter().find(|alert| alert["rule"] == "any").unwrap();
    assert_eq!((any["state"].as_str(), any["condition"].as_str()), (Some("firing"), Some("members >= 0")));
    assert!(last["groups"].as_array().is_some_and(|groups| !groups.is_empty()), "the fields of the look remain");
}

#[test]
fn the_rules_in_force_are_printed_for_prometheus() {
    let text = output(&["rules", "--prometheus"], RULE);
    assert!(text.contains("- alert: \"verdict\"") && text.contains("kreplay_group_members{} >= 0"), "{text}");
}
