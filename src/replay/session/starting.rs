//! How a session starts a run.

use std::sync::Arc;

use chrono::Utc;

use super::Body;
use crate::{
    domain::{Growing, TopicPartition},
    feed::{EventKind, PlanView, Prediction, RunView},
    handler::{self, HandlerContext, HandlerError, HandlerSource, Rehearsed},
    journal::Journals,
    kafka::{Catalog, Client},
    plan::{Plan, Selection, held_back, resolve},
    replay::{
        Connection, JournalOptions, Problem, Settings, journalling,
        run::{
            Run,
            concurrency::{check_workers, first_workers, most_workers},
        },
    },
};

pub(super) fn usage(error: &dyn std::error::Error) -> Problem {
    Problem { text: error.to_string(), usage: true }
}

pub(super) fn failed(error: &dyn std::error::Error) -> Problem {
    Problem { text: error.to_string(), usage: false }
}

/// Sorts by time, and tells runs of the same second apart.
fn run_id() -> String {
    format!("{}-{:05x}", Utc::now().format("%Y%m%dT%H%M%S"), rand::random::<u32>() >> 12)
}

/// A rehearsal reads what a member of the group would, and is none: the group is only asked where it stands.
fn begin_where_committed(plan: &mut Plan, group: &str, catalog: &Catalog<'_>) -> Result<(), Problem> {
    let ids: Vec<TopicPartition> = plan.partitions.iter().map(|one| one.id.clone()).collect();
    let committed = catalog.committed(group, &ids).map_err(|error| failed(&error))?;
    for (one, committed) in plan.partitions.iter_mut().zip(committed) {
        if let Some(committed) = committed {
            one.first = committed.clamp(one.first, one.end.max(one.first));
        }
    }
    plan.notes.push(EventKind::Notice {
        text: format!("reading from where group {group} has got to; it is not joined, and nothing is committed"),
    });
    Ok(())
}

impl Body {
    pub(super) fn start(&mut self) {
        let Some(selection) = self.options.selection.clone() else { return self.list() };
        self.problem = None;
        if self.options.settings.planning.before_run && !self.plans.then_start && self.to_resume().is_none() {
            self.plan_of(selection.clone());
            self.plans.then_start = self.plans.is_busy();
            self.publish_now();
            if self.plans.then_start {
                return;
            }
        }
        self.plans.then_start = false;
        match self.try_start(&selection) {
            Ok(run) => self.run = Some(run),
            Err(problem) => self.problem = Some(problem),
        }
        self.publish_now();
    }

