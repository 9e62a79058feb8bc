//! The planner: resolves a selection, scans its records, and predicts the run. Nothing in the cluster is changed.

use std::{
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use chrono::Utc;
use kreplay_kafka::{Catalog, CatalogError, Client};
use kreplay_model::{
    domain::{Classified, ErrorClass},
    feed::{Forecast, Planning},
};

use super::{
    Plan, PlanError, Selection,
    forecast::forecast,
    resolve,
    scan::{ScanError, ScanSize, ScanTimeouts, scan},
};
use crate::{decode::DecodingError, settings::Settings};

/// Why a plan could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanningError {
    /// The selection could not be resolved.
    #[error(transparent)]
    Resolve(#[from] PlanError),
    /// The decoding settings are invalid, or the schema registry cannot be used.
    #[error(transparent)]
    Decoding(#[from] DecodingError),
    /// The records could not be scanned.
    #[error(transparent)]
    Scan(#[from] ScanError),
}

impl Classified for PlanningError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Resolve(error) => error.class(),
            Self::Decoding(error) => error.class(),
            Self::Scan(ScanError::Cancelled) => ErrorClass::Stopped,
            Self::Scan(_) => ErrorClass::Failed,
        }
    }
}

/// Makes plans.
pub struct Planner<'a> {
    /// The cluster.
    pub client: &'a Client,
    /// The settings of the planned run, including how much is read for the plan.
    pub settings: &'a Settings,
    /// The timeout of each request to the cluster.
    pub timeout: Duration,
    /// Cancels planning when it becomes true.
    pub cancel: &'a AtomicBool,
}

impl Planner<'_> {
    /// Resolves a selection and predicts its run. `progress` is called from time to time.
    ///
    /// # Errors
    /// The selection is invalid, brokers do not answer, or `cancel` was set.
    pub fn make(&self, selection: &Selection, progress: &mut dyn FnMut(Planning)) -> Result<Forecast, PlanningError> {
        selection.scope.rules.decoding.check()?;
        let catalog = Catalog::new(self.client, self.timeout);
        let plan = resolve(&catalog, &selection.clone().of_group(self.settings.group.as_deref()))?;
        Ok(self.forecast_resolved(&plan, progress)?)
    }

    /// Predicts the run of a selection that is already resolved.
    ///
    /// # Errors
    /// Brokers do not answer, or `cancel` was set.
    pub fn forecast_resolved(&self, plan: &Plan, progress: &mut dyn FnMut(Planning)) -> Result<Forecast, ScanError> {
        let size = if self.settings.planning.scan {
            ScanSize::Full
        } else {
            ScanSize::Offsets(u64::from(self.settings.planning.sample))
        };
        let timeouts = ScanTimeouts { sample: self.settings.planning.sample_time, silence: self.timeout };
        let scanned = scan(self.client, self.settings.tier, plan, size, timeouts, self.cancel, progress)?;
        // Some handlers change settings of the run.
        let mut settings = self.settings.clone();
        settings.adapt_to_handler(plan.partitions.len());
        let predicted = forecast(plan, &scanned, &settings, self.commit_s(plan));
        Ok(Forecast { made_at: Some(Utc::now()), ..predicted })
    }

    /// With a group, the last positions are committed at the end. That takes about as long as this request.
    fn commit_s(&self, plan: &Plan) -> Option<f64> {
        self.settings.group.as_ref()?;
        let begun = Instant::now();
        let answer: Result<_, CatalogError> = Catalog::new(self.client, self.timeout).topic(plan.topics.first()?);
        answer.ok().map(|_| begun.elapsed().as_secs_f64())
    }
}
