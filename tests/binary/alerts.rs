//! Alerts on the groups of a simulated cluster, and `kreplay rules`.

use crate::support::{process::Program, timeouts::RUN_TIMEOUT};

/// A rule that is true at the first look.
const RULE: &str = "[alerts.any]\ncondition = 'members >= 0'\nseverity = 'info'\n";

/// The output of a command with a configuration, and what it wrote to standard error.
fn outputs(arguments: &[&str], configuration: &str) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kreplay.toml");
    std::fs::write(&file, configuration).unwrap();
    let config = ["--config", file.to_str().unwrap()];
    let output = Program::kreplay().args(arguments).args(config).timeout(RUN_TIMEOUT).run().expect_success();
    (output.stdout, output.stderr)
}

/// The output of a command with a configuration.
fn output(arguments: &[&str], configuration: &str) -> String {
    outputs(arguments, configuration).0
}

#[test]
fn a_line_says_that_an_alert_fires() {
    let lines = output(&["demo", "--watch", "--headless", "--for", "3s"], RULE);
    assert!(lines.lines().any(|line| line.contains(": alert any is firing (info): members ")), "{lines}");
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

/// An action that appends each notice to a file as a line of JSON.
fn to_file(file: &std::path::Path) -> String {
    format!("[notify.file]\nkind = 'command'\ncommand = \"sh -c 'cat >> {0}; echo >> {0}'\"\n", file.display())
}

/// The notices in that file.
fn notices(file: &std::path::Path) -> Vec<serde_json::Value> {
    std::fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_action_gets_the_alerts_of_a_watch() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seen");
    let rule = format!("{RULE}groups = ['email']\nactions = ['file']\n{}", to_file(&file));
    output(&["demo", "--watch", "--headless", "--for", "2s"], &rule);
    let seen = notices(&file);
    assert_eq!(seen.len(), 1, "{seen:?}");
    let labels = &seen[0]["alerts"][0]["labels"];
    assert_eq!((&labels["alertname"], &labels["group"]), (&"any".into(), &"email".into()));
    assert!(seen[0]["commonAnnotations"]["value"].as_str().is_some_and(|value| value.starts_with("members ")));
}

#[test]
fn alerts_on_a_run_are_events_and_take_actions() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seen");
    let rules = "[alerts.ends]\non = 'runs'\ncondition = 'state = done'\nactions = ['file', 'broken']\n\
                 [notify.broken]\nkind = 'command'\ncommand = '/no/such/program'\n";
    let arguments = ["demo", "--headless", "--datasets", "1", "--events", "200", "--work", "0"];
    let (_, stderr) = outputs(&arguments, &format!("{rules}{}", to_file(&file)));
    assert!(stderr.contains("alert ends is firing (warning): state done"), "{stderr}");
    assert!(stderr.contains("the action broken failed: cannot start /no/such/program"), "{stderr}");
    let seen = notices(&file);
    assert_eq!((seen.len(), &seen[0]["status"]), (1, &"firing".into()));
    assert!(seen[0]["alerts"][0]["labels"]["run"].is_string());
}

#[test]
fn a_rule_that_does_not_exist_cannot_be_silenced() {
    let arguments = ["watch", "-b", "127.0.0.1:1", "--silence", "none=5m", "--headless"];
    let output = Program::kreplay().args(arguments).timeout(RUN_TIMEOUT).run();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stderr.contains("there is no rule `none`; the only rule is verdict"), "{output:?}");
}
