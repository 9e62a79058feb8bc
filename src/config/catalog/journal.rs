//! `[run]`: journals, and progress without a console.

use std::{ops::RangeInclusive, time::Duration};

use toml::Value;

use super::Setting;
use crate::config::value::{directory, number, store, text, time};

const PROGRESS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);
const KEEP: RangeInclusive<u32> = 0..=100_000;

pub(super) const JOURNAL: &[Setting] = &[
    Setting {
        key: "run.journal",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.journal.enabled, i.bool()),
        show: |c| Some(Value::from(c.run.journal.enabled)),
    },
    Setting {
        key: "run.journal_keep",
        allowed: "a whole number from 0 to 100000",
        set: |c, i| store(&mut c.run.journal.keep, i.within(&KEEP)),
        show: |c| Some(number(c.run.journal.keep)),
    },
    Setting {
        key: "run.state_dir",
        allowed: "the path of a directory",
        set: |c, i| store(&mut c.run.journal.state_dir, directory(i).map(Some)),
        show: |c| c.run.journal.state_dir.as_ref().map(|dir| text(&dir.display())),
    },
    Setting {
        key: "run.progress_interval",
        allowed: "a duration from 100ms to 60m, such as 5s",
        set: |c, i| store(&mut c.run.progress_interval, i.duration(&PROGRESS)),
        show: |c| Some(time(c.run.progress_interval)),
    },
];
