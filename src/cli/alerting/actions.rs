//! The actions of alerts that change.

use std::{
    collections::BTreeSet,
    io::{self, Write as _},
    time::Duration,
};

use kreplay_alerts::AlertChange;
use kreplay_model::domain::Redactor;
use kreplay_notify::{Action, ActionName, Failure, Notice, Notifier, Outlet};

use crate::{cli::CliError, config::Config};

/// How long the end of a command waits for actions that are not done yet.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);

/// The actions of rules. Dropping it waits a few seconds for those that are not done yet.
#[derive(Debug)]
pub(super) struct Actions {
    /// `None` without any.
    notifier: Option<Notifier>,
    /// Masks the secrets of the configuration, which programs may repeat.
    redactor: Redactor,
}

impl Actions {
    /// Starts the actions with these names. Without any, nothing is started.
    pub(super) fn start<'a>(
        named: impl Iterator<Item = &'a String>,
        config: &Config,
        outlet: &Outlet,
    ) -> Result<Self, CliError> {
        let named: BTreeSet<&str> = named.map(String::as_str).collect();
        let is_named = |action: &Action| named.contains(action.name.as_str());
        let actions: Vec<Action> = config.notify.actions().into_iter().filter(is_named).collect();
        let redactor = Redactor::new(config.secrets());
        if actions.is_empty() {
            return Ok(Self { notifier: None, redactor });
        }
        let notifier = Notifier::start(actions, outlet);
        let notifier = notifier.map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
        Ok(Self { notifier: Some(notifier), redactor })
    }

    /// Passes changes to their actions. Never waits.
    pub(super) fn deliver(&self, changes: &[AlertChange]) {
        let Some(notifier) = &self.notifier else { return };
        for change in changes {
            let notice = notice(change);
            for action in change.actions.iter().filter_map(|action| action.parse::<ActionName>().ok()) {
                notifier.notify(&action, &notice);
            }
        }
    }

    /// The actions that have failed since the last call.
    pub(super) fn failures(&self) -> Vec<Failure> {
        self.redacted(self.notifier.as_ref().map(Notifier::failures).unwrap_or_default())
    }

    fn redacted(&self, failures: Vec<Failure>) -> Vec<Failure> {
        let redacted = |failure: Failure| Failure { reason: self.redactor.redact(&failure.reason), ..failure };
        failures.into_iter().map(redacted).collect()
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        let Some(notifier) = self.notifier.take() else { return };
        let (failures, is_done) = notifier.finish(FINISH_TIMEOUT);
        let mut stderr = io::stderr().lock();
        // Failed writes to standard error are ignored, because there is no other place for the text.
        for failure in self.redacted(failures) {
            let _ = writeln!(stderr, "kreplay: the action {} failed: {}", failure.action, failure.reason);
        }
        if !is_done {
            let _ = writeln!(stderr, "kreplay: exited before all alert actions completed");
        }
    }
}

fn notice(change: &AlertChange) -> Notice {
    Notice {
        labels: change.all_labels(),
        annotations: change.all_annotations(),
        starts_at: change.fired_at,
        ends_at: change.resolved_at,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::DateTime;
    use kreplay_model::watch::{AlertSeverity, AlertSubject};
    use kreplay_testkit::wait;

    use super::*;
    use crate::config::{Environment, Overrides};

    fn change(action: &str) -> AlertChange {
        AlertChange {
            rule: "lag".into(),
            severity: AlertSeverity::Warning,
            subject: AlertSubject::Group("billing".into()),
            condition: "lag > 1".into(),
            value: "lag 2".into(),
            next_step: None,
            fired_at: DateTime::UNIX_EPOCH,
            resolved_at: None,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            actions: vec![action.to_owned()],
        }
    }

    #[test]
    fn a_failure_of_a_program_is_reported_without_the_secrets_of_other_actions() {
        let folder = tempfile::tempdir().unwrap();
        // A program that does not exist is not tried again, so that the failure is reported at once.
        let text = "[notify.ops]\nkind = 'webhook'\nurl = 'https://h/x'\nheaders = ['Authorization: Bearer hunter2']\n\
                    [notify.page]\nkind = 'command'\ncommand = '/no/such/hunter2'\n";
        std::fs::write(folder.path().join("kreplay.toml"), text).unwrap();
        let config = Config::load(&Overrides::default(), &Environment::default(), folder.path()).unwrap();
        let actions = Actions::start(std::iter::once(&"page".to_owned()), &config, &Outlet::StandardError).unwrap();
        actions.deliver(&[change("page")]);
        let failure = wait::until("failure", FINISH_TIMEOUT, || actions.failures().pop());
        assert!(failure.reason.starts_with("cannot start /no/such/***: "), "{}", failure.reason);
        assert_eq!(failure.subject, "billing");
    }
}
