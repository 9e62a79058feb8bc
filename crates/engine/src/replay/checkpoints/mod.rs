//! The journal of a run: creates it, resumes from it, and takes checkpoints.

pub mod thread;

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use chrono::Utc;
use kreplay_kafka::{Catalog, CatalogError};
use kreplay_model::{
    domain::{ErrorClass, Offset, TopicPartition, number::counted_as},
    feed::EventLog,
};

use super::{Problem, partition::key_groups::GroupTable};
use crate::settings::{OnRetention, Settings};
use crate::{
    handler::PositionStore,
    journal::{
        ClusterChange, Head, Journal, JournalError, JournalTotals, Journals, PartitionPlan, Stored, StoredPartition,
        TopicNow, TopicPlan,
    },
    plan::{Plan, PlannedPartition, Selection, TopicSet},
};

/// Options for the journals of a session.
#[derive(Clone, Debug, Default)]
pub struct JournalOptions {
    /// The journals; `None` if no directory for them is known.
    pub journals: Option<Journals>,
    /// How many finished runs are kept.
    pub keep: usize,
    /// The connection to the cluster in the format of a configuration file, without secrets.
    pub connection: String,
    /// The run's settings by table and name, with their values in the format of a configuration file.
    pub settings: BTreeMap<String, String>,
    /// Handler settings that are omitted because they hold secrets.
    pub left_out: Vec<String>,
    /// The id of the run that the session resumes first.
    pub resume: Option<String>,
}

/// An open journal and its contents.
pub(super) struct OpenJournal {
    pub(super) journal: Journal,
    pub(super) keep: usize,
    /// The totals of earlier attempts.
    pub(super) before: JournalTotals,
    /// The state of each partition after the last attempt; empty for a new run.
    pub(super) partitions: Vec<StoredPartition>,
    /// Partitions that joined after the plan was made.
    pub(super) joined: Vec<PlannedPartition>,
}

/// Creates the journal of a new run. Without a journal the run still works, but cannot be resumed, which is reported.
pub(super) fn create(
    options: &JournalOptions,
    id: &str,
    plan: &Plan,
    settings: &Settings,
    position_store: PositionStore,
    catalog: &Catalog<'_>,
    events: &EventLog,
) -> Option<OpenJournal> {
    let mut options = options.clone();
    // Settings that changed after the configuration was read.
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
    let created = try_create(&options, id, plan, settings.group.as_ref(), position_store, catalog);
    created
        .inspect_err(|error| {
            let text = format!("this run cannot be resumed, because its journal cannot be created: {error}");
            events.warn(text);
        })
        .ok()
}

fn try_create(
    options: &JournalOptions,
    id: &str,
    plan: &Plan,
    group: Option<&String>,
    position_store: PositionStore,
    catalog: &Catalog<'_>,
) -> Result<OpenJournal, JournalError> {
    let journals = options.journals.as_ref().ok_or(JournalError::NoDirectory)?;
    // Without topic ids a resumed run detects a recreated topic only by its log.
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
        kept_by_target: position_store != PositionStore::Run,
        follow: plan.follow,
        topics: topics
            .map(|name| TopicPlan { name: name.clone(), id: ids.remove(name), partitions: count(name) })
            .collect(),
        partitions: plan.partitions.iter().map(partition_plan).collect(),
        planned: plan.partitions.len(),
    };
    let (keep, before) = (options.keep, JournalTotals::default());
    let journal = Journal::create(journals, head)?;
    Ok(OpenJournal { journal, keep, before, partitions: Vec::new(), joined: Vec::new() })
}

pub(super) fn partition_plan(one: &PlannedPartition) -> PartitionPlan {
    PartitionPlan { topic: one.id.topic.to_string(), partition: one.id.partition.0, first: one.first, end: one.end }
}

