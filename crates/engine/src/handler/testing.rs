//! Lanes and records for tests of handlers.

use std::sync::{Arc, atomic::AtomicU64};

use kreplay_model::domain::{Record, RecordBufferBuilder, Route};

use super::LaneRun;

/// A lane of `count` records without key and value, with offsets from 0.
#[must_use]
pub fn lane(number: u32, count: i64) -> LaneRun {
    LaneRun { lane: number, records: (0..count).map(|offset| record(0, offset, None, None, &[])).collect() }
}

/// A record with timestamp 1000, without key group.
#[must_use]
pub fn record(
    partition: u32,
    offset: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[(&[u8], Option<&[u8]>)],
) -> Record {
    let mut builder = RecordBufferBuilder::default();
    builder.push(partition, 0, offset, 1000, Route::default(), key, value);
    for (name, value) in headers {
        builder.push_header(name, *value);
    }
    let mut records = Vec::new();
    builder.finish(&Arc::new(AtomicU64::new(0)), &mut records);
    records.remove(0)
}
