//! Conditions in PromQL.

use std::time::Duration;

use kreplay_model::{
    domain::duration,
    watch::{VerdictKind, VerdictSeverity},
};

use super::{InexpressibleError, pattern, quoted};
use crate::{
    CountFigure, Selector, TimeFigure,
    condition::{Comparison, Condition, Equality, Relation, json_word},
};

type Result<T> = std::result::Result<T, InexpressibleError>;

/// The verdicts that say something about a group.
const VERDICTS: [VerdictKind; 18] = [
    VerdictKind::Lost,
    VerdictKind::WillLose,
    VerdictKind::Wedged,
    VerdictKind::Ahead,
    VerdictKind::RebalanceStuck,
    VerdictKind::Stopped,
    VerdictKind::StuckPartition,
    VerdictKind::OrphanPartition,
    VerdictKind::Rewound,
    VerdictKind::FallingBehind,
    VerdictKind::Flapping,
    VerdictKind::SlowMember,
    VerdictKind::HotPartition,
    VerdictKind::MayLose,
    VerdictKind::PositionsExpire,
    VerdictKind::CatchingUp,
    VerdictKind::Quiet,
    VerdictKind::Fine,
];

/// The expression of a condition. Its result has a series for each group that satisfies the condition, without other
/// labels: an alert is the same one while a verdict or the exporter changes.
pub(super) fn expression(condition: &Condition, selector: &Selector, prefix: &str) -> Result<String> {
    let names = Names::new(selector, prefix)?;
    let parts = condition.comparisons.iter().map(|it| names.comparison(it)).collect::<Result<Vec<_>>>()?;
    let joined = match &parts[..] {
        [only] => only.clone(),
        _ => parts.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(" and on (group) "),
    };
    Ok(format!("max by (group) ({joined})"))
}

/// The metrics of the selected groups and topics.
struct Names<'a> {
    prefix: &'a str,
    /// Matchers of the group, such as `group=~"billing-.*"`; may be empty.
    groups: String,
    /// Matchers of group and topic; `None` for all topics.
    topics: Option<String>,
}

impl<'a> Names<'a> {
    fn new(selector: &Selector, prefix: &'a str) -> Result<Self> {
        let matcher = |label: &str, globs: &[_]| {
            pattern::matcher(globs).map(|regex| regex.map(|regex| format!("{label}=~{}", quoted(&regex))))
        };
        let groups = matcher("group", &selector.groups)?.unwrap_or_default();
        let topics = matcher("topic", &selector.topics)?.map(|topics| joined(&groups, &topics));
        Ok(Self { prefix, groups, topics })
    }

    /// A metric of the group, with more matchers.
    fn group_with(&self, figure: &str, more: &str) -> String {
        format!("{}group_{figure}{{{}}}", self.prefix, joined(&self.groups, more))
    }

    fn group(&self, figure: &str) -> String {
        self.group_with(figure, "")
    }

    /// A figure of partitions: that of the group, or of the topics, combined by `aggregate`.
    fn figure(&self, figure: &str, aggregate: &str) -> String {
        match &self.topics {
            None => self.group(figure),
            Some(topics) => format!("{aggregate} by (group) ({}group_topic_{figure}{{{topics}}})", self.prefix),
        }
    }

    /// The condition under which a sum over partitions is complete.
    fn is_complete(&self) -> String {
        format!("{} == 0", self.group("unknown_partitions"))
    }

    /// The condition under which the description of a group is current.
    fn is_up(&self) -> String {
        format!("{} == 1", self.group("up"))
    }

    fn comparison(&self, comparison: &Comparison) -> Result<String> {
        match comparison {
            Comparison::Count(figure, relation, value) => {
                let (left, guard) = self.count(*figure)?;
                Ok(format!("{left} {} {value} and on (group) {guard}", operator(*relation)))
            }
            Comparison::Time(figure, relation, time) => {
                Ok(format!("{} {} {}", self.time(*figure)?, operator(*relation), time.as_secs_f64()))
            }
            Comparison::Rebalances(window, relation, count) => {
                // A count that grew between two scrapes is extrapolated to the ends of the period.
                let increase = format!(
                    "round(increase({}[{}]))",
                    self.group("rebalances_total"),
                    duration::in_units((*window).max(Duration::from_millis(1)))
                );
                Ok(format!("{increase} {} {count} and on (group) {}", operator(*relation), self.is_up()))
            }
            Comparison::State(equality, word) => {
                let regex = quoted(&format!("(?i:{})", pattern::escaped(word)));
                let matcher = if *equality == Equality::Is { "=~" } else { "!~" };
                let state = self.group_with("state", &format!("state{matcher}{regex}"));
                Ok(format!("{state} == 1 and on (group) {}", self.is_up()))
            }
            Comparison::Verdict(Equality::Is, kind) => self.verdicts(&[*kind]),
            Comparison::Verdict(Equality::IsNot, kind) => {
                self.verdicts(&VERDICTS.into_iter().filter(|other| other != kind).collect::<Vec<_>>())
            }
            Comparison::Severity(relation, severity) => self.verdicts(&of_severity(*relation, *severity)),
        }
    }

