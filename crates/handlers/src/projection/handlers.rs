//! The handlers of a projection: they bind records and apply them through the store.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use kreplay_engine::rules::Field;
use kreplay_model::{
    domain::{Offset, OffsetSet, TopicPartition},
    feed::EffectCount,
};
use parking_lot::Mutex;

use super::{
    batch::Batch,
    bind::Binder,
    builtin::builtin,
    definition::Definition,
    postgres::PostgresStore,
    preview,
    shadow::{ShadowRebuild, WriteLocation},
    sqlite,
    store::{BatchOutcome, ProjectionStore, RunPartition, StoreSession, settings_error, target_error},
    target::ProjectionTarget,
};
use crate::failure::decoding_advice;
use crate::setup::HandlerSetup;
use crate::{
    Advice, Handler, HandlerError, HandlerNeeds, LaneFailure, LaneRun, Logs, Positions, Preview, RunEnd, RunHandlers,
    TargetPositions,
};

/// Makes the handlers of one run.
pub(crate) struct ProjectionHandlers {
    shared: Arc<ProjectionRun>,
    binder: Binder,
    wants_headers: bool,
}

struct ProjectionRun {
    definition: Arc<Definition>,
    context: HandlerSetup,
    /// `None` in a dry run, which must not create a table.
    store: Option<Box<dyn ProjectionStore>>,
    /// The rebuild, with `--shadow`.
    shadow: Option<ShadowRebuild>,
    /// By the index of a partition: whether it is claimed.
    claimed: Mutex<Vec<bool>>,
    counts: Vec<StatementCounters>,
    already_applied: AtomicU64,
    unmatched: AtomicU64,
}

#[derive(Default)]
struct StatementCounters {
    executions: AtomicU64,
    rows: AtomicU64,
}

impl ProjectionHandlers {
    /// Opens the target of a definition file, or of the built-in projection.
    ///
    /// # Errors
    /// The definition is invalid or does not match the contents of the target, or the target cannot be used.
    pub(crate) fn open(path: Option<&Path>, context: &HandlerSetup) -> Result<Self, HandlerError> {
        let definition = Arc::new(load_definition(path, context)?);
        let rebuilds = context.settings.projection.shadow && !context.preview_only;
        let shadow = rebuilds.then(|| ShadowRebuild::begin(&definition, context)).transpose()?;
        let location = shadow.as_ref().map(ShadowRebuild::write_location);
        let store: Option<Box<dyn ProjectionStore>> = match (&definition.target, &location) {
            _ if context.preview_only => None,
            (ProjectionTarget::Sqlite(_), Some(WriteLocation::File(path))) => {
                Some(Box::new(sqlite::SqliteStore::open(path, &definition, context, true)?))
            }
            (ProjectionTarget::Sqlite(path), _) => {
                Some(Box::new(sqlite::SqliteStore::open(path, &definition, context, false)?))
            }
            (ProjectionTarget::Postgres(url), Some(WriteLocation::Schema(schema))) => {
                Some(Box::new(PostgresStore::open(url, &definition, Some(schema), context)?))
            }
            (ProjectionTarget::Postgres(url), _) => {
                let schema = context.settings.projection.schema.as_deref();
                Some(Box::new(PostgresStore::open(url, &definition, schema, context)?))
            }
        };
        let rules = Arc::clone(&context.rules);
        let event_type_in_headers = rules.event_type.iter().any(|field| matches!(field, Field::Header(_)));
        let wants_headers = definition.wants_headers(event_type_in_headers, rules.template.is_some());
        let shared = Arc::new(ProjectionRun {
            claimed: Mutex::default(),
            counts: definition.statements.iter().map(|_| StatementCounters::default()).collect(),
            already_applied: AtomicU64::new(0),
            unmatched: AtomicU64::new(0),
            context: context.clone(),
            store,
            shadow,
            definition: Arc::clone(&definition),
        });
        let binder = Binder::new(definition, rules, Arc::clone(&context.partitions));
        Ok(Self { shared, binder, wants_headers })
    }
}

