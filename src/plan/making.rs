//! Making a plan: resolving a selection, looking at its records, and saying what a run of them would be like. Nothing on the
//! cluster is changed.

use std::{
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use chrono::Utc;

use super::{
    Plan, PlanError, Selection,
    forecast::forecast,
    resolve,
    scan::{Effort, Patience, ScanError, scan},
};
use crate::{
    decode::DecodingError,
    feed::{Forecast, Planning},
    kafka::{Catalog, CatalogError, Client},
    replay::Settings,
};

/// A plan that could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanningError {
    /// The selection means nothing on this cluster.
    #[error(transparent)]
    Resolve(#[from] PlanError),
    /// Its keys and values could not be decoded.
    #[error(transparent)]
    Decoding(#[from] DecodingError),
    /// Its records could not be looked at.
    #[error(transparent)]
    Scan(#[from] ScanError),
}

impl PlanningError {
    /// Whether what was asked for is wrong, rather than the cluster out of reach.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Resolve(error) => error.is_usage(),
            Self::Decoding(error) => error.is_usage(),
            Self::Scan(_) => false,
        }
    }

    /// Whether it was told to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Scan(ScanError::Cancelled))
    }
}

/// Makes plans.
pub struct Planner<'a> {
    /// The cluster.
    pub client: &'a Client,
    /// How a run would go, and how much is read to say so.
    pub settings: &'a Settings,
    /// How long each step may wait for the cluster.
    pub timeout: Duration,
    /// Becomes true when nobody wants the plan any more.
    pub cancel: &'a AtomicBool,
}

impl Planner<'_> {
    /// Resolves a selection and makes a plan of it; `progress` is called now and then.
    ///
    /// # Errors
    /// A selection that means nothing here, brokers that do not answer, `cancel`.
    pub fn make(&self, selection: &Selection, progress: &mut dyn FnMut(Planning)) -> Result<Forecast, PlanningError> {
        selection.scope.rules.decoding.check()?;
        let catalog = Catalog::new(self.client, self.timeout);
        let plan = resolve(&catalog, &selection.clone().of_group(self.settings.group.as_deref()))?;
        Ok(self.look_at(&plan, progress)?)
    }

    /// Makes a plan of what was resolved already.
    ///
    /// # Errors
    /// Brokers that do not answer, `cancel`.
    pub fn look_at(&self, plan: &Plan, progress: &mut dyn FnMut(Planning)) -> Result<Forecast, ScanError> {
        let effort = if self.settings.planning.scan {
            Effort::Full
        } else {
            Effort::Offsets(u64::from(self.settings.planning.sample))
        };
        let patience = Patience { sample: self.settings.planning.sample_time, silence: self.timeout };
        let survey = scan(self.client, self.settings.tier, plan, effort, patience, self.cancel, progress)?;
        // As the run would go: some handlers decide how.
        let mut settings = self.settings.clone();
        settings.suit_handler(plan.partitions.len());
        let said = forecast(plan, &survey, &settings, self.commit_s(plan));
        Ok(Forecast { made_at: Some(Utc::now()), ..said })
    }

    /// With a group the last positions are committed at the end, which takes as long as a question and its answer.
    fn commit_s(&self, plan: &Plan) -> Option<f64> {
        self.settings.group.as_ref()?;
        let begun = Instant::now();
        let answer: Result<_, CatalogError> = Catalog::new(self.client, self.timeout).topic(plan.topics.first()?);
        answer.ok().map(|_| begun.elapsed().as_secs_f64())
    }
}
