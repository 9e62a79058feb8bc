//! `[run]`: ordering, batches, reading, handler and group.

use std::ops::RangeInclusive;

use kreplay_handlers::DryRunMode;
use toml::Value;

use super::{HANDLERS, Setting};
use crate::config::value::{group, handler, number, store, text, word};

const FETCH_BATCH: RangeInclusive<u32> = 1..=100_000;
const FETCH_CLIENTS: RangeInclusive<u32> = 1..=64;

pub(super) const HANDLING: &[Setting] = &[
    Setting {
        key: "run.ordering",
        allowed: "key, partition or none",
        set: |c, i| store(&mut c.run.settings.ordering, word(i)),
        show: |c| Some(text(&c.run.settings.ordering)),
    },
    Setting {
        key: "run.batch",
        allowed: "a whole number from 1 to 100000",
        set: |c, i| store(&mut c.run.settings.batch, i.bounded()),
        show: |c| Some(number(c.run.settings.batch.get())),
    },
    Setting {
        key: "run.tier",
        allowed: "auto, stream, standard, buffered or dedicated",
        set: |c, i| store(&mut c.run.settings.tier, word(i)),
        show: |c| Some(text(&c.run.settings.tier)),
    },
    Setting {
        key: "run.fetch_batch",
        allowed: "a whole number from 1 to 100000",
        set: |c, i| store(&mut c.run.settings.fetch_batch, i.within(&FETCH_BATCH)),
        show: |c| Some(number(c.run.settings.fetch_batch)),
    },
    Setting {
        key: "run.fetch_clients",
        allowed: "a whole number from 1 to 64",
        set: |c, i| store(&mut c.run.settings.fetch_clients, i.within(&FETCH_CLIENTS).map(Some)),
        show: |c| c.run.settings.fetch_clients.map(number),
    },
    Setting {
        key: "run.handler",
        allowed: HANDLERS,
        set: |c, i| store(&mut c.run.handler, handler(i)),
        show: |c| Some(text(&c.run.handler)),
    },
    Setting {
        key: "run.dry_run",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.settings.dry_run, i.bool().map(|dry| dry.then_some(DryRunMode::Single))),
        show: |c| Some(Value::from(matches!(c.run.settings.dry_run, Some(DryRunMode::Single)))),
    },
    Setting {
        key: "run.group",
        allowed: "a group id of 1 to 255 printable characters",
        set: |c, i| store(&mut c.run.settings.group, group(i).map(Some)),
        show: |c| c.run.settings.group.clone().map(Value::from),
    },
    Setting {
        key: "run.group_protocol",
        allowed: "auto, consumer or classic",
        set: |c, i| store(&mut c.run.group_protocol, word(i)),
        show: |c| Some(text(&c.run.group_protocol)),
    },
];
