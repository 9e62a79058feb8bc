//! Starts the runs of a session.

use std::sync::Arc;

use chrono::Utc;
use kreplay_kafka::{Catalog, Client};
use kreplay_model::{
    domain::{AppendOnlyVec, TopicPartition},
    feed::{EventKind, PlanView, Prediction, RunView},
};

use super::SessionLoop;
use crate::{
    handler::{self, DryRunHandlers, HandlerContext, OpenHandlers},
    journal::Journals,
    plan::{Plan, Selection, held_back, resolve},
    replay::{
        Connection, JournalOptions, Problem, checkpoints,
        run::{
            Run,
            concurrency::{check_workers, first_workers, most_workers},
        },
    },
    settings::Settings,
};

/// A run id. Ids sort by time; a random part distinguishes runs of the same second.
fn run_id() -> String {
    format!("{}-{:05x}", Utc::now().format("%Y%m%dT%H%M%S"), rand::random::<u32>() >> 12)
}

/// A dry run reads what a group member would read, but joins no group. It only asks for the group's committed offsets.
fn begin_at_committed_offsets(plan: &mut Plan, group: &str, catalog: &Catalog<'_>) -> Result<(), Problem> {
    let ids: Vec<TopicPartition> = plan.partitions.iter().map(|one| one.id.clone()).collect();
    let committed = catalog.committed(group, &ids).map_err(|error| Problem::failed(&error))?;
    for (one, committed) in plan.partitions.iter_mut().zip(committed) {
        if let Some(committed) = committed {
            one.first = committed.clamp(one.first, one.end.max(one.first));
        }
    }
    plan.notes.push(EventKind::Notice {
        text: format!(
            "reading from the committed offsets of group {group}; the run does not join it and commits nothing"
        ),
    });
    Ok(())
}

/// Opens the handlers of a run. Also returns whether they need one worker that sees all records.
fn open_handlers(settings: &Settings, context: &HandlerContext) -> Result<(Arc<OpenHandlers>, bool), Problem> {
    let opened = match &settings.dry_run {
        Some(mode) => handler::open_dry_run(mode, &settings.handler, context),
        None => settings.handler.open(context).map(|handlers| DryRunHandlers { handlers, single_threaded: false }),
    };
    let opened = opened.map_err(|error| Problem::of(&error))?;
    Ok((Arc::new(OpenHandlers::new(opened.handlers, context)), opened.single_threaded))
}

impl SessionLoop {
    pub(super) fn start(&mut self) {
        let Some(selection) = self.options.selection.clone() else { return self.list_topics() };
        self.problem = None;
        if self.options.settings.planning.before_run && !self.plan_task.starts_run && self.to_resume().is_none() {
            self.plan_selection(selection.clone());
            self.plan_task.starts_run = self.plan_task.is_busy();
            self.publish_now();
            if self.plan_task.starts_run {
                return;
            }
        }
        self.plan_task.starts_run = false;
        match self.refuse_to_resume_as_dry_run().and_then(|()| self.try_start(&selection)) {
            Ok(run) => {
                self.run = Some(run);
                // Before the run is shown: later commands are about it.
                self.take_early_commands();
            }
            Err(problem) => self.problem = Some(problem),
        }
        self.publish_now();
    }

    /// A dry run would mark records as handled that no handler has seen, in the journal of the run that it resumes.
    fn refuse_to_resume_as_dry_run(&self) -> Result<(), Problem> {
        if self.options.settings.dry_run.is_none() || self.to_resume().is_none() {
            return Ok(());
        }
        Err(Problem::usage("a run cannot be resumed as a dry run; resume it without run.dry_run"))
    }

