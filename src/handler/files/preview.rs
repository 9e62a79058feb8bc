//! Rows that are made and not written.

use crate::{
    domain::{Growing, Record, TopicPartition},
    handler::{Preview, PreviewedEffect},
};
use std::sync::Arc;

use super::{FileFormat, table::Table};

pub(super) struct FilesPreview {
    /// Rows of Parquet are shown as those of CSV.
    pub(super) table: Table,
    pub(super) format: FileFormat,
    pub(super) by_topic: bool,
    pub(super) partitions: Arc<Growing<TopicPartition>>,
}

impl Preview for FilesPreview {
    fn preview(&mut self, record: &Record, effects: &mut Vec<PreviewedEffect>) -> Result<(), String> {
        let id = self.partitions.get(record.partition as usize);
        let id = id.ok_or_else(|| format!("partition {} is not in the plan", record.partition))?;
        let mut content = Vec::new();
        self.table.append(&mut content, id, record).map_err(|error| error.text)?;
        let series = if self.by_topic { &*id.topic } else { "records" };
        effects.push(PreviewedEffect { what: format!("{} {series}", self.format), content });
        Ok(())
    }
}
