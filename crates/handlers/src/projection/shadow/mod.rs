//! Shadow rebuild: a projection is rebuilt beside the one that is in use, verified, and only then swapped in.
//!
//! A rebuild contains a mark, the table `kreplay_rebuild`, with the run that it belongs to. The mark stays in it when
//! it is swapped in. A run that is resumed after a crash thus finds the stage of its rebuild: not begun, incomplete, or
//! already in place. A rebuild of another run is discarded and begun again.

mod postgres;
mod sqlite;
mod verify;

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use xxhash_rust::xxh3::xxh3_64;

use kreplay_model::{domain::number::counted_as, feed::EventKind};

use self::{
    postgres::PostgresShadow,
    sqlite::SqliteShadow,
    verify::{PartitionRange, compare, read_log},
};
use super::{
    definition::Definition,
    store::{ProjectionStore, settings_error, target_error},
    target::ProjectionTarget,
};
use crate::setup::HandlerSetup;
use crate::{HandlerError, Positions, RunEnd};

/// The maximum number of rows of the check query that an error shows.
const MAX_CHECK_ROWS: usize = 3;

/// The mark of a rebuild.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RebuildMark {
    run_id: String,
    /// A hash of the definition: a rebuild must not be continued with another definition.
    definition: String,
}

/// The stage of a rebuild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RebuildStage {
    Building,
    /// This run has already swapped it in.
    InPlace,
}

/// What exists at the location of a rebuild.
#[derive(Debug, PartialEq, Eq)]
enum ExistingRebuild {
    Nothing,
    Marked(RebuildMark),
    /// Something that kreplay has not created.
    Foreign,
}

/// A rebuild in progress.
pub(super) struct ShadowRebuild {
    backend: ShadowBackend,
    stage: RebuildStage,
    check: Option<String>,
    context: HandlerSetup,
    positions: OnceLock<Arc<dyn Positions>>,
}

enum ShadowBackend {
    Sqlite(SqliteShadow),
    Postgres(Box<PostgresShadow>),
}

/// The file or schema to which records are applied.
pub(super) enum WriteLocation {
    File(PathBuf),
    Schema(String),
}

impl ShadowRebuild {
    /// Begins a rebuild, or continues that of the same run.
    ///
    /// # Errors
    /// The settings do not allow a rebuild, another process is rebuilding the same target, or the target cannot be
    /// used.
    pub(super) fn begin(definition: &Definition, context: &HandlerSetup) -> Result<Self, HandlerError> {
        if context.group.is_some() {
            return Err(settings_error(
                "a shadow rebuild is verified once it is complete, which a single process of a group cannot determine; \
                 drop --group or --shadow",
            ));
        }
        let mark = RebuildMark { run_id: context.run_id.clone(), definition: fingerprint(definition) };
        let (backend, stage) = match &definition.target {
            ProjectionTarget::Sqlite(path) => {
                let (shadow, stage) = SqliteShadow::begin(path, mark)?;
                (ShadowBackend::Sqlite(shadow), stage)
            }
            ProjectionTarget::Postgres(url) => {
                let (shadow, stage) = PostgresShadow::begin(url, definition, mark, context)?;
                (ShadowBackend::Postgres(Box::new(shadow)), stage)
            }
        };
        let check = definition.check.clone();
        Ok(Self { backend, stage, check, context: context.clone(), positions: OnceLock::new() })
    }

    /// The location to which records are applied.
    pub(super) fn write_location(&self) -> WriteLocation {
        let building = self.stage == RebuildStage::Building;
        match &self.backend {
            ShadowBackend::Sqlite(shadow) => WriteLocation::File(shadow.path(building)),
            ShadowBackend::Postgres(shadow) => WriteLocation::Schema(shadow.schema(building)),
        }
    }

    /// Sets the source of the run's positions. Only the first call has an effect.
    pub(super) fn set_positions(&self, positions: Arc<dyn Positions>) {
        let _ = self.positions.set(positions);
    }

