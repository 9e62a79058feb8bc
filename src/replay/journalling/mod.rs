//! From a session to the journal of its run, and back.

pub mod recorder;

use std::{collections::BTreeMap, sync::Arc};

use chrono::Utc;

use super::{Problem, Settings, partition::key_groups::GroupTable, settings::OnRetention};
use crate::{
    domain::{Offset, TopicPartition},
    feed::{EventKind, EventLog},
    handler::KeptBy,
    journal::{
        Change, Figures, Head, Journal, JournalError, Journals, PartitionPlan, Stored, StoredPartition, TopicNow,
        TopicPlan,
    },
    kafka::{Catalog, CatalogError},
    plan::{Plan, PlannedPartition, Selection, TopicSet},
};

/// What a session needs for journals.
#[derive(Clone, Debug, Default)]
pub struct JournalOptions {
    /// Where they are; `None` where no directory for them is known.
    pub journals: Option<Journals>,
    /// How many finished runs are kept.
    pub keep: usize,
    /// How the cluster is reached, as a configuration file says it; without secrets.
    pub connection: String,
    /// How runs go: settings by table and name, and their values as a configuration file writes them.
    pub settings: BTreeMap<String, String>,
    /// Settings of the handler that are not among those, because they hold secrets.
    pub left_out: Vec<String>,
    /// The first run of the session is this one, by its id, which goes on from its journal.
    pub resume: Option<String>,
}

/// A journal that is open, and what stood in it.
pub(super) struct Opened {
    pub(super) journal: Journal,
    pub(super) keep: usize,
    /// What earlier attempts add up to.
    pub(super) before: Figures,
    /// Where they left each partition; empty for a new run.
    pub(super) partitions: Vec<StoredPartition>,
    /// Partitions that joined after the plan was made.
    pub(super) joined: Vec<PlannedPartition>,
}

