//! Tests of the rules file. Prometheus' own checks of it are in the tests of the whole.

use super::*;
use crate::RuleDefinition;

fn rule(condition: &str, groups: &[&str], topics: &[&str]) -> Rule {
    let mut definition = RuleDefinition::new("r".parse().unwrap(), condition.parse().unwrap());
    definition.selector.groups = groups.iter().map(|glob| glob.parse().unwrap()).collect();
    definition.selector.topics = topics.iter().map(|glob| glob.parse().unwrap()).collect();
    Rule::new(definition).unwrap()
}

fn expression_of(condition: &str, groups: &[&str], topics: &[&str]) -> Result<String, InexpressibleError> {
    let rule = rule(condition, groups, topics);
    expression(&rule.definition().condition, &rule.definition().selector, "k_")
}

#[test]
fn conditions_have_expressions() {
    for (condition, groups, topics, expected) in [
        (
            "lag > 1000",
            &["billing-*"][..],
            &[][..],
            r#"k_group_lag_offsets{group=~"billing-.*"} > 1000 and on (group) k_group_unknown_partitions{group=~"billing-.*"} == 0"#,
        ),
        (
            "lag > 1000",
            &["a.b"],
            &["orders", "pay*"],
            r#"sum by (group) (k_group_topic_lag_offsets{group=~"a\\.b",topic=~"orders|pay.*"}) > 1000 and on (group) k_group_unknown_partitions{group=~"a\\.b"} == 0"#,
        ),
        ("members != 6", &[], &[], "k_group_members{} != 6 and on (group) k_group_up{} == 1"),
        ("verdict = stopped", &[], &[], r#"k_group_verdict{verdict="stopped"} == 1"#),
        (
            "state = Stable and verdict = fine",
            &[],
            &[],
            r#"(k_group_state{state=~"(?i:Stable)"} == 1 and on (group) k_group_up{} == 1) and on (group) (k_group_verdict{verdict="fine"} == 1)"#,
        ),
        (
            "rebalances in 10m >= 3",
            &[],
            &[],
            "round(increase(k_group_rebalances_total{}[10m])) >= 3 and on (group) k_group_up{} == 1",
        ),
    ] {
        let expected = format!("max by (group) ({expected})");
        assert_eq!(expression_of(condition, groups, topics), Ok(expected), "{condition}");
    }
}

#[test]
fn rules_on_topics_need_metrics_with_more_labels() {
    for (condition, topics, detail) in [
        ("max_partition_lag > 5", &[][..], MetricsDetail::Group),
        ("lag > 5 and age > 5s", &["orders"], MetricsDetail::Topic),
        ("lag > 5 and max_partition_lag > 5", &["orders"], MetricsDetail::Partition),
    ] {
        assert_eq!(metrics_detail(&rule(condition, &[], topics)), detail, "{condition}");
    }
}

#[test]
fn the_texts_of_an_alert_name_the_group_and_the_value() {
    let text = rules_file(&[rule("lag > 5", &[], &[])], "k_").unwrap();
    assert!(text.contains("summary: \"r on group {{ $labels.group }}\""), "{text}");
    assert!(text.contains("description: \"lag > 5; value {{ $value }}\""), "{text}");
}

#[test]
fn what_cannot_be_expressed_is_refused() {
    for (condition, topics, part) in [
        ("no_progress > 5m", &[][..], "no metric exports the figure no_progress"),
        ("orphan_partitions > 0", &["orders"], "by topic"),
        ("severity > error", &[], "no verdict"),
        ("lag > 5", &["a**"], "`a**` has no equivalent"),
    ] {
        let problem = rules_file(&[rule(condition, &[], topics)], "k_").unwrap_err().to_string();
        assert!(problem.contains(part) && problem.contains("the rule r "), "{problem}");
    }
}

#[test]
fn a_rule_has_its_times_labels_and_annotations() {
    let mut definition = rule("lag > 5", &[], &[]).definition().clone();
    definition.hold = std::time::Duration::from_secs(300);
    definition.keep = std::time::Duration::from_secs(90);
    definition.labels.insert("team".into(), "a: \"b\"\n".into());
    let text = rules_file(&[Rule::new(definition).unwrap()], "k_").unwrap();
    for line in ["    for: 5m\n", "    keep_firing_for: 1m30s\n", "      team: \"a: \\\"b\\\"\\n\"\n", "lag > 5"] {
        assert!(text.contains(line), "{text}");
    }
    assert_eq!(rules_file(&[], "k_").unwrap(), "groups:\n- name: kreplay\n  rules: []\n");
}