    fn try_start(&mut self, selection: &Selection) -> Result<Run, Problem> {
        selection.scope.rules.decoding.check().map_err(|error| Problem::of(&error))?;
        let client = if let Some(client) = &self.client {
            client.clone()
        } else {
            let client = Client::new(&self.options.kafka, &self.health).map_err(|error| Problem::usage(&error))?;
            self.client.insert(client).clone()
        };
        let catalog = Catalog::new(&client, self.options.timeout);
        let selection = selection.clone().of_group(self.group_of(self.runs + 1).as_deref());
        let (plan, resumed) = if let Some((id, options)) = self.to_resume() {
            let on_retention = self.options.settings.on_retention;
            let (plan, opened) = checkpoints::reopen(options, &id, &selection, on_retention, &catalog)?;
            (plan, Some((id, opened)))
        } else {
            let mut plan = resolve(&catalog, &selection).map_err(|error| Problem::of(&error))?;
            if self.options.settings.dry_run.is_some()
                && let Some(group) = self.group_of(self.runs + 1)
            {
                begin_at_committed_offsets(&mut plan, &group, &catalog)?;
            }
            (plan, None)
        };
        let plan = Arc::new(plan);
        self.events.push(EventKind::Planned {
            topics: plan.topics.len(),
            partitions: plan.partitions.len(),
            records: plan.records(),
        });
        for note in &plan.notes {
            self.events.push(note.clone());
        }
        self.runs += 1;
        let mut settings = self.options.settings.clone();
        settings.group = self.group_of(self.runs);
        let on_failure = settings.describe_on_failure();
        if settings.dry_run.is_some() {
            settings = settings.for_dry_run(false);
        }
        let joined = resumed.as_ref().map_or(0, |(_, opened)| opened.joined.len());
        if let Some(text) = settings.adapt_to_handler(plan.partitions.len() + joined) {
            self.events.notice(text);
        }
        let id = resumed.as_ref().map_or_else(run_id, |(id, _)| id.clone());
        let predicted = self.plan_task.predicted(&plan, &settings);
        self.publish_planned(&id, &plan, &settings, predicted);
        let partitions = plan.partitions.len() + resumed.as_ref().map_or(0, |(_, opened)| opened.joined.len());
        let first = first_workers(partitions, &settings);
        check_workers(partitions, &settings, first).map_err(|error| Problem::usage(&error))?;
        let source = {
            let partitions: AppendOnlyVec<TopicPartition> = plan.partitions.iter().map(|one| one.id.clone()).collect();
            let context = HandlerContext {
                run_id: id.clone(),
                partitions: Arc::new(partitions),
                rules: Arc::clone(&plan.selection.scope.rules),
                kafka: self.options.kafka.clone(),
                cluster_timeout: self.options.timeout,
                group: settings.group.clone(),
                follow: plan.follow,
                events: self.events.clone(),
                now_ms: Utc::now().timestamp_millis(),
                preview_only: settings.dry_run.is_some(),
            };
            let (source, single_threaded) = open_handlers(&settings, &context)?;
            if single_threaded {
                settings = settings.for_dry_run(true);
            }
            source
        };
        let opened = match resumed {
            Some((_, opened)) => {
                checkpoints::check_position_store(&opened, source.position_store())?;
                checkpoints::announce_resume(&self.events, &id, &opened, &plan);
                Some(opened)
            }
            None => self.options.journal.as_ref().filter(|_| settings.dry_run.is_none()).and_then(|options| {
                checkpoints::create(options, &id, &plan, &settings, source.position_store(), &catalog, &self.events)
            }),
        };
        let connection = Connection {
            client: client.clone(),
            kafka: self.options.kafka.clone(),
            protocol: self.options.protocol,
            embedded: self.options.embedded,
            timeout: self.options.timeout,
        };
        // A reader keeps its client until it is closed, so the next run creates another one.
        self.client = None;
        let journal = opened.as_ref().filter(|opened| opened.journal.head().attempt == 1).map(|_| id.clone());
        let mut run =
            Run::start(id, plan, settings, &connection, source, self.events.clone(), opened).map_err(|error| {
                // A run that never started leaves nothing to resume.
                if let (Some(id), Some(journals)) = (journal, self.journals()) {
                    drop(journals.forget(&id));
                }
                Problem::usage(&error)
            })?;
        // The next start is a new run of the same selection, not a resume.
        self.options.journal.iter_mut().for_each(|options| options.resume = None);
        run.predicted_before = predicted;
        run.would_fail = on_failure;
        run.failures.has_console = !self.options.one_run;
        Ok(run)
    }

    fn journals(&self) -> Option<&Journals> {
        self.options.journal.as_ref()?.journals.as_ref()
    }

    fn to_resume(&self) -> Option<(String, &JournalOptions)> {
        let options = self.options.journal.as_ref()?;
        Some((options.resume.clone()?, options))
    }

    /// Shows the run that is about to start, in case starting takes long.
    fn publish_planned(&mut self, id: &str, plan: &Plan, settings: &Settings, predicted: Option<Prediction>) {
        self.last_view = Some(RunView {
            id: id.into(),
            plan: PlanView {
                topics: plan.topics.clone(),
                partitions: plan.partitions.len(),
                records: plan.records(),
                held_back: held_back::total(&plan.held_back),
                ordering: settings.ordering,
                batch: settings.batch.get(),
                tier: settings.tier.to_string(),
                handler: settings.handler.to_string(),
                group: settings.group.clone(),
                selection: plan.selection.scope.to_string(),
                predicted,
                follow: plan.follow,
                ..PlanView::default()
            },
            concurrency: settings.concurrency.get(),
            max_concurrency: most_workers(plan.partitions.len(), settings),
            ..RunView::default()
        });
        self.publish_now();
    }

    /// The group of a run, by the run's number.
    pub(super) fn group_of(&self, run: u32) -> Option<String> {
        self.group_named(self.options.settings.group.clone(), run)
    }

    /// The group of a run by the run's number, if runs have this group.
    pub(super) fn group_named(&self, group: Option<String>, run: u32) -> Option<String> {
        if self.options.group_per_run && run > 1 { group.map(|group| format!("{group}-{run}")) } else { group }
    }
}
