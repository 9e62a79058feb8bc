//! `[plan]`: what a plan reads.

use std::{ops::RangeInclusive, time::Duration};

use toml::Value;

use super::{Setting, WORK};
use crate::config::value::{number, store, time};

const SAMPLE: RangeInclusive<u32> = 1000..=10_000_000;
const SAMPLE_TIME: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(600);

pub(super) const PLAN: &[Setting] = &[
    Setting {
        key: "plan.scan",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.settings.planning.scan, i.bool()),
        show: |c| Some(Value::from(c.run.settings.planning.scan)),
    },
    Setting {
        key: "plan.sample",
        allowed: "a whole number from 1000 to 10000000",
        set: |c, i| store(&mut c.run.settings.planning.sample, i.within(&SAMPLE)),
        show: |c| Some(number(c.run.settings.planning.sample)),
    },
    Setting {
        key: "plan.sample_time",
        allowed: "a duration from 100ms to 10m, such as 2s",
        set: |c, i| store(&mut c.run.settings.planning.sample_time, i.duration(&SAMPLE_TIME)),
        show: |c| Some(time(c.run.settings.planning.sample_time)),
    },
    Setting {
        key: "plan.work",
        allowed: "a duration from 0 to 60m, such as 1ms",
        set: |c, i| store(&mut c.run.settings.planning.work, i.duration(&WORK).map(Some)),
        show: |c| c.run.settings.planning.work.map(time),
    },
    Setting {
        key: "plan.before_run",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.settings.planning.before_run, i.bool()),
        show: |c| Some(Value::from(c.run.settings.planning.before_run)),
    },
];
