//! `[kafka]`: the cluster.

use toml::Value;

use super::Setting;
use crate::config::value::{bootstrap, store};

pub(super) const KAFKA: &[Setting] = &[Setting {
    key: "kafka.bootstrap_servers",
    allowed: "comma-separated HOST:PORT",
    set: |c, i| store(&mut c.kafka.bootstrap_servers, bootstrap(i).map(Some)),
    show: |c| c.kafka.bootstrap_shown.clone().map(Value::from),
}];
