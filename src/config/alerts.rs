//! `[alerts]`: a table for each rule, by the name of the rule.

use std::{collections::BTreeMap, fmt::Display, time::Duration};

use kreplay_alerts::{Condition, Rule, RuleDefinition, RuleName, RunCondition, RunRule, Selector};
use kreplay_model::{
    domain::{Glob, duration},
    watch::AlertSeverity,
};
use serde_json::json;
use toml::Value;

use super::{
    Origin, Problem,
    entries::by_name,
    input::{Assignment, Input, quoted},
};

/// The table.
pub(super) const TABLE: &str = "alerts";
/// The start of the key of each of its settings.
pub(super) const PREFIX: &str = "alerts.";

/// The settings of a rule, with their descriptions.
const FIELDS: [(&str, &str); 11] = [
    ("enabled", "Whether the rule is evaluated."),
    ("on", "What the condition is about: watched groups, or the runs of this process."),
    ("groups", "Group patterns, such as billing-*. Default: all groups."),
    ("topics", "Topic patterns, for conditions on figures of partitions. Default: all topics of a group."),
    ("condition", "The condition of the alert: comparisons joined by `and`, such as lag > 1000 or members != 6."),
    ("for", "How long the condition must be true before the alert fires, such as 5m."),
    ("keep", "How long the alert keeps firing after the condition becomes false, such as 5m."),
    ("severity", "How urgent it is."),
    ("labels", "Labels of the alert: a list of NAME=VALUE."),
    ("annotations", "Texts about the alert: a list of NAME=VALUE."),
    ("actions", "What to do when an alert starts firing and when it is resolved: names of [notify], bell or desktop."),
];
/// What a condition can be about.
const SUBJECTS: [&str; 2] = ["groups", "runs"];
const SEVERITIES: [AlertSeverity; 3] = [AlertSeverity::Info, AlertSeverity::Warning, AlertSeverity::Critical];
/// The longest `for` and `keep`.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 3600);

/// The configured rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertsSection {
    /// By name, with whether they are evaluated.
    configured: BTreeMap<RuleName, (ConfiguredRule, bool)>,
}

/// A rule on groups or on runs.
#[derive(Clone, Debug, PartialEq)]
enum ConfiguredRule {
    Groups(Rule),
    Runs(RunRule),
}

impl AlertsSection {
    /// The rules on groups to evaluate: those that are enabled, and the one that needs no configuration unless there
    /// is a table with its name.
    #[must_use]
    pub fn rules(&self) -> Vec<Rule> {
        let default = Rule::on_verdicts();
        let is_configured = self.configured.contains_key(&default.definition().name);
        let of_groups = |rule: &ConfiguredRule| match rule {
            ConfiguredRule::Groups(rule) => Some(rule.clone()),
            ConfiguredRule::Runs(_) => None,
        };
        (!is_configured).then_some(default).into_iter().chain(self.enabled().filter_map(of_groups)).collect()
    }

    /// The rules on runs to evaluate.
    #[must_use]
    pub fn run_rules(&self) -> Vec<RunRule> {
        let of_runs = |rule: &ConfiguredRule| match rule {
            ConfiguredRule::Runs(rule) => Some(rule.clone()),
            ConfiguredRule::Groups(_) => None,
        };
        self.enabled().filter_map(of_runs).collect()
    }

    fn enabled(&self) -> impl Iterator<Item = &ConfiguredRule> {
        self.configured.values().filter(|(_, is_enabled)| *is_enabled).map(|(rule, _)| rule)
    }
}

/// The names of the settings.
pub(super) fn fields() -> impl Iterator<Item = &'static str> {
    FIELDS.into_iter().map(|(field, _)| field)
}

/// Builds the rules from the settings of all tables, and returns what is wrong with them. `has_action` says whether
/// there is an action of a name.
pub(super) fn build(assignments: &[Assignment], has_action: impl Fn(&str) -> bool) -> (AlertsSection, Vec<Problem>) {
    let (mut section, mut problems) = (AlertsSection::default(), Vec::new());
    for (name, assignments) in by_name(PREFIX, assignments) {
        for assignment in assignments.iter().filter(|it| it.key.ends_with(".actions")) {
            let unknown = assignment.input.list().unwrap_or_default().into_iter().find(|action| !has_action(action));
            problems.extend(unknown.map(|action| Problem {
                origin: assignment.origin.clone(),
                key: Some(assignment.key.clone()),
                message: format!(
                    "there is no action {}; use bell or desktop, or add a table [notify.NAME]",
                    quoted(&action)
                ),
            }));
        }
        match rule(name, &assignments) {
            Ok((name, rule, is_enabled)) => {
                section.configured.insert(name, (rule, is_enabled));
            }
            Err(found) => problems.extend(found),
        }
    }
    (section, problems)
}

