//! Requests for runs: read, planned, and started.

use std::sync::Arc;

use kreplay_model::{
    control::{FieldProblem, NumberedRequest},
    feed::PlanningView,
};

use super::SessionLoop;
use crate::replay::RequestedRun;

/// What became of the last requests.
#[derive(Default)]
pub(super) struct Requests {
    read: u64,
    refused: Arc<[FieldProblem]>,
    launched: u64,
    /// The run to plan next, with the number of its request.
    to_plan: Option<(u64, RequestedRun)>,
}

impl Requests {
    /// Adds what became of the requests to the view of the plans.
    pub(super) fn complete(&self, view: PlanningView) -> PlanningView {
        PlanningView { read: self.read, refused: Arc::clone(&self.refused), launched: self.launched, ..view }
    }
}

impl SessionLoop {
    /// Makes a plan of a request.
    pub(super) fn plan_request(&mut self, numbered: &NumberedRequest) {
        // A run that is started once its plan is made keeps that plan. The plan of the request follows.
        let must_wait = self.plan_task.starts_run;
        if !must_wait {
            self.plan_task.stop();
        }
        if let Some(requested) = self.read_request(numbered) {
            self.requests.to_plan = Some((numbered.number, requested));
            if !must_wait {
                self.plan_next_request();
            }
        }
        self.publish_now();
    }

    /// Makes the plan of the request that waits for it, if there is one.
    pub(super) fn plan_next_request(&mut self) {
        let Some((number, requested)) = self.requests.to_plan.take() else { return };
        let RequestedRun { selection, mut settings, .. } = requested;
        settings.group = self.group_named(settings.group, self.runs + 1);
        self.plan_task.start(number, &self.options, &self.health, selection, settings);
        // The next tick publishes it.
        self.published = None;
    }

    /// Stops the plan in progress, and makes none that waits.
    pub(super) fn stop_planning(&mut self) {
        self.plan_task.stop();
        self.requests.to_plan = None;
    }

    /// Starts a run of a request. An active run is stopped first.
    pub(super) fn launch(&mut self, numbered: &NumberedRequest) {
        let Some(requested) = self.read_request(numbered) else { return self.publish_now() };
        let RequestedRun { selection, settings, journal } = requested;
        self.options.scope = selection.scope.clone();
        self.options.selection = Some(selection);
        self.options.settings = settings;
        self.options.journal = journal;
        self.requests.launched = numbered.number;
        self.plan_task.starts_run = false;
        self.start_instead();
        self.publish_now();
    }

    /// Reads a request, and keeps the problems with it. `None` if it has some.
    fn read_request(&mut self, numbered: &NumberedRequest) -> Option<RequestedRun> {
        let requests = self.options.requests.as_ref();
        let read = requests.map_or_else(|| Err(vec![no_requests()]), |requests| requests.read(&numbered.request));
        self.requests.read = numbered.number;
        // A plan of an earlier request is no longer of use.
        self.requests.to_plan = None;
        self.plan_task.clear_problem();
        match read {
            Ok(requested) => {
                self.requests.refused = Arc::default();
                Some(requested)
            }
            Err(problems) => {
                self.requests.refused = problems.into();
                None
            }
        }
    }
}

fn no_requests() -> FieldProblem {
    FieldProblem { field: None, text: "this process starts only the runs that its command line describes".into() }
}
