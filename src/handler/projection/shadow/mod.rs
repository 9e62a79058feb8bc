//! Shadow rebuild: a projection is made anew beside the one that is in use, verified, and only then put in its place.
//!
//! A rebuild carries a mark, `kreplay_rebuild`, with the run that it belongs to. It goes along when the rebuild is put in
//! place, so that a run that goes on after it was killed sees how far it had come: nothing there, half of it, or in place
//! already. A rebuild of another run is begun anew.

mod postgres;
mod sqlite;
mod verify;

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use xxhash_rust::xxh3::xxh3_64;

pub(super) use verify::Sum;

use self::{
    postgres::PostgresShadow,
    sqlite::SqliteShadow,
    verify::{Range, compare, read},
};
use super::{
    definition::Definition,
    store::{Store, settings_error, target_error},
    target::Target,
};
use crate::{
    feed::EventKind,
    handler::{HandlerContext, HandlerError, Positions, RunEnd},
};

/// A check's first rows are told, so many.
const TOLD: usize = 3;

/// What a rebuild is marked with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    run_id: String,
    /// A hash of the definition: half a rebuild by one and half by another would be neither.
    definition: String,
}

/// How far a rebuild has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Building,
    /// This run has put it in place before.
    InPlace,
}

/// What was found where a rebuild belongs.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Mark(Mark),
    /// Something that kreplay has not made.
    Foreign,
}

/// A rebuild that is under way.
pub(super) struct Shadow {
    kind: Kind,
    stage: Stage,
    check: Option<String>,
    context: HandlerContext,
    positions: OnceLock<Arc<dyn Positions>>,
}

enum Kind {
    Sqlite(SqliteShadow),
    Postgres(Box<PostgresShadow>),
}

/// Where records are applied.
pub(super) enum Place {
    File(PathBuf),
    Schema(String),
}

impl Shadow {
    /// Begins a rebuild, or goes on with that of the same run.
    ///
    /// # Errors
    /// It cannot be done with these settings, somebody else is at it, or the target cannot be used.
    pub(super) fn begin(definition: &Definition, context: &HandlerContext) -> Result<Self, HandlerError> {
        if context.group.is_some() {
            return Err(settings_error(
                "a shadow rebuild is verified when all of it is there, which no process of a group can say; leave out --group or --shadow",
            ));
        }
        let mark = Mark { run_id: context.run_id.clone(), definition: fingerprint(definition) };
        let (kind, stage) = match &definition.target {
            Target::Sqlite(path) => {
                let (shadow, stage) = SqliteShadow::begin(path, mark)?;
                (Kind::Sqlite(shadow), stage)
            }
            Target::Postgres(url) => {
                let (shadow, stage) = PostgresShadow::begin(url, definition, mark, context)?;
                (Kind::Postgres(Box::new(shadow)), stage)
            }
        };
        let check = definition.check.clone();
        Ok(Self { kind, stage, check, context: context.clone(), positions: OnceLock::new() })
    }

    /// Where records are applied.
    pub(super) fn place(&self) -> Place {
        let building = self.stage == Stage::Building;
        match &self.kind {
            Kind::Sqlite(shadow) => Place::File(shadow.path(building)),
            Kind::Postgres(shadow) => Place::Schema(shadow.schema(building)),
        }
    }

    /// Where the run's positions can be asked for.
    pub(super) fn watch(&self, positions: Arc<dyn Positions>) {
        // Told once.
        let _ = self.positions.set(positions);
    }

    /// Verifies a rebuild that is complete, and puts it in place. One that is not complete is left for the run to go on.
    ///
    /// # Errors
    /// It is not what it should be, or it cannot be put in place; then the old one is as it was.
    pub(super) fn finish(&self, end: RunEnd, store: &dyn Store) -> Result<(), HandlerError> {
        if !end.complete || self.stage == Stage::InPlace {
            return Ok(());
        }
        self.verify(end, store).map_err(|reason| {
            target_error(format!("the rebuild is not put in place, and the old one stays in use: {reason}"))
        })?;
        store.close()?;
        let keep_old = self.context.settings.projection.keep_old;
        let old = match &self.kind {
            Kind::Sqlite(shadow) => shadow.put_in_place(keep_old)?,
            Kind::Postgres(shadow) => shadow.put_in_place(keep_old)?,
        };
        let text = match old {
            Some((old, remove)) => format!(
                "the rebuild is verified and in place; the old one is kept as {old}, until you remove it: {remove}"
            ),
            None => "the rebuild is verified and in place".into(),
        };
        self.context.events.push(EventKind::Notice { text });
        Ok(())
    }

    fn verify(&self, end: RunEnd, store: &dyn Store) -> Result<(), String> {
        if end.passed_over > 0 {
            return Err(format!(
                "{} records were passed over, so it lacks them; see to them, then rebuild again",
                end.passed_over
            ));
        }
        let positions = self.positions.get().ok_or("the run's positions are not known")?;
        let ranges: Vec<Range> = (0..)
            .zip(self.context.partitions.iter())
            .map(|(index, id)| Range { id: id.clone(), first: positions.first(index), end: positions.position(index) })
            .collect();
        self.context
            .events
            .push(EventKind::Notice { text: "the rebuild is complete; reading the log again to verify it".into() });
        let log = read(&self.context.kafka, &self.context.rules, &ranges)?;
        let sums = store.sums().map_err(|error| error.to_string())?;
        compare(&ranges, &log, &sums)?;
        let Some(check) = &self.check else { return Ok(()) };
        let wrong = store.check(check, TOLD).map_err(|error| format!("the check query fails: {error}"))?;
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(format!("the check query finds something wrong: {}", wrong.join("; ")))
        }
    }
}

/// The same for the same definition, whatever its file is called.
fn fingerprint(definition: &Definition) -> String {
    let mut parts = vec![definition.name.clone(), definition.schema.clone().unwrap_or_default()];
    parts.extend(definition.on.iter().map(|on| format!("{:?}{:?}{:?}", on.topics, on.event_types, on.statements)));
    parts.extend(definition.statements.iter().map(|statement| statement.text(definition.target.dialect())));
    let text = parts.join("\0");
    format!("{:016x}", xxh3_64(text.as_bytes()))
}

/// What to do with what was found where the rebuild belongs: go on with it, or begin anew.
fn goes_on(found: &Found, mark: &Mark, place: &str) -> Result<bool, HandlerError> {
    match found {
        Found::Nothing => Ok(false),
        Found::Foreign => {
            Err(settings_error(format!("{place} is there and no rebuild of kreplay's; remove or rename it")))
        }
        Found::Mark(found) if found.run_id != mark.run_id => Ok(false),
        Found::Mark(found) if found.definition != mark.definition => Err(settings_error(
            "the definition is not the one that this rebuild was begun with; start a new run, which begins it anew",
        )),
        Found::Mark(_) => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rebuild_goes_on_for_its_own_run_only() {
        let mark = |run: &str, definition: &str| Mark { run_id: run.into(), definition: definition.into() };
        let ours = mark("a", "1");
        assert!(!goes_on(&Found::Nothing, &ours, "x").unwrap());
        assert!(goes_on(&Found::Mark(ours.clone()), &ours, "x").unwrap());
        assert!(!goes_on(&Found::Mark(mark("b", "1")), &ours, "x").unwrap());
        assert!(goes_on(&Found::Mark(mark("a", "2")), &ours, "x").unwrap_err().is_usage());
        assert!(goes_on(&Found::Foreign, &ours, "x").unwrap_err().to_string().contains("x is there"));
    }
}