/// A rule that is being read.
struct Draft {
    groups: Vec<Glob>,
    topics: Vec<Glob>,
    /// Whether the condition is about runs.
    on_runs: bool,
    /// The condition as text. What it means depends on what it is about.
    condition: Option<(String, Option<Assignment>)>,
    hold: Duration,
    keep: Duration,
    severity: AlertSeverity,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    actions: Vec<String>,
    is_enabled: bool,
}

fn rule(name: &str, assignments: &[&Assignment]) -> Result<(RuleName, ConfiguredRule, bool), Vec<Problem>> {
    let problem = |assignment: &Assignment, message| Problem {
        origin: assignment.origin.clone(),
        key: Some(assignment.key.clone()),
        message,
    };
    let of_rule = |message| Problem {
        origin: assignments.first().map_or(Origin::Default, |first| first.origin.clone()),
        key: Some(format!("{PREFIX}{name}")),
        message,
    };
    let name = name.parse::<RuleName>().map_err(|error| vec![of_rule(error.to_string())])?;
    let default = Rule::on_verdicts();
    let mut draft = Draft::new(Some(default.definition()).filter(|default| default.name == name));
    let set = assignments.iter().filter_map(|it| Some(problem(it, draft.set(it).err()?)));
    let problems: Vec<Problem> = set.collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let Some((text, assignment)) = draft.condition.take() else {
        let example = if draft.on_runs { "dead_letters > 0" } else { "lag > 1000" };
        return Err(vec![of_rule(format!("the rule has no condition; set one, such as condition = \"{example}\""))]);
    };
    let wrong = |message| match &assignment {
        Some(assignment) => vec![problem(assignment, message)],
        None => vec![of_rule(message)],
    };
    let (is_enabled, on_runs) = (draft.is_enabled, draft.on_runs);
    let rule = if on_runs {
        let condition: RunCondition = text.parse().map_err(wrong)?;
        Rule::for_runs(draft.definition(name.clone(), condition)).map(ConfiguredRule::Runs)
    } else {
        let condition: Condition = text.parse().map_err(wrong)?;
        Rule::new(draft.definition(name.clone(), condition)).map(ConfiguredRule::Groups)
    };
    let rule = rule.map_err(|error| vec![of_rule(error.to_string())])?;
    Ok((name, rule, is_enabled))
}

