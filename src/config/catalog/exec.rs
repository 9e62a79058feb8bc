//! `[exec]`: child processes of the handler `exec`.

use std::{ops::RangeInclusive, time::Duration};

use toml::Value;

use super::Setting;
use crate::config::value::{directory, shown_list, store, time, variables};

const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);
const STOP_TIMEOUT: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(300);

pub(super) const EXEC: &[Setting] = &[
    Setting {
        key: "exec.command",
        allowed: "a list: a program and its arguments",
        set: |c, i| store(&mut c.run.handlers.exec.command, i.list()),
        show: |c| {
            let command = &c.run.handlers.exec.command;
            (!command.is_empty()).then(|| command.clone().into())
        },
    },
    Setting {
        key: "exec.directory",
        allowed: "the path of a directory",
        set: |c, i| store(&mut c.run.handlers.exec.directory, directory(i).map(Some)),
        show: |c| Some(Value::from(c.run.handlers.exec.directory.as_ref()?.display().to_string())),
    },
    Setting {
        key: "exec.environment",
        allowed: "a list of NAME=value",
        set: |c, i| store(&mut c.run.handlers.exec.environment, i.secret_list().and_then(variables)),
        show: |c| shown_list(&c.run.handlers.exec.environment),
    },
    Setting {
        key: "exec.timeout",
        allowed: "a duration from 100ms to 60m",
        set: |c, i| store(&mut c.run.handlers.exec.timeout, i.duration(&TIMEOUT)),
        show: |c| Some(time(c.run.handlers.exec.timeout)),
    },
    Setting {
        key: "exec.stop_timeout",
        allowed: "a duration from 0 to 5m",
        set: |c, i| store(&mut c.run.handlers.exec.stop_timeout, i.duration(&STOP_TIMEOUT)),
        show: |c| Some(time(c.run.handlers.exec.stop_timeout)),
    },
    Setting {
        key: "exec.pipeline",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.handlers.exec.pipeline, i.bool()),
        show: |c| Some(Value::from(c.run.handlers.exec.pipeline)),
    },
];
