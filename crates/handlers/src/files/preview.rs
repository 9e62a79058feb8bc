//! Previews of rows.

use std::sync::Arc;

use kreplay_model::domain::{AppendOnlyVec, Record, TopicPartition};

use super::{
    FileFormat,
    table::{RowError, Table},
};
use crate::{EffectForm, Preview, PreviewError, PreviewedEffect, RecordFailure, failure::preview_error};

pub(super) struct FilesPreview {
    /// Rows of Parquet are shown as CSV.
    pub(super) table: Table,
    pub(super) format: FileFormat,
    pub(super) by_topic: bool,
    pub(super) partitions: Arc<AppendOnlyVec<TopicPartition>>,
}

impl Preview for FilesPreview {
    fn form(&self) -> EffectForm {
        if self.format == FileFormat::Ndjson { EffectForm::Lines } else { EffectForm::FileRows }
    }

    fn preview(&mut self, record: &Record, effects: &mut Vec<PreviewedEffect>) -> Result<(), PreviewError> {
        let id = self.partitions.get(record.partition as usize);
        let id = id.ok_or_else(|| format!("partition {} is not in the plan", record.partition))?;
        let mut content = Vec::new();
        let appended = self.table.append(&mut content, id, record);
        appended.map_err(|RowError { text, advice }| preview_error(RecordFailure::new(text, advice)))?;
        if self.format == FileFormat::Ndjson {
            // The line feed is not part of the content, as with `ndjson`.
            content.pop();
        }
        let series = if self.by_topic { &*id.topic } else { "records" };
        effects.push(PreviewedEffect { what: format!("{} {series}", self.format), content });
        Ok(())
    }
}
