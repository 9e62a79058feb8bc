//! The silences of a process: read from the state directory, changed by flags and by the console, and kept there.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

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
        let silencer = Self { store, current: Arc::new(current) };
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
        let mut silences = self.store.as_ref().map_or_else(|| self.current(), SilenceStore::read);
        silences.add(rule, Utc::now(), length);
        self.current.send_replace(silences);
        self.keep()
    }

    /// Stores the silences, so that the next process on the cluster has them.
    fn keep(&self) -> Result<(), String> {
        self.store.as_ref().map_or(Ok(()), |store| store.write(&self.current.borrow()))
    }
}