impl Draft {
    fn new(default: Option<&RuleDefinition>) -> Self {
        Self {
            groups: Vec::new(),
            topics: Vec::new(),
            on_runs: false,
            condition: default.map(|rule| (rule.condition.to_string(), None)),
            hold: Duration::ZERO,
            keep: Duration::ZERO,
            severity: default.map(|rule| rule.severity).unwrap_or_default(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            actions: Vec::new(),
            is_enabled: true,
        }
    }

    fn definition<C>(self, name: RuleName, condition: C) -> RuleDefinition<C> {
        RuleDefinition {
            name,
            selector: Selector { groups: self.groups, topics: self.topics },
            condition,
            hold: self.hold,
            keep: self.keep,
            severity: self.severity,
            labels: self.labels,
            annotations: self.annotations,
            actions: self.actions,
        }
    }

    fn set(&mut self, assignment: &Assignment) -> Result<(), String> {
        let input = &assignment.input;
        match assignment.key.rsplit_once('.').map(|(_, field)| field) {
            Some("enabled") => self.is_enabled = input.bool()?,
            Some("groups") => self.groups = globs(input)?,
            Some("topics") => self.topics = globs(input)?,
            Some("on") => self.on_runs = on_runs(input)?,
            Some("condition") => self.condition = Some((input.text()?.to_owned(), Some(assignment.clone()))),
            Some("for") => self.hold = time(input)?,
            Some("keep") => self.keep = time(input)?,
            Some("severity") => self.severity = severity(input)?,
            Some("labels") => self.labels = pairs(input)?,
            Some("annotations") => self.annotations = pairs(input)?,
            Some("actions") => self.actions = input.list()?,
            // Other keys were refused before.
            _ => {}
        }
        Ok(())
    }
}

fn globs(input: &Input) -> Result<Vec<Glob>, String> {
    input.list()?.iter().map(|text| text.parse()).collect()
}

fn time(input: &Input) -> Result<Duration, String> {
    let text = input.text()?;
    duration::parse(text).filter(|time| *time <= LONGEST).ok_or_else(|| {
        format!("{} is not a duration from 0s to 31d; use a value such as 30s, 5m or 1h30m", quoted(text))
    })
}

fn on_runs(input: &Input) -> Result<bool, String> {
    let text = input.text()?;
    let is_known = SUBJECTS.contains(&text);
    is_known.then_some(text == "runs").ok_or_else(|| format!("{} is neither groups nor runs", quoted(text)))
}

fn severity(input: &Input) -> Result<AlertSeverity, String> {
    let text = input.text()?;
    let found = SEVERITIES.into_iter().find(|severity| severity.as_str() == text);
    found.ok_or_else(|| format!("{} is not a severity; allowed: info, warning or critical", quoted(text)))
}

fn pairs(input: &Input) -> Result<BTreeMap<String, String>, String> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    let unsplit = |text: &String| format!("{} is not NAME=VALUE", quoted(text));
    input.list()?.iter().map(|text| pair(text).ok_or_else(|| unsplit(text))).collect()
}

