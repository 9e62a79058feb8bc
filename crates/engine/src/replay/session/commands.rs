//! Commands of a session: changes to the run, the next run, plans, and lists.

use std::sync::Arc;

use super::{
    SessionLoop,
    listing::{self, Listing},
    planning::PlanChange,
};
use crate::{
    plan::Selection,
    replay::{Command, Problem, RunError, background_task::TaskState, run::Run},
};

impl SessionLoop {
    pub(super) fn handle_command(&mut self, command: Command) {
        match command {
            Command::Start if self.run.is_none() => self.start(),
            Command::Start => {}
            Command::ListTopics => self.list_topics(),
            Command::Plan(names) => self.plan(&names),
            Command::PlanRequest(numbered) => self.plan_request(&numbered),
            Command::Launch(numbered) => self.launch(&numbered),
            Command::StopPlanning => {
                self.stop_planning();
                self.publish_now();
            }
            Command::Replay(names) => self.replay(&names),
            Command::Restart => self.start_instead(),
            Command::Pause => self.run.iter_mut().for_each(Run::pause),
            Command::Resume => self.run.iter_mut().for_each(Run::resume),
            Command::Stop => {
                self.restart_pending = false;
                self.plan_task.starts_run = false;
                self.run.iter_mut().for_each(Run::stop);
            }
            Command::SetConcurrency(_) | Command::SetAdaptive(true) if self.options.settings.single_threaded => {
                self.events.warn(RunError::SingleThreaded.to_string());
            }
            Command::SetConcurrency(wanted) => {
                let changed = self.run.as_mut().map_or(Ok(()), |run| run.set_concurrency(wanted));
                match changed {
                    Ok(()) => {
                        self.options.settings.concurrency = wanted;
                        self.options.settings.adaptive = false;
                    }
                    Err(error) => self.events.warn(error.to_string()),
                }
                self.publish_change();
            }
            Command::SetAdaptive(adaptive) => {
                match self.run.as_mut().map_or(Ok(()), |run| run.set_adaptive(adaptive)) {
                    Ok(()) => self.options.settings.adaptive = adaptive,
                    Err(error) => self.events.warn(error.to_string()),
                }
                self.publish_change();
            }
            Command::SetRate(rate) => {
                self.options.settings.rate = rate;
                self.run.iter_mut().for_each(|run| run.set_rate(rate));
                self.publish_change();
            }
            Command::Decide(decision, key) => self.run.iter_mut().for_each(|run| run.decide(decision, key)),
            Command::DecideRecord(decision, record) => {
                self.run.iter_mut().for_each(|run| run.decide_record(decision, &record));
            }
            Command::Shutdown => {
                self.is_closing = true;
                self.restart_pending = false;
                self.stop_planning();
                self.run.iter_mut().for_each(Run::stop);
            }
        }
    }

    fn publish_change(&mut self) {
        self.published = None;
        if self.run.is_none() {
            self.publish_now();
        }
    }

    fn replay(&mut self, names: &[String]) {
        match Selection::topics(names) {
            Ok(selection) => {
                self.options.selection = Some(selection.within_scope_of_others(self.options.scope.clone()));
                // A run that could not be resumed had other topics.
                self.options.journal.iter_mut().for_each(|options| options.resume = None);
                self.start_instead();
            }
            Err(error) if self.run.is_some() => self.events.warn(error.to_string()),
            Err(error) => {
                self.problem = Some(Problem::usage(&error));
                self.publish_now();
            }
        }
    }

    /// Takes the commands that were sent while the run was being started. One to start a run asks for this run, which
    /// was not shown yet: it must not stop it.
    pub(super) fn take_early_commands(&mut self) {
        for command in self.commands.try_iter() {
            let starts_run = matches!(command, Command::Start | Command::Restart);
            // After a stop, it asks for another run.
            if !starts_run || self.early.contains(&Command::Stop) {
                self.early.push_back(command);
            } else if command == Command::Restart {
                self.events.notice("restart ignored: the run was still being started when it was asked for");
            }
        }
    }

    /// Starts a run, after stopping the active one if there is one.
    pub(super) fn start_instead(&mut self) {
        match &mut self.run {
            Some(run) => {
                run.stop();
                self.restart_pending = true;
            }
            None => self.start(),
        }
    }

    fn plan(&mut self, names: &[String]) {
        let selection = if names.is_empty() {
            self.options.selection.clone().ok_or_else(|| "no topics are selected yet".to_owned())
        } else {
            let chosen = Selection::topics(names).map_err(|error| error.to_string());
            chosen.map(|selection| selection.within_scope_of_others(self.options.scope.clone()))
        };
        match selection {
            Ok(selection) => self.plan_selection(selection),
            Err(problem) => self.plan_task.refuse(problem),
        }
        self.publish_now();
    }

    /// Makes a plan of the next run, or of the current run if there is one.
    pub(super) fn plan_selection(&mut self, selection: Selection) {
        let mut settings = self.options.settings.clone();
        settings.group = self.group_of(self.runs + u32::from(self.run.is_none()));
        self.plan_task.start(0, &self.options, &self.health, selection, settings);
    }

    pub(super) fn poll_plan(&mut self) {
        let change = self.plan_task.poll();
        if change == PlanChange::None {
            return;
        }
        self.publish_now();
        if change != PlanChange::Finished {
            return;
        }
        if self.plan_task.starts_run && self.run.is_none() && !self.is_closing {
            if let Some(problem) = self.plan_task.problem() {
                let text = format!("the run starts without a plan: {problem}");
                self.events.warn(text);
            }
            self.start();
        }
        self.plan_next_request();
    }

    pub(super) fn list_topics(&mut self) {
        if self.run.is_none() {
            self.problem = None;
        }
        let options = &self.options;
        match listing::start(options.kafka.clone(), Arc::clone(&self.health), options.timeout) {
            Ok(listing) => self.listing = Some(listing),
            Err(error) => self.report_listing_failure(Problem::failed(&error)),
        }
        self.publish_now();
    }

    pub(super) fn poll_listing(&mut self) {
        match self.listing.as_ref().map(Listing::poll) {
            None | Some(TaskState::Waiting) => return,
            Some(TaskState::Ended) => self.listing = None,
            Some(TaskState::New(Ok(catalog))) => self.catalog = Some(catalog),
            Some(TaskState::New(Err(problem))) => self.report_listing_failure(problem),
        }
        self.publish_now();
    }

    /// Reports why the topics could not be listed. Without a list no run can be started; a current run does not need
    /// one.
    fn report_listing_failure(&mut self, problem: Problem) {
        if self.run.is_none() {
            self.problem = Some(problem);
        } else {
            self.events.error(problem.text);
        }
    }
}