/// The definition that is named by the handler, that of the configuration, or the built-in one.
pub(super) fn load_definition(path: Option<&Path>, context: &HandlerSetup) -> Result<Definition, HandlerError> {
    let settings = &context.settings.projection;
    let target = settings.target.as_ref().map(|target| target.value().parse::<ProjectionTarget>());
    let target = target.transpose().map_err(|reason| settings_error(format!("projection.target: {reason}")))?;
    let definition = match (path.or(settings.definition.as_deref()), &target) {
        (Some(path), target) => Definition::read(path, target.as_ref()),
        (None, Some(target)) => builtin(target),
        (None, None) => {
            return Err(settings_error(
                "no target given; use projection:FILE with a definition, or set target = \"sqlite:FILE\" in \
                 [projection] for the built-in projection",
            ));
        }
    };
    definition.map_err(|error| settings_error(error.to_string()))
}

impl ProjectionRun {
    fn store(&self) -> Result<&dyn ProjectionStore, HandlerError> {
        self.store.as_deref().ok_or_else(|| target_error("a dry run applies nothing"))
    }

    /// Claims the partitions of a batch that are not claimed yet.
    fn claim_new(&self, batch: &Batch) -> Result<(), HandlerError> {
        let mut claimed = self.claimed.lock();
        let mut new: Vec<u32> = batch.records.iter().map(|record| record.partition).collect();
        new.dedup();
        new.retain(|index| claimed.get(*index as usize) != Some(&true));
        if new.is_empty() {
            return Ok(());
        }
        new.sort_unstable();
        new.dedup();
        let new_partitions = new.into_iter().filter_map(|index| {
            self.context.partitions.get(index as usize).map(|id| RunPartition { index, id: id.clone() })
        });
        let new_partitions: Vec<_> = new_partitions.collect();
        // A batch contains no log identities.
        self.store()?.claim(&new_partitions, &Logs::default())?;
        mark_claimed(&mut claimed, &new_partitions);
        Ok(())
    }

    fn count(&self, outcome: &BatchOutcome) {
        for (count, executed) in self.counts.iter().zip(&outcome.executed) {
            count.executions.fetch_add(executed.executions, Relaxed);
            count.rows.fetch_add(executed.rows, Relaxed);
        }
        self.already_applied.fetch_add(outcome.already_applied, Relaxed);
    }
}

fn mark_claimed(claimed: &mut Vec<bool>, partitions: &[RunPartition]) {
    for RunPartition { index, .. } in partitions {
        let index = *index as usize;
        if claimed.len() <= index {
            claimed.resize(index + 1, false);
        }
        claimed[index] = true;
    }
}

impl RunHandlers for ProjectionHandlers {
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        let session = self.shared.store.as_ref().map(|store| store.session());
        Box::new(ProjectionHandler { shared: Arc::clone(&self.shared), binder: self.binder.clone(), session })
    }

    fn needs(&self) -> HandlerNeeds {
        let batch_time = self.shared.store.as_ref().and_then(|store| store.batch_time());
        HandlerNeeds { headers: self.wants_headers, batch_time, ..HandlerNeeds::default() }
    }

    fn positions(&self) -> Option<&dyn TargetPositions> {
        Some(self)
    }

    fn watch(&self, positions: Arc<dyn Positions>) {
        if let Some(shadow) = &self.shared.shadow {
            shadow.set_positions(Arc::clone(&positions));
        }
        if let Some(store) = &self.shared.store {
            store.set_positions(positions);
        }
    }

    fn effects(&self) -> Vec<EffectCount> {
        let mut effects: Vec<EffectCount> = Vec::new();
        let mut add = |what: String, count: u64| match effects.iter_mut().find(|effect| effect.what == what) {
            Some(effect) => effect.count += count,
            None => effects.push(EffectCount { what, count }),
        };
        for (statement, count) in self.shared.definition.statements.iter().zip(&self.shared.counts) {
            let table = statement.table().unwrap_or("other");
            add(format!("statements.{table}"), count.executions.load(Relaxed));
            add(format!("rows.{table}"), count.rows.load(Relaxed));
        }
        for (what, count) in
            [("already applied", &self.shared.already_applied), ("without statement", &self.shared.unmatched)]
        {
            let count = count.load(Relaxed);
            if count > 0 {
                add(what.into(), count);
            }
        }
        effects
    }

    fn preview(&self) -> Result<Box<dyn Preview>, HandlerError> {
        preview::preview(&self.shared.definition, self.binder.clone(), self.shared.context.now_ms)
    }

    fn finish(&self, end: RunEnd) -> Result<(), HandlerError> {
        let Some(store) = &self.shared.store else { return Ok(()) };
        store.finish()?;
        match &self.shared.shadow {
            Some(shadow) => shadow.finish(end, store.as_ref()),
            None => Ok(()),
        }
    }
}