/// The configured rules by name, each with its settings.
pub(super) fn shown(section: &AlertsSection) -> impl Iterator<Item = (&str, Vec<(&'static str, Value)>)> {
    section.configured.iter().map(|(name, (rule, is_enabled))| {
        let values = match rule {
            ConfiguredRule::Groups(rule) => values(rule.definition(), "groups", *is_enabled),
            ConfiguredRule::Runs(rule) => values(rule.definition(), "runs", *is_enabled),
        };
        (name.as_str(), values)
    })
}

fn values<C: Display>(rule: &RuleDefinition<C>, on: &str, is_enabled: bool) -> Vec<(&'static str, Value)> {
    let globs = |globs: &[Glob]| Value::from(globs.iter().map(Glob::to_string).collect::<Vec<_>>());
    let pairs = |pairs: &BTreeMap<String, String>| {
        Value::from(pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>())
    };
    let time = |time| Value::from(duration::in_units(time));
    vec![
        ("enabled", Value::from(is_enabled)),
        ("on", Value::from(on)),
        ("groups", globs(&rule.selector.groups)),
        ("topics", globs(&rule.selector.topics)),
        ("condition", Value::from(rule.condition.to_string())),
        ("for", time(rule.hold)),
        ("keep", time(rule.keep)),
        ("severity", Value::from(rule.severity.as_str())),
        ("labels", pairs(&rule.labels)),
        ("annotations", pairs(&rule.annotations)),
        ("actions", Value::from(rule.actions.clone())),
    ]
}

/// The JSON Schema of the table.
pub(super) fn schema() -> serde_json::Value {
    let describe = |(field, help): (&'static str, &'static str)| {
        let mut described = match field {
            "enabled" => json!({ "type": "boolean", "default": true }),
            "severity" => json!({ "enum": SEVERITIES.map(AlertSeverity::as_str), "default": "warning" }),
            "on" => json!({ "enum": SUBJECTS, "default": "groups" }),
            "groups" | "topics" | "labels" | "annotations" | "actions" => {
                json!({ "type": "array", "items": { "type": "string" } })
            }
            _ => json!({ "type": "string" }),
        };
        described["description"] = help.into();
        (field.to_owned(), described)
    };
    let properties: serde_json::Map<_, _> = FIELDS.into_iter().map(describe).collect();
    json!({
        "description": "Alerts on watched groups and on runs: a table for each rule, by its name.",
        "type": "object",
        "additionalProperties": { "type": "object", "additionalProperties": false, "properties": properties },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment, Overrides};

    fn load(text: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("kreplay.toml"), text).unwrap();
        Config::load(&Overrides::default(), &Environment::default(), dir.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_rule_has_its_settings() {
        let text = "[alerts.high-lag]\ngroups = ['billing-*']\ntopics = ['orders']\ncondition = 'lag > 1000'\nfor = '5m'\n\
                    keep = '1m30s'\nseverity = 'critical'\nlabels = ['team=a=b']\nannotations = ['summary=slow']\n";
        let rules = load(text).unwrap().alerts.rules();
        let rule = rules[1].definition();
        assert_eq!(rules.len(), 2, "the rule on verdicts is there, too");
        assert_eq!((rule.name.as_str(), rule.hold.as_secs(), rule.keep.as_secs()), ("high-lag", 300, 90));
        assert_eq!((rule.labels["team"].as_str(), rule.annotations["summary"].as_str()), ("a=b", "slow"));
        assert!(rule.selector.selects("billing-1") && !rule.selector.selects("orders"));
    }

    #[test]
    fn a_rule_on_runs_has_its_own_figures() {
        let config = load("[alerts.slow]\non = 'runs'\ncondition = 'rate < 500'\nactions = ['bell']\n").unwrap();
        let rules = config.alerts.run_rules();
        assert_eq!((rules.len(), config.alerts.rules().len()), (1, 1));
        assert_eq!(rules[0].definition().condition.to_string(), "rate < 500");
        assert_eq!(rules[0].definition().actions, ["bell"]);
    }

    #[test]
    fn the_rule_on_verdicts_can_be_changed_and_disabled() {
        assert!(load("[alerts]\nverdict = { enabled = false }\n").unwrap().alerts.rules().is_empty());
        let rules = load("[alerts.verdict]\nfor = '1m'\n").unwrap().alerts.rules();
        assert_eq!(rules[0].definition().hold.as_secs(), 60);
        assert_eq!(rules[0].definition().condition, Rule::on_verdicts().definition().condition);
    }

    #[test]
    fn problems_have_a_position_and_say_what_to_write() {
        for (text, part) in [
            ("[alerts.a]\nfor = '5m'\n", "alerts.a: the rule has no condition; set one, such as condition"),
            ("[alerts.a]\ncondition = 'speed > 5'\n", "alerts.a.condition: `speed` is not a figure; use lag"),
            ("[alerts.a]\nconditions = 'lag > 5'\n", "unknown setting; [alerts.a] has enabled, on, groups"),
            ("[alerts.a]\ncondition = 'lag > 5'\nfor = 5\n", "alerts.a.for: must be a string, not a number"),
            ("[alerts.a]\ncondition = 'lag > 5'\nfor = '32d'\n", "`32d` is not a duration from 0s to 31d"),
            ("[alerts.a]\ncondition = 'lag > 5'\nseverity = 'bad'\n", "allowed: info, warning or critical"),
            ("[alerts.a]\ncondition = 'lag > 5'\nlabels = ['x']\n", "`x` is not NAME=VALUE"),
            ("[alerts.a]\ncondition = 'lag > 5'\nlabels = ['group=x']\n", "the label `group` is set by kreplay"),
            ("[alerts.a]\ncondition = 'members != 6'\ntopics = ['x']\n", "members is a figure of the whole group"),
            (
                "[alerts.a]\non = 'runs'\ncondition = 'members > 5'\n",
                "alerts.a.condition: `members` is not a figure of a run",
            ),
            ("[alerts.a]\non = 'runs'\n", "set one, such as condition = \"dead_letters > 0\""),
            ("[alerts.a]\non = 'topics'\ncondition = 'lag > 5'\n", "`topics` is neither groups nor runs"),
            ("[alerts.a]\non = 'runs'\ngroups = ['x']\ncondition = 'lag > 5'\n", "a rule on runs applies to each run"),
            ("[alerts.a]\ncondition = 'lag > 5'\nactions = ['ops']\n", "there is no action `ops`; use bell or desktop"),
            ("[alerts.'a b']\ncondition = 'lag > 5'\n", "is not a valid rule name"),
            ("[alerts]\na = 5\n", "alerts.a: must be a table, not a number"),
        ] {
            let problem = load(text).unwrap_err();
            let has_position = [":2:", ":3:"].iter().any(|position| problem.contains(position));
            assert!(problem.contains(part) && has_position, "{text}: {problem}");
        }
    }
}
