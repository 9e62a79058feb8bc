//! Making plans beside whatever the session does meanwhile.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
    mpsc::{Receiver, TryRecvError, channel},
};

use crate::{
    feed::{Forecast, Planning, PlanningView, Prediction},
    kafka::{Client, ClientHealth},
    plan::{Plan, Planner, Selection},
    replay::{Settings, options::SessionOptions},
};

/// A run's range may have grown by so little since its plan was made: a hundredth.
const SAME: u64 = 100;

enum Said {
    Progress(Planning),
    Made(Box<Forecast>),
    Failed(String),
    Stopped,
}

/// A plan that is being made, on a thread of its own. Dropped, it comes to its end by itself, soon.
struct Making {
    said: Receiver<Said>,
    cancel: Arc<AtomicBool>,
    progress: Planning,
}

impl Drop for Making {
    fn drop(&mut self) {
        self.cancel.store(true, Relaxed);
    }
}

/// What happened since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// The plan has come further.
    Progress,
    /// The plan is made, or cannot be; what waited for it can go on.
    Over,
}

/// The session's plans: the one that is being made, and the last one that was.
#[derive(Default)]
pub(super) struct PlanDesk {
    making: Option<Making>,
    forecast: Option<Arc<Forecast>>,
    problem: Option<String>,
    /// A run is to start when the plan is there.
    pub(super) then_start: bool,
}

impl PlanDesk {
    /// Starts making a plan; one that is being made is given up. `settings` are those of the run that it is for.
    pub(super) fn ask(
        &mut self,
        options: &SessionOptions,
        health: &Arc<ClientHealth>,
        selection: Selection,
        settings: Settings,
    ) {
        self.problem = None;
        let (sender, said) = channel();
        let cancel = Arc::new(AtomicBool::new(false));
        let (kafka, health, timeout, told) =
            (options.kafka.clone(), Arc::clone(health), options.timeout, Arc::clone(&cancel));
        let spawned = std::thread::Builder::new().name("plan".into()).spawn(move || {
            // Whoever asked may have gone: then nobody wants the answer either.
            let say = |said| drop(sender.send(said));
            let client = match Client::new(&kafka, &health) {
                Ok(client) => client,
                Err(error) => return say(Said::Failed(error.to_string())),
            };
            let planner = Planner { client: &client, settings: &settings, timeout, cancel: &told };
            let made = planner.make(&selection, &mut |progress| say(Said::Progress(progress)));
            client.close();
            say(match made {
                Ok(forecast) => Said::Made(Box::new(forecast)),
                Err(error) if error.is_cancelled() => Said::Stopped,
                Err(error) => Said::Failed(error.to_string()),
            });
        });
        match spawned {
            Ok(_) => self.making = Some(Making { said, cancel, progress: Planning::default() }),
            Err(error) => self.problem = Some(format!("the system gives no further thread ({error})")),
        }
    }

    /// Gives up the plan that is being made.
    pub(super) fn stop(&mut self) {
        self.making = None;
        self.then_start = false;
    }

    /// Says that there is nothing to plan.
    pub(super) fn refuse(&mut self, problem: String) {
        self.problem = Some(problem);
    }

    /// Whether a plan is being made.
    pub(super) fn is_busy(&self) -> bool {
        self.making.is_some()
    }

    /// Takes in what the thread has said since the last look; never waits.
    pub(super) fn look(&mut self) -> Change {
        let Some(making) = &mut self.making else { return Change::None };
        let mut change = Change::None;
        loop {
            match making.said.try_recv() {
                Ok(Said::Progress(progress)) => {
                    making.progress = progress;
                    change = Change::Progress;
                    continue;
                }
                Ok(Said::Made(forecast)) => self.forecast = Some(Arc::from(forecast)),
                Ok(Said::Failed(problem)) => self.problem = Some(problem),
                Ok(Said::Stopped) => {}
                Err(TryRecvError::Empty) => return change,
                Err(TryRecvError::Disconnected) => {
                    self.problem = Some("the plan could not be made; please report this".into());
                }
            }
            self.making = None;
            return Change::Over;
        }
    }

    /// Why the last plan could not be made.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// As the feed shows it.
    pub(super) fn view(&self) -> PlanningView {
        PlanningView {
            forecast: self.forecast.clone(),
            going: self.making.as_ref().map(|making| making.progress),
            problem: self.problem.clone(),
        }
    }

    /// What the last plan said of a run like this one; `None` where it was for another range or another way to run.
    pub(super) fn predicted(&self, plan: &Plan, settings: &Settings) -> Option<Prediction> {
        let forecast = self.forecast.as_deref()?;
        let (made_for, now) = (forecast.coverage.offsets, plan.records());
        let same = forecast.topics == plan.topics
            && forecast.partitions.len() == plan.partitions.len()
            && now.abs_diff(made_for) <= now / SAME
            && forecast.conditions.handler == settings.handler.to_string()
            && forecast.conditions.group.is_some() == settings.group.is_some()
            && forecast.conditions.scope == plan.selection.scope.to_string();
        let curve = forecast.curves.iter().find(|curve| curve.ordering == settings.ordering).filter(|_| same)?;
        let workers = settings.concurrency.get();
        let point = curve.points.iter().find(|point| point.workers == workers)?;
        Some(Prediction { elapsed_s: point.elapsed_s, limit: point.limit })
    }
}