/// Begins the journal of a new run. A run without one is still a run; it only cannot be resumed, which is told.
pub(super) fn create(
    options: &JournalOptions,
    id: &str,
    plan: &Plan,
    settings: &Settings,
    kept_by: KeptBy,
    catalog: &Catalog<'_>,
    events: &EventLog,
) -> Option<Opened> {
    let mut options = options.clone();
    // What was changed since the configuration was read.
    let workers = if settings.adaptive { r#""auto""#.to_owned() } else { settings.concurrency.get().to_string() };
    options.settings.insert("run.concurrency".into(), workers);
    match settings.rate {
        Some(rate) => options.settings.insert("run.rate".into(), toml::Value::from(rate.to_string()).to_string()),
        None => options.settings.remove("run.rate"),
    };
    if let TopicSet::Named(names) = &plan.selection.topics {
        options.settings.remove("run.topics_regex");
        options.settings.insert("run.topics".into(), toml::Value::from(names.clone()).to_string());
    }
    let created = try_create(&options, id, plan, settings.group.as_ref(), kept_by, catalog);
    created
        .inspect_err(|error| {
            let text = format!("this run cannot be resumed, because its journal cannot be kept: {error}");
            events.push(EventKind::Warning { text });
        })
        .ok()
}

fn try_create(
    options: &JournalOptions,
    id: &str,
    plan: &Plan,
    group: Option<&String>,
    kept_by: KeptBy,
    catalog: &Catalog<'_>,
) -> Result<Opened, JournalError> {
    let journals = options.journals.as_ref().ok_or(JournalError::NoDirectory)?;
    // Without ids a resumed run can tell a topic that was created again by its log only.
    let mut ids = plan.topic_ids.clone();
    let count = |name: &str| {
        let own = plan.partitions.iter().filter(|one| *one.id.topic == *name);
        own.map(|one| one.id.partition.0 + 1).max().unwrap_or(0)
    };
    let topics = plan.topics.iter();
    let head = Head {
        run_id: id.into(),
        attempt: 1,
        created: Utc::now(),
        cluster_id: catalog.cluster_id(),
        connection: options.connection.clone(),
        settings: settings_text(&options.settings),
        left_out: options.left_out.clone(),
        group: group.cloned(),
        kept_by_target: kept_by != KeptBy::Run,
        follow: plan.follow,
        topics: topics
            .map(|name| TopicPlan { name: name.clone(), id: ids.remove(name), partitions: count(name) })
            .collect(),
        partitions: plan.partitions.iter().map(partition_plan).collect(),
        planned: plan.partitions.len(),
    };
    let (keep, before) = (options.keep, Figures::default());
    let journal = Journal::create(journals, head)?;
    Ok(Opened { journal, keep, before, partitions: Vec::new(), joined: Vec::new() })
}

pub(super) fn partition_plan(one: &PlannedPartition) -> PartitionPlan {
    PartitionPlan { topic: one.id.topic.to_string(), partition: one.id.partition.0, first: one.first, end: one.end }
}

/// As a configuration file. The keys of a table stand next to each other, since they are in order.
pub(crate) fn settings_text(settings: &BTreeMap<String, String>) -> String {
    let (mut text, mut last) = (String::new(), "");
    for (key, value) in settings {
        let (table, name) = key.split_once('.').unwrap_or(("run", key));
        if table != last {
            text.extend(["[", table, "]\n"]);
            last = table;
        }
        text.extend([name, " = ", value, "\n"]);
    }
    text
}

/// Opens the journal of a run that is to go on, and checks that the cluster still holds what it speaks of.
pub(super) fn reopen(
    options: &JournalOptions,
    id: &str,
    selection: &Selection,
    on_retention: OnRetention,
    catalog: &Catalog<'_>,
) -> Result<(Plan, Opened), Problem> {
    let journals = options.journals.as_ref().ok_or_else(|| of_journal(&JournalError::NoDirectory))?;
    let stored = Stored::open(journals, id).map_err(|error| of_journal(&error))?;
    check_sound(&stored).map_err(|reason| of_journal(&JournalError::Corrupt { id: id.into(), reason }))?;
    let mut plan = plan_of(&stored.head, selection);
    check_cluster(&stored, &plan, on_retention, catalog)?;
    let (journal, before, partitions) = stored.go_on().map_err(|error| of_journal(&error))?;
    let joined = plan.partitions.split_off(journal.head().planned.min(plan.partitions.len()));
    Ok((plan, Opened { journal, keep: options.keep, before, partitions, joined }))
}

/// Checksums say that each part is as it was written; this says that the parts belong together.
fn check_sound(stored: &Stored) -> Result<(), String> {
    for (plan, StoredPartition { state, groups, .. }) in stored.head.partitions.iter().zip(&stored.partitions) {
        let table = GroupTable::restore(groups);
        if (table.records(), table.digest_bits()) != (state.counters.handled, state.digest) {
            return Err(format!("the key groups of {}-{} are not those of its position", plan.topic, plan.partition));
        }
    }
    Ok(())
}

fn plan_of(head: &Head, selection: &Selection) -> Plan {
    let mut names: BTreeMap<&str, Arc<str>> = BTreeMap::new();
    let partitions = head.partitions.iter().map(|one| {
        let topic = names.entry(&one.topic).or_insert_with(|| one.topic.as_str().into());
        PlannedPartition { id: TopicPartition::new(Arc::clone(topic), one.partition), first: one.first, end: one.end }
    });
    Plan {
        partitions: partitions.collect(),
        topics: head.topics.iter().map(|topic| topic.name.clone()).collect(),
        topic_ids: head.topics.iter().filter_map(|topic| Some((topic.name.clone(), topic.id.clone()?))).collect(),
        follow: head.follow,
        selection: selection.clone(),
        ..Plan::default()
    }
}

fn check_cluster(
    stored: &Stored,
    plan: &Plan,
    on_retention: OnRetention,
    catalog: &Catalog<'_>,
) -> Result<(), Problem> {
    let head = &stored.head;
    let refused = |change: &dyn std::fmt::Display, usage: bool| Problem {
        text: format!("run {} cannot be resumed: {change}", head.run_id),
        usage,
    };
    // The id comes with the first answer of a broker; one that does not answer is told by the next question.
    head.check_cluster(catalog.cluster_id().as_deref()).map_err(|change| refused(&change, true))?;
    let mut ids = catalog.topic_ids(&plan.topics).map_err(|error| refused(&error, false))?;
    for topic in &head.topics {
        let found = catalog.topic(&topic.name).map_err(|error| match error {
            CatalogError::UnknownTopic(name) => {
                refused(&format!("topic {name} is not there any more. Start a new run over topics that are"), false)
            }
            other => refused(&other, false),
        })?;
        let now = TopicNow { id: ids.remove(&topic.name), partitions: found.partitions };
        // A run that follows the log takes new partitions in.
        let grown = plan.follow && now.partitions > topic.partitions;
        let now = if grown { TopicNow { partitions: topic.partitions, ..now } } else { now };
        topic.check(&now).map_err(|change| refused(&change, false))?;
    }
    if stored.partitions.is_empty() {
        // The group or the target knows the positions, and what becomes of them when the log has changed.
        return Ok(());
    }
    let places: Vec<TopicPartition> = plan.partitions.iter().map(|one| one.id.clone()).collect();
    let logs = catalog.log_ends(&places).map_err(|error| refused(&error, false))?;
    for ((planned, stored), log) in head.partitions.iter().zip(&stored.partitions).zip(&logs) {
        match planned.check(stored.state.position, log) {
            // The run has its own way with those: it goes on behind them and counts them, or pauses.
            Err(Change::Gone { .. }) if on_retention != OnRetention::Fail => {}
            checked => checked.map_err(|change| refused(&change, false))?,
        }
    }
    Ok(())
}

fn of_journal(error: &JournalError) -> Problem {
    Problem { text: error.to_string(), usage: error.is_usage() }
}

/// Whether positions are kept where they were before; otherwise nobody would know where to go on.
pub(super) fn check_kept(opened: &Opened, kept_by: KeptBy) -> Result<(), Problem> {
    let head = opened.journal.head();
    let reason = match (head.kept_by_target, kept_by != KeptBy::Run) {
        (true, false) => "its positions are in the target of its handler, and the handler does not keep them any more",
        (false, true) => "its positions are in its journal, and its handler wants to keep them in its target now",
        _ => return Ok(()),
    };
    let text = format!("run {} cannot be resumed: {reason}. Start a new run", head.run_id);
    Err(Problem { text, usage: true })
}

/// Tells what is ahead of a run that goes on.
pub(super) fn tell(events: &EventLog, id: &str, opened: &Opened, plan: &Plan) {
    let attempt = opened.journal.head().attempt;
    let text = match left(opened, plan) {
        _ if opened.partitions.is_empty() => format!("run {id} goes on, attempt {attempt}"),
        (left, 0) => format!("run {id} goes on, attempt {attempt}: {left} offsets are left"),
        (left, repeats) => format!(
            "run {id} goes on, attempt {attempt}: {left} offsets are left; up to {repeats} records were begun when it was \
             interrupted, are handled again, and count as duplicates"
        ),
    };
    events.push(EventKind::Notice { text });
}

/// How many records are left, and how many of them may be handled a second time.
fn left(opened: &Opened, plan: &Plan) -> (u64, u64) {
    let mut sums = (0, 0);
    for (planned, stored) in plan.partitions.iter().chain(&opened.joined).zip(&opened.partitions) {
        let position = Offset::new(stored.state.position).unwrap_or_default();
        sums.0 += planned.end.since(position);
        sums.1 += stored.repeats.records();
    }
    sums
}
