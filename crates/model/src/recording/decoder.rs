//! From entries back to frames, in the order in which they were encoded.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::{Entry, EntryKind, Frame, payload::unpack};

/// Why entries cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A payload is damaged, or the whole entry from which it is the difference is missing.
    #[error("a part of a frame is corrupt")]
    Damaged,
    /// A content is not what its kind says.
    #[error("a part of a frame cannot be read: {0}")]
    Json(#[from] serde_json::Error),
}

/// Turns the entries of one [`Encoder`](super::Encoder) back into frames. None may be left out. Its memory is that of
/// the last whole content of each kind.
#[derive(Debug, Default)]
pub struct Decoder {
    wholes: [Vec<u8>; EntryKind::COUNT],
}

impl Decoder {
    /// The frame that was encoded as these entries, without the parts that have not changed.
    ///
    /// # Errors
    /// [`DecodeError`]; later entries cannot be decoded then.
    pub fn decode(&mut self, entries: &[Entry]) -> Result<Frame, DecodeError> {
        let mut frame = Frame::default();
        for entry in entries {
            frame.at_ms = entry.head.at_ms;
            match entry.head.kind {
                EntryKind::Snapshot => frame.snapshot = Some(Arc::new(self.value(entry)?)),
                EntryKind::Groups => frame.groups = Some(Arc::new(self.value(entry)?)),
                EntryKind::Alerts => frame.alerts = Some(Arc::new(self.value(entry)?)),
                EntryKind::Events => frame.events = self.value(entry)?,
                EntryKind::GroupEvents => frame.group_events = self.value(entry)?,
            }
        }
        Ok(frame)
    }

    fn value<T: DeserializeOwned>(&mut self, entry: &Entry) -> Result<T, DecodeError> {
        let whole = &mut self.wholes[entry.head.kind.index()];
        if entry.head.is_whole {
            *whole = unpack(&entry.payload, &[]).ok_or(DecodeError::Damaged)?;
            return Ok(serde_json::from_slice(whole)?);
        }
        let content = unpack(&entry.payload, whole).ok_or(DecodeError::Damaged)?;
        Ok(serde_json::from_slice(&content)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        feed::{RunView, Snapshot},
        recording::Encoder,
    };

    fn frame(at_ms: i64, handled: u64) -> Frame {
        let mut run = RunView { id: "r".repeat(200), ..RunView::default() };
        run.totals.handled = handled;
        let snapshot = Some(Arc::new(Snapshot { run: Some(run), ..Snapshot::default() }));
        Frame { at_ms, snapshot, ..Frame::default() }
    }

    #[test]
    fn frames_survive_with_differences_and_whole_entries() {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
        let mut wholes = 0;
        for step in 0..100_i64 {
            let frame = frame(step * 100, step.unsigned_abs());
            let entries = encoder.encode(&frame).unwrap();
            wholes += entries.iter().filter(|entry| entry.head.is_whole).count();
            assert_eq!(decoder.decode(&entries).unwrap(), frame);
        }
        assert_eq!(wholes, 2);
    }

    #[test]
    fn a_difference_without_its_whole_entry_is_refused() {
        let mut encoder = Encoder::default();
        encoder.encode(&frame(0, 1)).unwrap();
        let entries = encoder.encode(&frame(1, 2)).unwrap();
        assert!(!entries[0].head.is_whole);
        assert!(matches!(Decoder::default().decode(&entries), Err(DecodeError::Damaged)));
    }
}
