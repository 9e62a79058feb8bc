//! From frames to entries.

use std::{fmt, io, sync::Arc};

use serde::Serialize;

use super::{
    Entry, EntryHead, EntryKind, Frame,
    marks::{is_group_mark, is_mark},
    payload::Packer,
};
use crate::{
    feed::Snapshot,
    watch::{AlertsSnapshot, WatchSnapshot},
};

/// The time after which an entry is whole again, in milliseconds. Seeking reads one whole entry and one difference,
/// however long the recording is.
pub const WHOLE_INTERVAL_MS: i64 = 5_000;

/// Why a frame cannot be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A value cannot be written as JSON.
    #[error("a snapshot cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Compressing failed.
    #[error("a snapshot cannot be compressed: {0}")]
    Compress(#[from] io::Error),
}

/// Turns frames into entries. Its memory is a few times that of the largest snapshot as JSON.
#[derive(Debug, Default)]
pub struct Encoder {
    at_ms: Option<i64>,
    snapshot: Option<Arc<Snapshot>>,
    groups: Option<Arc<WatchSnapshot>>,
    alerts: Option<Arc<AlertsSnapshot>>,
    bases: [Option<Base>; EntryKind::COUNT],
}

/// The last whole content of a kind, from which differences are made.
struct Base {
    at_ms: i64,
    content: Vec<u8>,
    /// Made with the first difference.
    packer: Option<Packer>,
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Base({} bytes at {})", self.content.len(), self.at_ms)
    }
}

impl Encoder {
    /// The entries of a frame: one for each part that is not equal to the one before. A moment before that of the last
    /// frame becomes that moment.
    ///
    /// # Errors
    /// [`EncodeError`]; the frame is then left out, and the next one is encoded as if it followed the one before.
    pub fn encode(&mut self, frame: &Frame) -> Result<Vec<Entry>, EncodeError> {
        let at_ms = self.at_ms.map_or(frame.at_ms, |last| last.max(frame.at_ms));
        let mut entries = Vec::new();
        if let Some(snapshot) = changed(self.snapshot.as_ref(), frame.snapshot.as_ref()) {
            entries.push(self.entry(EntryKind::Snapshot, at_ms, false, snapshot)?);
        }
        if let Some(groups) = changed(self.groups.as_ref(), frame.groups.as_ref()) {
            entries.push(self.entry(EntryKind::Groups, at_ms, false, groups)?);
        }
        if let Some(alerts) = changed(self.alerts.as_ref(), frame.alerts.as_ref()) {
            entries.push(self.entry(EntryKind::Alerts, at_ms, false, alerts)?);
        }
        if !frame.events.is_empty() {
            let has_mark = frame.events.iter().any(is_mark);
            entries.push(self.entry(EntryKind::Events, at_ms, has_mark, &frame.events)?);
        }
        if !frame.group_events.is_empty() {
            let has_mark = frame.group_events.iter().any(is_group_mark);
            entries.push(self.entry(EntryKind::GroupEvents, at_ms, has_mark, &frame.group_events)?);
        }
        self.at_ms = Some(at_ms);
        remember(&mut self.snapshot, frame.snapshot.as_ref());
        remember(&mut self.groups, frame.groups.as_ref());
        remember(&mut self.alerts, frame.alerts.as_ref());
        Ok(entries)
    }

    fn entry(
        &mut self,
        kind: EntryKind,
        at_ms: i64,
        has_mark: bool,
        value: &impl Serialize,
    ) -> Result<Entry, EncodeError> {
        let content = serde_json::to_vec(value)?;
        let head = |is_whole| EntryHead { kind, at_ms, is_whole, has_mark };
        let slot = &mut self.bases[kind.index()];
        if let Some(base) = slot.as_mut().filter(|base| at_ms - base.at_ms < WHOLE_INTERVAL_MS) {
            let packer = match &mut base.packer {
                Some(packer) => packer,
                none => none.insert(Packer::new(&base.content)?),
            };
            return Ok(Entry { head: head(false), payload: packer.pack(&content)? });
        }
        let payload = Packer::new(&[])?.pack(&content)?;
        *slot = Some(Base { at_ms, content, packer: None });
        Ok(Entry { head: head(true), payload })
    }

    /// Makes the next entry of a kind a whole one that holds the value even if it has not changed, because the entries
    /// before it are not kept.
    pub(super) fn forget(&mut self, kind: EntryKind) {
        self.bases[kind.index()] = None;
        match kind {
            EntryKind::Snapshot => self.snapshot = None,
            EntryKind::Groups => self.groups = None,
            EntryKind::Alerts => self.alerts = None,
            EntryKind::Events | EntryKind::GroupEvents => {}
        }
    }

    /// The size of the contents from which differences are made, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bases.iter().flatten().map(|base| base.content.len()).sum()
    }
}

/// The value if it is not equal to the last one.
fn changed<'a, T: PartialEq>(last: Option<&Arc<T>>, value: Option<&'a Arc<T>>) -> Option<&'a Arc<T>> {
    let value = value?;
    last.is_none_or(|last| !Arc::ptr_eq(last, value) && last != value).then_some(value)
}

fn remember<T>(last: &mut Option<Arc<T>>, value: Option<&Arc<T>>) {
    if let Some(value) = value {
        *last = Some(Arc::clone(value));
    }
}
