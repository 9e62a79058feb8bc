//! Previews of records that would be written.

use std::sync::Arc;

use kreplay_model::domain::Record;

use super::{outgoing::Outgoing, republish::Republisher};
use crate::{EffectForm, Preview, PreviewError, PreviewedEffect, failure::preview_error};

pub(super) struct TopicPreview(pub(super) Arc<Republisher>);

impl Preview for TopicPreview {
    fn form(&self) -> EffectForm {
        EffectForm::Records
    }

    fn preview(&mut self, record: &Record, effects: &mut Vec<PreviewedEffect>) -> Result<(), PreviewError> {
        let outgoing = self.0.router.route(record).map_err(preview_error)?;
        effects.push(PreviewedEffect {
            what: format!("topic {}", outgoing.target.name),
            content: content(&outgoing, record),
        });
        Ok(())
    }
}

/// The content of a record as one line. Each part is preceded by its length, so that equal lines mean equal records.
fn content(outgoing: &Outgoing<'_>, record: &Record) -> Vec<u8> {
    let mut text = format!("{}-{}", outgoing.target.name, outgoing.partition).into_bytes();
    text.extend(match outgoing.timestamp_ms {
        Some(-1) => b" without a time".to_vec(),
        Some(timestamp) => format!(" at {timestamp}").into_bytes(),
        None => b" at the time of writing".to_vec(),
    });
    push(&mut text, "key", outgoing.key.as_deref());
    push(&mut text, "value", record.value());
    for header in record.headers() {
        push(&mut text, "header", Some(header.key));
        push(&mut text, "is", header.value);
    }
    text
}

fn push(text: &mut Vec<u8>, name: &str, bytes: Option<&[u8]>) {
    match bytes {
        None => text.extend(format!(" {name} null").into_bytes()),
        Some(bytes) => {
            text.extend(format!(" {name}({}) ", bytes.len()).into_bytes());
            text.extend_from_slice(bytes);
        }
    }
}