    /// The figure, and the condition under which it is known.
    fn count(&self, figure: CountFigure) -> Result<(String, String)> {
        let of_group_only = |metric: &str| match &self.topics {
            None => Ok((self.group(metric), self.is_up())),
            Some(_) => Err(InexpressibleError::NoMetricByTopic(figure.name())),
        };
        match figure {
            CountFigure::Lag => Ok((self.figure("lag_offsets", "sum"), self.is_complete())),
            CountFigure::Readable => Ok((self.figure("readable_offsets", "sum"), self.is_complete())),
            CountFigure::Lost => Ok((self.figure("lost_offsets", "sum"), self.is_complete())),
            CountFigure::MaxPartitionLag => {
                let left = match &self.topics {
                    None => self.group("max_partition_lag_offsets"),
                    Some(topics) => format!("max by (group) ({}group_partition_lag_offsets{{{topics}}})", self.prefix),
                };
                Ok((left, self.is_complete()))
            }
            CountFigure::RecordsLeft => Err(InexpressibleError::NoMetric(figure.name())),
            CountFigure::Members => of_group_only("members"),
            CountFigure::IdleMembers => of_group_only("idle_members"),
            CountFigure::OrphanPartitions => of_group_only("orphan_partitions"),
        }
    }

    /// The figure in seconds.
    fn time(&self, figure: TimeFigure) -> Result<String> {
        match figure {
            TimeFigure::Age => Ok(format!("({})", self.age())),
            TimeFigure::Deadline => {
                // An age without a deadline: nothing limits the age of records.
                Ok(format!("({} or on (group) ({}) + Inf)", self.figure("deadline_seconds", "min"), self.age()))
            }
            TimeFigure::Eta => {
                let state = |word: &str| self.group_with("eta_state", &format!("state={}", quoted(word)));
                Ok(format!(
                    "({} or on (group) ({} == 1) * Inf or on (group) ({} == 1) * 0)",
                    self.group("eta_seconds"),
                    state("never"),
                    state("done")
                ))
            }
            TimeFigure::NoProgress => Err(InexpressibleError::NoMetric(figure.name())),
        }
    }

    /// The age of the oldest unread record, 0 if there is none. Not known if a committed offset is beyond its log.
    fn age(&self) -> String {
        let none = |figure: &str| format!("{} == 0", self.figure(figure, "sum"));
        let (readable, ahead) = (none("readable_offsets"), none("ahead_offsets"));
        let nothing = format!("{readable} and on (group) {ahead} and on (group) {}", self.is_complete());
        format!("{} or on (group) ({nothing})", self.figure("age_seconds", "max"))
    }

    fn verdicts(&self, kinds: &[VerdictKind]) -> Result<String> {
        let words = kinds.iter().map(json_word).collect::<std::result::Result<Vec<_>, _>>();
        let words = words.ok().filter(|words| !words.is_empty()).ok_or(InexpressibleError::NoVerdict)?;
        let matcher = match &words[..] {
            [only] => format!("verdict={}", quoted(only)),
            _ => format!("verdict=~{}", quoted(&words.join("|"))),
        };
        Ok(format!("{} == 1", self.group_with("verdict", &matcher)))
    }
}

fn of_severity(relation: Relation, severity: VerdictSeverity) -> Vec<VerdictKind> {
    VERDICTS.into_iter().filter(|kind| relation.holds(&kind.severity(), &severity)).collect()
}

fn joined(one: &str, other: &str) -> String {
    if one.is_empty() || other.is_empty() { format!("{one}{other}") } else { format!("{one},{other}") }
}

fn operator(relation: Relation) -> &'static str {
    match relation {
        Relation::Equal => "==",
        Relation::NotEqual => "!=",
        Relation::Less => "<",
        Relation::LessOrEqual => "<=",
        Relation::Greater => ">",
        Relation::GreaterOrEqual => ">=",
    }
}
