//! `[exec]`: child processes.

use super::Setting;
use crate::config::value::{shown_list, store, variable};

pub(super) const EXEC: &[Setting] = &[Setting {
    key: "exec.environment",
    allowed: "a list of NAME=value",
    set: |c, i| {
        store(
            &mut c.run.settings.handlers.exec.environment,
            i.masked_list().and_then(|list| list.into_iter().map(variable).collect()),
        )
    },
    show: |c| shown_list(&c.run.settings.handlers.exec.environment),
}];