impl ProjectionHandlers {
    /// The partitions of the run with their indexes.
    fn indexes(&self) -> HashMap<&TopicPartition, u32> {
        (0..).zip(self.shared.context.partitions.iter()).map(|(at, id)| (id, at)).collect()
    }
}

impl TargetPositions for ProjectionHandlers {
    fn claim(&self, partitions: &[TopicPartition], logs: &Logs) -> Result<Vec<Option<Offset>>, HandlerError> {
        let indexes = self.indexes();
        let find = |id: &TopicPartition| {
            let index = *indexes.get(id).ok_or_else(|| target_error(format!("{id} is not a partition of this run")))?;
            Ok(RunPartition { index, id: id.clone() })
        };
        let partitions = partitions.iter().map(find).collect::<Result<Vec<_>, HandlerError>>()?;
        // Locked during the claim, so that no batch claims the same partitions.
        let mut claimed = self.shared.claimed.lock();
        let positions = self.shared.store()?.claim(&partitions, logs)?;
        mark_claimed(&mut claimed, &partitions);
        Ok(positions)
    }

    fn applied(&self, partitions: &[TopicPartition]) -> Vec<OffsetSet> {
        let (indexes, store) = (self.indexes(), self.shared.store.as_ref());
        let of_one = |id| store.zip(indexes.get(id)).map_or_else(OffsetSet::default, |(store, at)| store.applied(*at));
        partitions.iter().map(of_one).collect()
    }
}

struct ProjectionHandler {
    shared: Arc<ProjectionRun>,
    binder: Binder,
    session: Option<Box<dyn StoreSession>>,
}

impl Handler for ProjectionHandler {
    fn handle(&mut self, runs: &[LaneRun]) -> Vec<LaneFailure> {
        let (batch, undecodable) = self.bind(runs);
        let Some(session) = &mut self.session else {
            return BatchOutcome::failed(&batch, "a dry run applies nothing", Advice::Stop).failures;
        };
        if let Err(error) = self.shared.claim_new(&batch) {
            // The target is at fault, not a record.
            return BatchOutcome::failed(&batch, &error.to_string(), Advice::Unable).failures;
        }
        let unmatched = batch.records.iter().filter(|record| record.statements.is_empty()).count();
        let mut outcome = session.apply(batch);
        self.shared.count(&outcome);
        if unmatched > 0 && outcome.failures.is_empty() {
            self.shared.unmatched.fetch_add(unmatched as u64, Relaxed);
        }
        // If the database fails a run at an earlier record, only that failure counts.
        let failed_runs: Vec<usize> = outcome.failures.iter().map(|failure| failure.run).collect();
        outcome.failures.extend(undecodable.into_iter().filter(|failure| !failed_runs.contains(&failure.run)));
        outcome.failures
    }
}

impl ProjectionHandler {
    /// Binds runs. A run ends before its first record that cannot be bound.
    fn bind(&mut self, runs: &[LaneRun]) -> (Batch, Vec<LaneFailure>) {
        let (mut batch, mut failures) = (Batch::default(), Vec::new());
        for (run, lane) in runs.iter().enumerate() {
            let first = batch.records.len();
            for (done, record) in lane.records.iter().enumerate() {
                if let Err(error) = self.binder.bind(record, &mut batch) {
                    let advice = decoding_advice(&error);
                    failures.push(LaneFailure { run, done, error: error.to_string(), advice });
                    break;
                }
            }
            batch.runs.push(first..batch.records.len());
        }
        (batch, failures)
    }
}