    fn try_start(&mut self, selection: &Selection) -> Result<Run, Problem> {
        let decoding = selection.scope.rules.decoding.check();
        decoding.map_err(|error| Problem { usage: error.is_usage(), text: error.to_string() })?;
        let client = if let Some(client) = &self.client {
            client.clone()
        } else {
            let client = Client::new(&self.options.kafka, &self.health).map_err(|error| usage(&error))?;
            self.client.insert(client).clone()
        };
        let catalog = Catalog::new(&client, self.options.timeout);
        let selection = selection.clone().of_group(self.group_of(self.runs + 1).as_deref());
        let (plan, resumed) = if let Some((id, options)) = self.to_resume() {
            let on_retention = self.options.settings.on_retention;
            let (plan, opened) = journalling::reopen(options, &id, &selection, on_retention, &catalog)?;
            (plan, Some((id, opened)))
        } else {
            let plan = resolve(&catalog, &selection);
            let mut plan = plan.map_err(|error| Problem { usage: error.is_usage(), text: error.to_string() })?;
            if self.options.settings.rehearsal.is_some()
                && let Some(group) = self.group_of(self.runs + 1)
            {
                begin_where_committed(&mut plan, &group, &catalog)?;
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
        let on_failure = settings.failures_in_words();
        if settings.rehearsal.is_some() {
            settings = settings.for_rehearsal(false);
        }
        let joined = resumed.as_ref().map_or(0, |(_, opened)| opened.joined.len());
        if let Some(text) = settings.suit_handler(plan.partitions.len() + joined) {
            self.events.push(EventKind::Notice { text });
        }
        let id = resumed.as_ref().map_or_else(run_id, |(id, _)| id.clone());
        let predicted = self.plans.predicted(&plan, &settings);
        self.show_planned(&id, &plan, &settings, predicted);
        let partitions = plan.partitions.len() + resumed.as_ref().map_or(0, |(_, opened)| opened.joined.len());
        let first = first_workers(partitions, &settings);
        check_workers(partitions, &settings, first).map_err(|error| usage(&error))?;
        let source = {
            let partitions: Growing<TopicPartition> = plan.partitions.iter().map(|one| one.id.clone()).collect();
            let context = HandlerContext {
                run_id: id.clone(),
                partitions: Arc::new(partitions),
                rules: Arc::clone(&plan.selection.scope.rules),
                kafka: self.options.kafka.clone(),
                group: settings.group.clone(),
                follow: plan.follow,
                events: self.events.clone(),
                settings: settings.handlers.clone(),
                now_ms: Utc::now().timestamp_millis(),
                preview_only: settings.rehearsal.is_some(),
            };
            let (source, single_threaded) = self.open_handlers(&settings, &context)?;
            if single_threaded {
                settings = settings.for_rehearsal(true);
            }
            source
        };
        let opened = match resumed {
            Some((_, opened)) => {
                journalling::check_kept(&opened, source.kept_by())?;
                journalling::tell(&self.events, &id, &opened, &plan);
                Some(opened)
            }
            None => self.options.journal.as_ref().filter(|_| settings.rehearsal.is_none()).and_then(|options| {
                journalling::create(options, &id, &plan, &settings, source.kept_by(), &catalog, &self.events)
            }),
        };
        let connection = Connection {
            client: client.clone(),
            kafka: self.options.kafka.clone(),
            protocol: self.options.protocol,
            embedded: self.options.embedded,
        };
        // A reader keeps its client until it is closed; the next run makes its own.
        self.client = None;
        let journal = opened.as_ref().filter(|opened| opened.journal.head().attempt == 1).map(|_| id.clone());
        let mut run =
            Run::start(id, plan, settings, &connection, source, self.events.clone(), opened).map_err(|error| {
                // A run that never was leaves nothing to go on with.
                if let (Some(id), Some(journals)) = (journal, self.journals()) {
                    drop(journals.forget(&id));
                }
                usage(&error)
            })?;
        // Whoever starts again means the same selection anew.
        self.options.journal.iter_mut().for_each(|options| options.resume = None);
        run.predicted_before = predicted;
        run.would_fail = on_failure;
        run.failures.attended = !self.options.one_run;
        Ok(run)
    }

    /// The handlers of a run, and whether they need one worker that sees all records.
    fn open_handlers(
        &self,
        settings: &Settings,
        context: &HandlerContext,
    ) -> Result<(Arc<dyn HandlerSource>, bool), Problem> {
        let rehearsed = match (&self.source, &settings.rehearsal) {
            (Some(source), None) => return Ok((Arc::clone(source), false)),
            (Some(source), Some(_)) => handler::rehearse_given(Arc::clone(source), context),
            (None, Some(rehearsal)) => handler::rehearse(rehearsal, &settings.handler, context),
            (None, None) => {
                handler::open(&settings.handler, context).map(|source| Rehearsed { source, single_threaded: false })
            }
        };
        let problem = |error: HandlerError| Problem { usage: error.is_usage(), text: error.to_string() };
        rehearsed.map(|it| (it.source, it.single_threaded)).map_err(problem)
    }

    fn journals(&self) -> Option<&Journals> {
        self.options.journal.as_ref()?.journals.as_ref()
    }

    fn to_resume(&self) -> Option<(String, &JournalOptions)> {
        let options = self.options.journal.as_ref()?;
        Some((options.resume.clone()?, options))
    }

    /// A view of what is about to start, so that a slow start shows something.
    fn show_planned(&mut self, id: &str, plan: &Plan, settings: &Settings, predicted: Option<Prediction>) {
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

    /// The group of a run, by its number.
    pub(super) fn group_of(&self, run: u32) -> Option<String> {
        let group = self.options.settings.group.clone();
        if self.options.group_per_run && run > 1 { group.map(|group| format!("{group}-{run}")) } else { group }
    }
}
