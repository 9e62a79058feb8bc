//! Prometheus's own checks of the rules.

use std::process::Command;

use crate::document;

/// Runs promtool in the folder of the rules. `None` if it is not installed.
fn promtool(args: &[&str]) -> Option<()> {
    let result = Command::new("promtool").args(args).current_dir(document("monitoring")).output();
    let output = match result {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("skipped: promtool is not installed (Debian: apt-get install prometheus)");
            return None;
        }
        Err(error) => panic!("promtool: {error}"),
    };
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "promtool {args:?}:\n{text}");
    Some(())
}

#[test]
fn the_rules_are_valid_and_pass_their_tests() {
    if promtool(&["check", "rules", "rules.yml"]).is_some() {
        promtool(&["test", "rules", "rules_test.yml"]);
    }
}

#[test]
fn every_rule_has_a_test() {
    let rules = crate::read("monitoring/rules.yml");
    let tests = crate::read("monitoring/rules_test.yml");
    for name in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(tests.contains(&format!("alertname: {name}\n")), "{name}");
    }
}
