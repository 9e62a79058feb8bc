//! Makes plans on a separate thread.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use kreplay_kafka::{Client, ClientHealth};
use kreplay_model::{
    domain::{Classified as _, ErrorClass, RateLimit},
    feed::{Forecast, Planning, PlanningView, Prediction},
};

use crate::{
    plan::{Plan, Planner, Selection},
    replay::{
        background_task::{BackgroundTask, TaskState},
        options::SessionOptions,
    },
    settings::Settings,
};

/// A plan's prediction still holds if the number of records has changed by at most 1/100.
const MAX_CHANGE_DIVISOR: u64 = 100;

enum PlanMessage {
    Progress(Planning),
    Made(Box<Forecast>),
    Failed(String),
    Stopped,
}

/// A plan in progress on its own thread. If this is dropped, the thread ends soon.
struct PlanInProgress {
    /// The number of the request; 0 if it is not one.
    number: u64,
    rate: Option<RateLimit>,
    task: BackgroundTask<PlanMessage>,
    cancel: Arc<AtomicBool>,
    progress: Planning,
}

impl Drop for PlanInProgress {
    fn drop(&mut self) {
        self.cancel.store(true, Relaxed);
    }
}

/// What happened since the last call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlanChange {
    /// Nothing.
    None,
    /// There is new progress.
    Progress,
    /// The plan is made or has failed. What waited for it can continue.
    Finished,
}

/// Makes the session's plans: the plan in progress and the last finished one.
#[derive(Default)]
pub(super) struct PlanTask {
    in_progress: Option<PlanInProgress>,
    forecast: Option<Arc<Forecast>>,
    /// The number of the request that the forecast was made for; 0 if it was not one.
    forecast_of: u64,
    /// The rate limit that the forecast assumes.
    forecast_rate: Option<RateLimit>,
    problem: Option<String>,
    /// Start a run once the plan is made.
    pub(super) starts_run: bool,
}

impl PlanTask {
    /// Starts making a plan and stops the one in progress. `settings` are those of the planned run.
    /// `number` is that of the request, or 0 if it is not one.
    pub(super) fn start(
        &mut self,
        number: u64,
        options: &SessionOptions,
        health: &Arc<ClientHealth>,
        selection: Selection,
        settings: Settings,
    ) {
        self.problem = None;
        let rate = settings.rate;
        let cancel = Arc::new(AtomicBool::new(false));
        let (kafka, health, timeout, cancelled) =
            (options.kafka.clone(), Arc::clone(health), options.timeout, Arc::clone(&cancel));
        let spawned = BackgroundTask::spawn("plan", move |results| {
            let send = |message| {
                results.send(message);
            };
            let client = match Client::new(&kafka, &health) {
                Ok(client) => client,
                Err(error) => return send(PlanMessage::Failed(error.to_string())),
            };
            let planner = Planner { client: &client, settings: &settings, timeout, cancel: &cancelled };
            let made = planner.make(&selection, &mut |progress| send(PlanMessage::Progress(progress)));
            client.close();
            send(match made {
                Ok(forecast) => PlanMessage::Made(Box::new(forecast)),
                Err(error) if error.class() == ErrorClass::Stopped => PlanMessage::Stopped,
                Err(error) => PlanMessage::Failed(error.to_string()),
            });
        });
        match spawned {
            Ok(task) => {
                let progress = Planning::default();
                self.in_progress = Some(PlanInProgress { number, rate, task, cancel, progress });
            }
            Err(error) => self.problem = Some(format!("the operating system cannot start another thread ({error})")),
        }
    }

    /// Stops the plan in progress.
    pub(super) fn stop(&mut self) {
        self.in_progress = None;
        self.starts_run = false;
    }

    /// Reports that no plan can be made.
    pub(super) fn refuse(&mut self, problem: String) {
        self.problem = Some(problem);
    }

    /// Forgets why the last plan could not be made.
    pub(super) fn clear_problem(&mut self) {
        self.problem = None;
    }

    /// Whether a plan is being made.
    pub(super) fn is_busy(&self) -> bool {
        self.in_progress.is_some()
    }

    /// Takes the messages of the thread since the last call. Never waits.
    pub(super) fn poll(&mut self) -> PlanChange {
        let Some(in_progress) = &mut self.in_progress else { return PlanChange::None };
        let mut change = PlanChange::None;
        loop {
            match in_progress.task.poll() {
                TaskState::New(PlanMessage::Progress(progress)) => {
                    in_progress.progress = progress;
                    change = PlanChange::Progress;
                    continue;
                }
                TaskState::New(PlanMessage::Made(forecast)) => {
                    self.forecast = Some(Arc::from(forecast));
                    self.forecast_of = in_progress.number;
                    self.forecast_rate = in_progress.rate;
                }
                TaskState::New(PlanMessage::Failed(problem)) => self.problem = Some(problem),
                TaskState::New(PlanMessage::Stopped) => {}
                TaskState::Waiting => return change,
                TaskState::Ended => {
                    self.problem = Some("the plan could not be made; please report this".into());
                }
            }
            self.in_progress = None;
            return PlanChange::Finished;
        }
    }

    /// Why the last plan could not be made.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// The plans as the feed shows them.
    pub(super) fn view(&self) -> PlanningView {
        PlanningView {
            forecast: self.forecast.clone(),
            in_progress: self.in_progress.as_ref().map(|in_progress| in_progress.progress),
            problem: self.problem.clone(),
            forecast_of: self.forecast_of,
            ..PlanningView::default()
        }
    }

    /// The last plan's prediction for this run; `None` if it was made for another range or other settings.
    pub(super) fn predicted(&self, plan: &Plan, settings: &Settings) -> Option<Prediction> {
        let forecast = self.forecast.as_deref()?;
        let (made_for, now) = (forecast.coverage.offsets, plan.records());
        let same = forecast.topics == plan.topics
            && forecast.partitions.len() == plan.partitions.len()
            && now.abs_diff(made_for) <= now / MAX_CHANGE_DIVISOR
            && self.forecast_rate == settings.rate
            && forecast.conditions.handler == settings.handler.to_string()
            && forecast.conditions.group.is_some() == settings.group.is_some()
            && forecast.conditions.scope == plan.selection.scope.to_string();
        let curve = forecast.curves.iter().find(|curve| curve.ordering == settings.ordering).filter(|_| same)?;
        let workers = settings.concurrency.get();
        let point = curve.points.iter().find(|point| point.workers == workers)?;
        Some(Prediction { elapsed_s: point.elapsed_s, limit: point.limit })
    }
}
