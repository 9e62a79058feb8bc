//! The expressions of the dashboards and rules in docs/monitoring.

use std::collections::{BTreeMap, BTreeSet};

use kreplay_metrics::{KnownNames, Prefix, families};
use promql_parser::{
    parser::{self, Expr, VectorSelector},
    util::{ExprVisitor, walk_expr},
};
use serde_json::Value;

use crate::read;

pub const DASHBOARDS: [&str; 2] = ["monitoring/groups.json", "monitoring/replay.json"];

/// All values of a key, at any depth.
fn values<'a>(json: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == key => found.push(text),
                    value => values(value, key, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| values(item, key, found)),
        _ => {}
    }
}

/// The expressions of a dashboard, with its variables replaced.
fn dashboard(path: &str) -> Vec<String> {
    let json: Value = serde_json::from_str(&read(path)).unwrap();
    let mut found = Vec::new();
    values(&json["panels"], "expr", &mut found);
    assert!(found.len() > 10, "{path}");
    let mut queries = Vec::new();
    values(&json["templating"], "query", &mut queries);
    // `label_values(SELECTOR, LABEL)` is a function of Grafana.
    let selectors = queries.iter().filter_map(|query| query.strip_prefix("label_values(")?.rsplit_once(','));
    let selectors: Vec<&str> = selectors.map(|(selector, _)| selector).collect();
    assert_eq!(selectors.len(), 2, "{path}");
    found.into_iter().chain(selectors).map(|text| text.replace("$__rate_interval", "1m")).collect()
}

/// The expressions of the rules. Each is on the lines after `expr:`, up to the next key.
fn rules() -> Vec<String> {
    let text = read("monitoring/rules.yml");
    let mut expressions = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(expression) = line.trim().strip_prefix("expr:") else { continue };
        let indent = line.len() - line.trim_start().len();
        let mut expression = expression.trim().trim_start_matches(">-").to_owned();
        while let Some(more) = lines.next_if(|next| next.len() - next.trim_start().len() > indent) {
            expression = format!("{expression} {}", more.trim());
        }
        expressions.push(expression);
    }
    let alerts = text.lines().filter(|line| line.trim().starts_with("- alert:")).count();
    assert_eq!(expressions.len(), alerts);
    expressions
}

struct Selectors(Vec<VectorSelector>);

impl ExprVisitor for Selectors {
    type Error = String;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, String> {
        match expression {
            Expr::VectorSelector(selector) => self.0.push(selector.clone()),
            Expr::MatrixSelector(selector) => self.0.push(selector.vs.clone()),
            _ => {}
        }
        Ok(true)
    }
}

/// The labels of each series name. Prometheus adds `job` and `instance`.
fn exported() -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut names = BTreeMap::new();
    for family in families(KnownNames::None) {
        let name = family.name(&Prefix::default());
        let labels: BTreeSet<&str> = family.labels.iter().copied().chain(["job", "instance"]).collect();
        let with_bound: BTreeSet<&str> = labels.iter().copied().chain(["le"]).collect();
        names.insert(format!("{name}_bucket"), with_bound);
        names.insert(format!("{name}_sum"), labels.clone());
        names.insert(format!("{name}_count"), labels.clone());
        names.insert(name, labels);
    }
    names
}

#[test]
fn every_expression_is_valid_and_selects_what_is_exported() {
    let exported = exported();
    let dashboards = DASHBOARDS.iter().flat_map(|path| dashboard(path));
    let mut used = BTreeSet::new();
    for text in dashboards.chain(rules()) {
        let expression = parser::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let mut selectors = Selectors(Vec::new());
        walk_expr(&mut selectors, &expression).unwrap();
        assert!(!selectors.0.is_empty(), "{text}");
        for selector in selectors.0 {
            let name = selector.name.unwrap_or_else(|| panic!("{text}: a selector without a name"));
            let labels = exported.get(&name).unwrap_or_else(|| panic!("{text}: {name} is not exported"));
            for matcher in &selector.matchers.matchers {
                assert!(labels.contains(&*matcher.name), "{text}: {name} has no label {}", matcher.name);
            }
            used.insert(name);
        }
    }
    assert!(used.len() > 30, "{used:?}");
}
