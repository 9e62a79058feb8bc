//! Projections in an SQLite file.

use std::{path::Path, sync::Arc};

use super::{
    batch::Batch,
    definition::Definition,
    store::{Claimed, Outcome, Session, Store},
};
use crate::{
    domain::Offset,
    handler::{HandlerContext, HandlerError, Positions},
};

/// A projection in an SQLite file.
pub(super) struct SqliteStore {}

impl SqliteStore {
    pub(super) fn open(
        _path: &Path,
        _definition: &Arc<Definition>,
        _context: &HandlerContext,
    ) -> Result<Self, HandlerError> {
        Err(super::store::target_error("SQLite is not supported yet"))
    }
}

impl Store for SqliteStore {
    fn claim(&self, partitions: &[Claimed]) -> Result<Vec<Option<Offset>>, HandlerError> {
        Ok(vec![None; partitions.len()])
    }

    fn session(&self) -> Box<dyn Session> {
        Box::new(Writer {})
    }

    fn watch(&self, _positions: Arc<dyn Positions>) {}

    fn finish(&self) -> Result<(), HandlerError> {
        Ok(())
    }
}

struct Writer {}

impl Session for Writer {
    fn apply(&mut self, _batch: Batch) -> Outcome {
        Outcome::default()
    }
}
