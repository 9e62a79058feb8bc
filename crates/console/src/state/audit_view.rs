//! The audit of topics that the user asked for: which topics, how far it is, and its report.

use std::{borrow::Cow, sync::Arc};

use kreplay_model::{
    audit::{AuditProgress, AuditReport, AuditStep, AuditTask},
    feed::Planning,
};

use super::State;
use crate::action::Action;

/// Why nothing can be audited.
const NO_AUDITOR: &str = "no cluster to audit";

/// The audit that the user looks at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuditView {
    /// Whether topics can be audited at all.
    pub is_available: bool,
    /// The last task; `None` before the first one.
    pub task: Option<AuditTask>,
    /// How far reading is; `None` if nothing is being read.
    pub in_progress: Option<Planning>,
    /// The last report on the topics of the task. While they are audited again, it is that of the time before.
    pub report: Option<Arc<AuditReport>>,
    /// Why the last task has no report, in one sentence.
    pub problem: Option<String>,
}

impl AuditView {
    /// A new task, whose number no other task has. The report stays if it is about the same topics.
    pub(crate) fn ask(&mut self, topics: Arc<[String]>, full: bool, rehearse_partitions: Option<i32>) -> AuditTask {
        if self.task.as_ref().is_none_or(|before| before.topics != topics) {
            self.report = None;
        }
        let number = self.task.as_ref().map_or(0, |before| before.number) + 1;
        let task = AuditTask { number, topics, full, rehearse_partitions };
        (self.in_progress, self.problem) = (Some(Planning::default()), None);
        self.task = Some(task.clone());
        task
    }

    /// Takes an answer. Answers to earlier tasks are ignored.
    pub(crate) fn learn(&mut self, answer: &AuditProgress) {
        if self.task.as_ref().is_none_or(|task| task.number != answer.number) {
            return;
        }
        self.in_progress = None;
        match &answer.step {
            AuditStep::Reading(progress) => self.in_progress = Some(*progress),
            AuditStep::Done(report) => self.report = Some(Arc::clone(report)),
            AuditStep::Failed(problem) => self.problem = Some(problem.clone()),
        }
    }

    /// Whether there is an audit of these topics to show, or one in progress.
    #[must_use]
    pub fn is_about(&self, topics: &[String]) -> bool {
        self.task.as_ref().is_some_and(|task| *task.topics == *topics)
    }
}

impl State {
    /// Whether there is an audit to show of the topics that one would be about, or one is in progress.
    #[must_use]
    pub fn has_audit_to_show(&self) -> bool {
        self.topics_to_audit().is_ok_and(|topics| self.user.audit.is_about(&topics))
    }

    /// The topics that an audit would be about: the chosen ones, or those of the run.
    ///
    /// # Errors
    /// Why there are none, in one sentence.
    pub fn topics_to_audit(&self) -> Result<Arc<[String]>, Cow<'static, str>> {
        if !self.user.audit.is_available {
            return Err(NO_AUDITOR.into());
        }
        let topics: Arc<[String]> = if self.chooses_topics() {
            self.chosen().into_iter().map(|topic| topic.name.clone()).collect()
        } else {
            self.run().map(|run| run.plan.topics.as_slice()).unwrap_or_default().into()
        };
        if topics.is_empty() {
            let choose = self.with_key(Action::Topics, |key| format!("; choose one with {key}"));
            return Err(format!("there is no topic to audit{choose}").into());
        }
        Ok(topics)
    }
}
