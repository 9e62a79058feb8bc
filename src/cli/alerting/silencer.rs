//! The silences of a process: read from the state directory, changed by flags and by the console, and kept there.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::Utc;
use kreplay_alerts::Silences;
use kreplay_model::{domain::number::by_count, watch::SilenceCommand};
use tokio::sync::{mpsc::UnboundedReceiver, watch};

use super::{SilenceRequest, SilenceStore};
use crate::{cli::CliError, config::Config};

/// What silences the rules of the configuration, those on groups and those on runs. Clones have the same silences.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Silencer {
    store: Option<SilenceStore>,
    current: Arc<watch::Sender<Silences>>,
    /// Whether the store has the silences of this process. It has not if the last change could not be stored.
    is_stored: Arc<AtomicBool>,
}

impl Silencer {
    /// The silences that are kept in `store`, and those that flags ask for.
    ///
    /// # Errors
    /// There is no such rule, or a silence cannot be kept.
    pub(in crate::cli) fn start(
        config: &Config,
        store: Option<SilenceStore>,
        requests: &[SilenceRequest],
    ) -> Result<Self, CliError> {
        let (current, _) = watch::channel(store.as_ref().map(SilenceStore::read).unwrap_or_default());
        let silencer = Self { store, current: Arc::new(current), is_stored: Arc::new(AtomicBool::new(true)) };
        let (groups, runs) = (config.alerts.rules(), config.alerts.run_rules());
        let of_groups = groups.iter().map(|rule| rule.definition().name.as_str());
        let rules: BTreeSet<&str> = of_groups.chain(runs.iter().map(|rule| rule.definition().name.as_str())).collect();
        for request in requests {
            if !rules.contains(request.rule.as_str()) {
                let rules_are = by_count(rules.len(), "the only rule is", "the rules are");
                let names = rules.into_iter().collect::<Vec<_>>().join(", ");
                return Err(CliError::Usage(format!("there is no rule `{}`; {rules_are} {names}", request.rule)));
            }
            silencer.silence(&request.rule, request.length).map_err(CliError::Failed)?;
        }
        Ok(silencer)
    }

    /// The silences now.
    pub(super) fn current(&self) -> Silences {
        self.current.borrow().clone()
    }

    /// Tells when they change.
    pub(in crate::cli) fn changes(&self) -> watch::Receiver<Silences> {
        self.current.subscribe()
    }

    /// Does what a console asks for, until there is none. `report` gets the reason why a silence is not kept.
    pub(in crate::cli) async fn obey(self, mut requests: UnboundedReceiver<SilenceCommand>, report: impl Fn(String)) {
        while let Some(command) = requests.recv().await {
            let done = match command {
                SilenceCommand::Silence { rule, length } => self.silence(&rule, length),
                SilenceCommand::EndAll => {
                    self.current.send_replace(Silences::default());
                    self.keep()
                }
            };
            if let Err(reason) = done {
                report(reason);
            }
        }
    }

    fn silence(&self, rule: &str, length: Duration) -> Result<(), String> {
        // Another process that watches the cluster may have silenced other rules meanwhile.
        let store = self.store.as_ref().filter(|_| self.is_stored.load(Ordering::Relaxed));
        let mut silences = store.map_or_else(|| self.current(), SilenceStore::read);
        silences.add(rule, Utc::now(), length);
        self.current.send_replace(silences);
        self.keep()
    }

    /// Stores the silences, so that the next process on the cluster has them.
    fn keep(&self) -> Result<(), String> {
        let stored = self.store.as_ref().map_or(Ok(()), |store| store.write(&self.current.borrow()));
        self.is_stored.store(stored.is_ok(), Ordering::Relaxed);
        stored
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn silences_that_cannot_be_stored_end_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let state_dir = folder.path().join("state");
        // Nothing can be stored below a file.
        std::fs::write(&state_dir, "").unwrap();
        let mut config = Config::default();
        config.kafka.bootstrap_servers = Some("a:1".to_owned());
        config.run.journal.state_dir = Some(state_dir.clone());
        let store = SilenceStore::of(&config, &Environment::default());
        let silencer = Silencer::start(&config, store.clone(), &[]).unwrap();
        let is_silenced = |rule: &str| silencer.current().until(rule, Utc::now()).is_some();
        assert!(silencer.silence("lag", HOUR).is_err() && silencer.silence("age", HOUR).is_err());
        assert!(is_silenced("lag") && is_silenced("age"));
        std::fs::remove_file(&state_dir).unwrap();
        assert_eq!(silencer.silence("lost", HOUR), Ok(()));
        assert_eq!(store.unwrap().read(), silencer.current(), "all of them are stored as soon as it is possible");
        assert!(is_silenced("lag") && is_silenced("age") && is_silenced("lost"));
    }
}
