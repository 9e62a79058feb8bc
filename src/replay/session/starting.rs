//! How a session starts a run.

use std::sync::Arc;

use chrono::Utc;

use super::Body;
use crate::{
    domain::{Growing, TopicPartition},
    feed::{EventKind, PlanView, Prediction, RunView},
    handler::{self, HandlerContext, HandlerSource},
    journal::Journals,
    kafka::{Catalog, Client},
    plan::{Plan, Selection, resolve},
    replay::{
        Connection, JournalOptions, Problem, Settings, journalling,
        run::{
            Run,
            concurrency::{check_workers, first_workers},
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
            (plan.map_err(|error| Problem { usage: error.is_usage(), text: error.to_string() })?, None)
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
        let id = resumed.as_ref().map_or_else(run_id, |(id, _)| id.clone());
        let predicted = self.plans.predicted(&plan, &settings);
        self.show_planned(&id, &plan, &settings, predicted);
        let partitions = plan.partitions.len() + resumed.as_ref().map_or(0, |(_, opened)| opened.joined.len());
        let first = first_workers(partitions, &settings);
        check_workers(partitions, &settings, first).map_err(|error| usage(&error))?;
        let source: Arc<dyn HandlerSource> = if let Some(source) = &self.source {
            Arc::clone(source)
        } else {
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
            };
            handler::open(&settings.handler, &context)
                .map_err(|error| Problem { usage: error.is_usage(), text: error.to_string() })?
        };
        let opened = match resumed {
            Some((_, opened)) => {
                journalling::check_kept(&opened, source.kept_by())?;
                journalling::tell(&self.events, &id, &opened, &plan);
                Some(opened)
            }
            None => self.options.journal.as_ref().and_then(|options| {
                journalling::create(options, &id, &plan, &settings, source.kept_by(), &catalog, &self.events)
            }),
        };
        let connection =
            Connection { client: client.clone(), kafka: self.options.kafka.clone(), protocol: self.options.protocol };
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
        run.failures.attended = !self.options.one_run;
        Ok(run)
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