    /// Verifies a complete rebuild and swaps it in. An incomplete one is kept, so that the run can be resumed.
    ///
    /// # Errors
    /// The verification fails, or the rebuild cannot be swapped in; the old projection is then unchanged.
    pub(super) fn finish(&self, end: RunEnd, store: &dyn ProjectionStore) -> Result<(), HandlerError> {
        if !end.complete || self.stage == RebuildStage::InPlace {
            return Ok(());
        }
        self.verify(end, store).map_err(|reason| {
            target_error(format!("the rebuild was not put in place and the old projection stays in use: {reason}"))
        })?;
        store.close()?;
        let keep_old = self.context.settings.projection.keep_old;
        let old = match &self.backend {
            ShadowBackend::Sqlite(shadow) => shadow.put_in_place(keep_old)?,
            ShadowBackend::Postgres(shadow) => shadow.put_in_place(keep_old)?,
        };
        let text = match old {
            Some((old, remove)) => format!(
                "the rebuild is verified and in place; the old projection is kept as {old}; remove it with: {remove}"
            ),
            None => "the rebuild is verified and in place".into(),
        };
        self.context.events.push(EventKind::Notice { text });
        Ok(())
    }

    fn verify(&self, end: RunEnd, store: &dyn ProjectionStore) -> Result<(), String> {
        if end.passed_over > 0 {
            return Err(format!(
                "{}, then rebuild again",
                counted_as(
                    end.passed_over,
                    "record was skipped or dead-lettered, so it is missing; fix it",
                    "records were skipped or dead-lettered, so they are missing; fix them"
                )
            ));
        }
        let positions = self.positions.get().ok_or("the run's positions are not known")?;
        let ranges: Vec<PartitionRange> = (0..)
            .zip(self.context.partitions.iter())
            .map(|(index, id)| PartitionRange {
                id: id.clone(),
                first: positions.first(index),
                end: positions.position(index),
            })
            .collect();
        self.context
            .events
            .push(EventKind::Notice { text: "the rebuild is complete; reading the log again to verify it".into() });
        let log = read_log(&self.context.kafka, &self.context.rules, &ranges)?;
        let sums = store.sums().map_err(|error| error.reason())?;
        compare(&ranges, &log, &sums)?;
        let Some(check) = &self.check else { return Ok(()) };
        let error_rows =
            store.check(check, MAX_CHECK_ROWS).map_err(|error| format!("the check query fails: {}", error.reason()))?;
        if error_rows.is_empty() {
            Ok(())
        } else {
            Err(format!("the check query found errors: {}", error_rows.join("; ")))
        }
    }
}

/// A hash of a definition that does not depend on the name of its file.
fn fingerprint(definition: &Definition) -> String {
    let mut parts = vec![definition.name.clone(), definition.schema.clone().unwrap_or_default()];
    parts.extend(definition.on.iter().map(|on| format!("{:?}{:?}{:?}", on.topics, on.event_types, on.statements)));
    parts.extend(definition.statements.iter().map(|statement| statement.text(definition.target.dialect())));
    let text = parts.join("\0");
    format!("{:016x}", xxh3_64(text.as_bytes()))
}

/// Whether the existing rebuild can be continued; otherwise it is begun again.
///
/// # Errors
/// Something else is at the location, or the definition has changed.
fn can_resume(found: &ExistingRebuild, mark: &RebuildMark, location: &str) -> Result<bool, HandlerError> {
    match found {
        ExistingRebuild::Nothing => Ok(false),
        ExistingRebuild::Foreign => {
            Err(settings_error(format!("{location} exists and is not a rebuild by kreplay; remove or rename it")))
        }
        ExistingRebuild::Marked(found) if found.run_id != mark.run_id => Ok(false),
        ExistingRebuild::Marked(found) if found.definition != mark.definition => Err(settings_error(
            "the definition has changed since this rebuild was begun; start a new run, which begins the rebuild again",
        )),
        ExistingRebuild::Marked(_) => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::Classified as _;

    use super::*;

    #[test]
    fn a_rebuild_is_resumed_only_by_its_own_run() {
        let mark = |run: &str, definition: &str| RebuildMark { run_id: run.into(), definition: definition.into() };
        let ours = mark("a", "1");
        assert!(!can_resume(&ExistingRebuild::Nothing, &ours, "x").unwrap());
        assert!(can_resume(&ExistingRebuild::Marked(ours.clone()), &ours, "x").unwrap());
        assert!(!can_resume(&ExistingRebuild::Marked(mark("b", "1")), &ours, "x").unwrap());
        assert!(can_resume(&ExistingRebuild::Marked(mark("a", "2")), &ours, "x").unwrap_err().class().is_usage());
        assert!(can_resume(&ExistingRebuild::Foreign, &ours, "x").unwrap_err().to_string().contains("x exists"));
    }
}
