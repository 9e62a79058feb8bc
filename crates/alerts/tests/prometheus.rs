//! The rules file against the metrics that are exported, and against Prometheus' own tool. Debian has the tool in the
//! package `prometheus`; without it, the tests that need it say so and check nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use kreplay_alerts::{Alerts, Condition, Rule, RuleDefinition, rules_file};
use kreplay_metrics::{Format, KnownNames, MetricsOptions, Observed, encode, families};
use kreplay_model::watch::{
    AlertState, EtaVerdict, EtaView, GroupState, GroupType, GroupView, LagTotals, MemberRow, SecondsRange, SeenBy,
    VerdictKind, VerdictView, WatchSnapshot,
};
use promql_parser::parser::{self, Expr};

const GROUP: &str = "billing";
const STEP_S: i64 = 10;
const STEPS: i64 = 120;

/// Name, condition, and the seconds of `for` and `keep`.
const RULES: [(&str, &str, u64, u64); 20] = [
    ("lag", "lag > 1000", 30, 0),
    ("lag-kept", "lag >= 1000", 20, 30),
    ("lag-at-once", "max_partition_lag > 1000", 0, 0),
    ("readable", "readable = 0", 10, 0),
    ("lost", "lost > 0", 0, 20),
    ("members", "members != 6", 20, 0),
    ("idle", "idle_members > 0", 0, 0),
    ("age", "age > 5m", 10, 0),
    ("young", "age < 30s", 10, 0),
    ("deadline", "deadline < 1h", 0, 0),
    ("no-deadline", "deadline > 1h", 0, 0),
    ("eta", "eta > 2h", 10, 0),
    ("eta-short", "eta <= 2h", 0, 0),
    ("state", "state = stable", 0, 0),
    ("not-stable", "state != Stable", 10, 10),
    ("verdict", "verdict = stopped", 0, 0),
    ("not-fine", "verdict != fine", 20, 0),
    ("severity", "severity = error", 10, 0),
    ("bad", "severity >= warning", 0, 0),
    ("both", "lag > 1000 and members = 6 and verdict != fine", 0, 10),
];

fn rules() -> Vec<Rule> {
    let rule = |(name, condition, hold_s, keep_s): (&str, &str, u64, u64)| {
        let mut rule = RuleDefinition::new(name.parse().unwrap(), condition.parse().unwrap());
        (rule.hold, rule.keep) = (Duration::from_secs(hold_s), Duration::from_secs(keep_s));
        rule.selector.groups = vec!["bill*".parse().unwrap()];
        // Those of kreplay contain the value, which differs from step to step.
        let text = condition.parse::<Condition>().unwrap().to_string();
        rule.annotations = ["summary", "description"].map(|name| (name.to_owned(), text.clone())).into();
        Rule::new(rule).unwrap()
    };
    RULES.into_iter().map(rule).collect()
}

/// Runs the tool in a folder; `None` if it is not installed.
fn promtool(folder: &Path, arguments: &[&str]) -> Option<Output> {
    match Command::new("promtool").current_dir(folder).args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: promtool is not installed (Debian: apt-get install prometheus)");
            None
        }
        Err(error) => panic!("promtool: {error}"),
    }
}

fn assert_success(output: &Output, about: &str) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    assert!(output.status.success(), "{}\n{about}", String::from_utf8_lossy(&text));
}

#[test]
fn prometheus_accepts_the_rules() {
    let mut rules = rules();
    let mut hostile = rules[0].definition().clone();
    hostile.selector.groups = ["a\"b\\\\", "[x-z]{a,b}*", "ü?"].map(|glob| glob.parse().unwrap()).to_vec();
    hostile.selector.topics = vec!["orders".parse().unwrap()];
    hostile.labels.insert("team".into(), "a: 'b' \"c\"\n# d".into());
    hostile.annotations.insert("summary".into(), "§ {curly} €".into());
    hostile.name = "hostile".parse().unwrap();
    rules.push(Rule::new(hostile.clone()).unwrap());
    hostile.name = "rebalances".parse().unwrap();
    hostile.selector.topics.clear();
    hostile.condition = "rebalances in 1h30m >= 3".parse().unwrap();
    rules.push(Rule::new(hostile).unwrap());
    rules.push(Rule::on_verdicts());
    let folder = tempfile::tempdir().unwrap();
    let text = rules_file(&rules, "kreplay_").unwrap();
    std::fs::write(folder.path().join("rules.yml"), &text).unwrap();
    if let Some(output) = promtool(folder.path(), &["check", "rules", "rules.yml"]) {
        assert_success(&output, &text);
        assert!(String::from_utf8_lossy(&output.stdout).contains("23 rules found"), "{output:?}");
    }
}

