//! What commands do: to the run, to the next one, to plans and lists.

use std::sync::Arc;

use super::{
    Body,
    listing::{Answer, Listing},
    planning::Change,
    starting::{failed, usage},
};
use crate::{
    feed::EventKind,
    plan::Selection,
    replay::{Command, Problem, RunError, run::Run},
};

impl Body {
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Start if self.run.is_none() => self.start(),
            Command::Start => {}
            Command::ListTopics => self.list(),
            Command::Plan(names) => self.plan(&names),
            Command::StopPlanning => {
                self.plans.stop();
                self.publish_now();
            }
            Command::Replay(names) => self.replay(&names),
            Command::Restart => match &mut self.run {
                Some(run) => {
                    run.cancel();
                    self.start_again = true;
                }
                None => self.start(),
            },
            Command::Pause => self.run.iter_mut().for_each(Run::pause),
            Command::Resume => self.run.iter_mut().for_each(Run::resume),
            Command::Cancel => {
                self.start_again = false;
                self.plans.then_start = false;
                self.run.iter_mut().for_each(Run::cancel);
            }
            Command::SetConcurrency(_) | Command::SetAdaptive(true) if self.options.settings.single_threaded => {
                self.events.push(EventKind::Warning { text: RunError::SingleThreaded.to_string() });
            }
            Command::SetConcurrency(wanted) => {
                let changed = self.run.as_mut().map_or(Ok(()), |run| run.set_concurrency(wanted));
                match changed {
                    Ok(()) => {
                        self.options.settings.concurrency = wanted;
                        self.options.settings.adaptive = false;
                    }
                    Err(error) => self.events.push(EventKind::Warning { text: error.to_string() }),
                }
                self.show_change();
            }
            Command::SetAdaptive(adaptive) => {
                match self.run.as_mut().map_or(Ok(()), |run| run.set_adaptive(adaptive)) {
                    Ok(()) => self.options.settings.adaptive = adaptive,
                    Err(error) => self.events.push(EventKind::Warning { text: error.to_string() }),
                }
                self.show_change();
            }
            Command::SetRate(rate) => {
                self.options.settings.rate = rate;
                self.run.iter_mut().for_each(|run| run.set_rate(rate));
                self.show_change();
            }
            Command::Decide(decision, key) => self.run.iter_mut().for_each(|run| run.decide(decision, key)),
            Command::DecideRecord(decision) => self.run.iter_mut().for_each(|run| run.decide_record(decision)),
            Command::Shutdown => {
                self.closing = true;
                self.start_again = false;
                self.plans.stop();
                self.run.iter_mut().for_each(Run::cancel);
            }
        }
    }

    fn show_change(&mut self) {
        self.published = None;
        if self.run.is_none() {
            self.publish_now();
        }
    }

    fn replay(&mut self, names: &[String]) {
        match Selection::topics(names) {
            Ok(selection) => {
                self.options.selection = Some(selection.within(self.options.scope.clone()));
                match &mut self.run {
                    Some(run) => {
                        run.cancel();
                        self.start_again = true;
                    }
                    None => self.start(),
                }
            }
            Err(error) if self.run.is_some() => self.events.push(EventKind::Warning { text: error.to_string() }),
            Err(error) => {
                self.problem = Some(usage(&error));
                self.publish_now();
            }
        }
    }

    fn plan(&mut self, names: &[String]) {
        let selection = if names.is_empty() {
            self.options.selection.clone().ok_or_else(|| "no topics are selected yet".to_owned())
        } else {
            let chosen = Selection::topics(names).map_err(|error| error.to_string());
            chosen.map(|selection| selection.within(self.options.scope.clone()))
        };
        match selection {
            Ok(selection) => self.plan_of(selection),
            Err(problem) => self.plans.refuse(problem),
        }
        self.publish_now();
    }

    /// Makes a plan of what the next run would read and how; while a run is going, of that one.
    pub(super) fn plan_of(&mut self, selection: Selection) {
        let mut settings = self.options.settings.clone();
        settings.group = self.group_of(self.runs + u32::from(self.run.is_none()));
        self.plans.ask(&self.options, &self.health, selection, settings);
    }

    pub(super) fn look_at_planning(&mut self) {
        let change = self.plans.look();
        if change == Change::None {
            return;
        }
        self.publish_now();
        if change == Change::Over && self.plans.then_start && self.run.is_none() && !self.closing {
            if let Some(problem) = self.plans.problem() {
                let text = format!("the run starts without a plan: {problem}");
                self.events.push(EventKind::Warning { text });
            }
            self.start();
        }
    }

    pub(super) fn list(&mut self) {
        if self.run.is_none() {
            self.problem = None;
        }
        let options = &self.options;
        match Listing::start(options.kafka.clone(), Arc::clone(&self.health), options.timeout) {
            Ok(listing) => self.listing = Some(listing),
            Err(error) => self.not_listed(failed(&error)),
        }
        self.publish_now();
    }

    pub(super) fn look_at_listing(&mut self) {
        match self.listing.as_ref().map(Listing::look) {
            None | Some(Answer::Waiting) => return,
            Some(Answer::Over) => self.listing = None,
            Some(Answer::New(Ok(catalog))) => self.catalog = Some(catalog),
            Some(Answer::New(Err(problem))) => self.not_listed(problem),
        }
        self.publish_now();
    }

    /// Without topics no run can be started; one that is going needs no list.
    fn not_listed(&mut self, problem: Problem) {
        if self.run.is_none() {
            self.problem = Some(problem);
        } else {
            self.events.push(EventKind::Error { text: problem.text });
        }
    }
}