/// The settings in the format of a configuration file. The keys of a table are adjacent because the map is sorted.
#[must_use]
pub fn settings_text(settings: &BTreeMap<String, String>) -> String {
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

/// Opens the journal of a run to resume, and checks that the cluster still holds its records.
pub(super) fn reopen(
    options: &JournalOptions,
    id: &str,
    selection: &Selection,
    on_retention: OnRetention,
    catalog: &Catalog<'_>,
) -> Result<(Plan, OpenJournal), Problem> {
    let journals = options.journals.as_ref().ok_or_else(|| Problem::of(&JournalError::NoDirectory))?;
    let stored = Stored::open(journals, id).map_err(|error| Problem::of(&error))?;
    check_consistency(&stored).map_err(|reason| Problem::of(&JournalError::Corrupt { id: id.into(), reason }))?;
    let mut plan = plan_of(&stored.head, selection);
    check_cluster(&stored, &plan, on_retention, catalog)?;
    let (journal, before, partitions) = stored.resume().map_err(|error| Problem::of(&error))?;
    let joined = plan.partitions.split_off(journal.head().planned.min(plan.partitions.len()));
    Ok((plan, OpenJournal { journal, keep: options.keep, before, partitions, joined }))
}

/// Checksums prove that each row is intact; this checks that the rows belong together.
fn check_consistency(stored: &Stored) -> Result<(), String> {
    for (plan, StoredPartition { state, groups, .. }) in stored.head.partitions.iter().zip(&stored.partitions) {
        let table = GroupTable::restore(groups);
        if (table.records(), table.digest_bits()) != (state.counters.handled, state.digest) {
            return Err(format!("the key groups of {}-{} do not match its position", plan.topic, plan.partition));
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
    let refused = |change: &dyn std::fmt::Display, class| Problem {
        text: format!("run {} cannot be resumed: {change}", head.run_id),
        class,
    };
    // The cluster id comes with the first answer of a broker. If no broker answers, the next request reports it.
    head.check_cluster(catalog.cluster_id().as_deref()).map_err(|change| refused(&change, ErrorClass::Usage))?;
    let mut ids = catalog.topic_ids(&plan.topics).map_err(|error| refused(&error, ErrorClass::Failed))?;
    for topic in &head.topics {
        let found = catalog.topic(&topic.name).map_err(|error| match error {
            CatalogError::UnknownTopic(name) => refused(
                &format!("topic {name} no longer exists. Start a new run over existing topics"),
                ErrorClass::Failed,
            ),
            other => refused(&other, ErrorClass::Failed),
        })?;
        let now = TopicNow { id: ids.remove(&topic.name), partitions: found.partitions };
        // A run that follows the log accepts new partitions.
        let grown = plan.follow && now.partitions > topic.partitions;
        let now = if grown { TopicNow { partitions: topic.partitions, ..now } } else { now };
        topic.check(&now).map_err(|change| refused(&change, ErrorClass::Failed))?;
    }
    if stored.partitions.is_empty() {
        // The group or the target stores the positions and handles a changed log.
        return Ok(());
    }
    let partition_ids: Vec<TopicPartition> = plan.partitions.iter().map(|one| one.id.clone()).collect();
    let logs = catalog.log_ends(&partition_ids).map_err(|error| refused(&error, ErrorClass::Failed))?;
    for ((planned, stored), log) in head.partitions.iter().zip(&stored.partitions).zip(&logs) {
        match planned.check(stored.state.position, log) {
            // The run handles these itself: it continues after the gap and counts it, or pauses.
            Err(ClusterChange::Gone { .. }) if on_retention != OnRetention::Fail => {}
            checked => checked.map_err(|change| refused(&change, ErrorClass::Failed))?,
        }
    }
    Ok(())
}

/// Checks that positions are still stored in the same place; otherwise the run could not continue from them.
pub(super) fn check_position_store(opened: &OpenJournal, position_store: PositionStore) -> Result<(), Problem> {
    let head = opened.journal.head();
    let reason = match (head.kept_by_target, position_store != PositionStore::Run) {
        (true, false) => {
            "its positions are stored in the handler's target, but the handler no longer stores them there"
        }
        (false, true) => "its positions are stored in its journal, but the handler now stores them in its target",
        _ => return Ok(()),
    };
    Err(Problem::usage(&format!("run {} cannot be resumed: {reason}. Start a new run", head.run_id)))
}

/// Reports how much a resumed run has left.
pub(super) fn announce_resume(events: &EventLog, id: &str, opened: &OpenJournal, plan: &Plan) {
    let attempt = opened.journal.head().attempt;
    let mut text = format!("resuming run {id} (attempt {attempt})");
    if !opened.partitions.is_empty() {
        let (remaining, repeats) = remaining(opened, plan);
        // Writing to a String cannot fail.
        let _ = write!(text, ": {}", counted_as(remaining, "offset is left", "offsets are left"));
        if repeats > 0 {
            let again = counted_as(
                repeats,
                "record that was in flight when it was interrupted is handled again and counts as a duplicate",
                "records that were in flight when it was interrupted are handled again and count as duplicates",
            );
            let _ = write!(text, "; up to {again}");
        }
    }
    events.notice(text);
}

/// The number of records that are left, and how many of them may be handled a second time.
fn remaining(opened: &OpenJournal, plan: &Plan) -> (u64, u64) {
    let mut sums = (0, 0);
    for (planned, stored) in plan.partitions.iter().chain(&opened.joined).zip(&opened.partitions) {
        let position = Offset::new(stored.state.position).unwrap_or_default();
        sums.0 += planned.end.since(position);
        sums.1 += stored.repeats.records();
    }
    sums
}