/// The names of the series in an expression.
fn metrics(expression: &Expr, found: &mut BTreeSet<String>) {
    match expression {
        Expr::Aggregate(aggregate) => metrics(&aggregate.expr, found),
        Expr::Unary(unary) => metrics(&unary.expr, found),
        Expr::Paren(paren) => metrics(&paren.expr, found),
        Expr::Binary(binary) => {
            metrics(&binary.lhs, found);
            metrics(&binary.rhs, found);
        }
        Expr::Call(call) => call.args.args.iter().for_each(|argument| metrics(argument, found)),
        Expr::VectorSelector(selector) => found.extend(selector.name.clone()),
        Expr::MatrixSelector(selector) => found.extend(selector.vs.name.clone()),
        Expr::Subquery(_) | Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

#[test]
fn every_metric_of_an_expression_is_exported() {
    let mut rules = rules();
    for (at, condition) in
        ["lag > 1", "max_partition_lag > 1", "lost > 1", "age > 1m", "deadline < 1h"].iter().enumerate()
    {
        let mut rule = RuleDefinition::new(format!("topic-{at}").parse().unwrap(), condition.parse().unwrap());
        rule.selector.topics = vec!["orders*".parse().unwrap()];
        rules.push(Rule::new(rule).unwrap());
    }
    for (name, condition) in [("rebalances", "rebalances in 10m > 3"), ("orphans", "orphan_partitions > 0")] {
        rules.push(Rule::new(RuleDefinition::new(name.parse().unwrap(), condition.parse().unwrap())).unwrap());
    }
    let file = rules_file(&rules, "kreplay_").unwrap();
    let prefix = MetricsOptions::default().prefix;
    let exported: BTreeSet<String> = families(KnownNames::None).iter().map(|family| family.name(&prefix)).collect();
    let mut used = BTreeSet::new();
    for line in file.lines().filter_map(|line| line.trim().strip_prefix("expr: ")) {
        let text: String = serde_json::from_str(line).unwrap();
        metrics(&parser::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}")), &mut used);
    }
    assert!(used.len() > 15, "{used:?}");
    assert_eq!(used.difference(&exported).collect::<Vec<_>>(), Vec::<&String>::new());
}

/// A small generator of numbers (xorshift), so that the series are the same each time.
struct Numbers(u64);

impl Numbers {
    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        choices[usize::try_from(self.0 >> 33).unwrap() % choices.len()].clone()
    }
}

/// A group in which every figure is known.
fn group(numbers: &mut Numbers) -> GroupView {
    let lag = numbers.one_of(&[0_i64, 500, 1000, 1500, 1500, 1500]);
    let kind = numbers.one_of(&[VerdictKind::Stopped, VerdictKind::Fine, VerdictKind::Flapping, VerdictKind::Quiet]);
    let eta = match numbers.one_of(&[EtaVerdict::Known, EtaVerdict::Never, EtaVerdict::Done]) {
        EtaVerdict::Known => (EtaVerdict::Known, Some(numbers.one_of(&[100.0, 7200.0, 7201.0]))),
        other => (other, None),
    };
    GroupView {
        r#type: GroupType::Consumer,
        state: Some(numbers.one_of(&[GroupState::Stable, GroupState::Stable, GroupState::Empty])),
        members: vec![MemberRow::default(); numbers.one_of(&[5, 6, 6, 7])],
        idle_members: Some(numbers.one_of(&[0, 1])),
        lag: LagTotals {
            total: Some(lag),
            max: Some(lag),
            readable: Some(lag.unsigned_abs()),
            lost: Some(numbers.one_of(&[0, 0, 3])),
            ahead: Some(0),
            ..LagTotals::default()
        },
        age_s: (lag > 0).then(|| SecondsRange::exact(numbers.one_of(&[10.0, 300.0, 400.0]))),
        eta: EtaView { verdict: eta.0, value_s: eta.1, ..EtaView::default() },
        deadline_s: if lag > 0 { numbers.one_of(&[None, Some(100.0), Some(5000.0)]) } else { None },
        verdict: VerdictView {
            kind,
            severity: kind.severity(),
            text: kind.to_string(),
            evidence: String::new(),
            next_step: None,
        },
        seen_by: SeenBy::Wire,
        as_of: Some(DateTime::UNIX_EPOCH),
        ..GroupView::listed(GROUP)
    }
}

/// The exported series of a look: name with labels, and the value.
fn series(look: &Arc<WatchSnapshot>) -> BTreeMap<String, String> {
    let observed = Observed { groups: Some(Arc::clone(look)), ..Observed::default() };
    let text = encode(Format::Prometheus, observed, &MetricsOptions::default()).unwrap();
    let of_groups = text.lines().filter(|line| line.starts_with("kreplay_group_"));
    of_groups.map(|line| line.rsplit_once(' ').map(|(name, value)| (name.into(), value.into())).unwrap()).collect()
}

fn time(step: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(step * STEP_S, 0).unwrap()
}

/// A file for `promtool test rules`: the series, and for each step and rule whether the alert fires here.
fn parity_test(seed: u64) -> String {
    let rules = rules();
    let mut alerts = Alerts::new(rules.clone(), Duration::from_secs(STEP_S.unsigned_abs()));
    let mut numbers = Numbers(seed);
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    let mut expectations = String::new();
    let mut times_fired = 0;
    let mut held = group(&mut numbers);
    for step in 0..STEPS {
        // Some figures stay for several steps, so that times pass.
        if numbers.one_of(&[true, false, false]) {
            held = group(&mut numbers);
        }
        let look = WatchSnapshot {
            at: time(step),
            cluster: "c".into(),
            groups: vec![Arc::new(held.clone())],
            ..WatchSnapshot::default()
        };
        alerts.take(&look);
        let exported = series(&Arc::new(look));
        let before = usize::try_from(step).unwrap();
        for name in exported.keys() {
            values.entry(name.clone()).or_insert_with(|| "_ ".repeat(before));
        }
        for (name, text) in &mut values {
            let value = exported.get(name).map_or("stale", String::as_str);
            let _ = write!(text, "{value} ");
        }
        let snapshot = alerts.snapshot();
        for rule in &rules {
            let rule = rule.definition();
            let fires = snapshot
                .alerts
                .iter()
                .any(|alert| alert.rule == rule.name.as_str() && alert.state == AlertState::Firing);
            times_fired += usize::from(fires);
            let _ = writeln!(expectations, "  - eval_time: {}s\n    alertname: {}", step * STEP_S, rule.name);
            let condition = &rule.condition;
            if fires {
                let _ = writeln!(
                    expectations,
                    "    exp_alerts:\n    - exp_labels: {{group: {GROUP}, severity: warning}}\n      \
                     exp_annotations: {{summary: \"{condition}\", description: \"{condition}\"}}"
                );
            } else {
                expectations.push_str("    exp_alerts: []\n");
            }
        }
    }
    assert!(times_fired > 300, "only {times_fired} alerts fire");
    let mut text = format!("rule_files: [rules.yml]\nevaluation_interval: {STEP_S}s\ntests:\n- interval: {STEP_S}s\n");
    text.push_str("  input_series:\n");
    for (name, values) in values {
        let _ = writeln!(text, "  - series: '{name}'\n    values: '{values}'");
    }
    text + "  alert_rule_test:\n" + &expectations
}

#[test]
fn prometheus_fires_when_kreplay_does() {
    let folder = tempfile::tempdir().unwrap();
    let text = rules_file(&rules(), "kreplay_").unwrap();
    std::fs::write(folder.path().join("rules.yml"), text).unwrap();
    for seed in [1, 7, 2026] {
        std::fs::write(folder.path().join("test.yml"), parity_test(seed)).unwrap();
        if let Some(output) = promtool(folder.path(), &["test", "rules", "test.yml"]) {
            assert_success(&output, &format!("seed {seed}"));
        }
    }
}
