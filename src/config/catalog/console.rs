//! `[console]`: theme and mouse.

use toml::Value;

use super::Setting;
use crate::config::value::{store, text, theme};

pub(super) const CONSOLE: &[Setting] = &[
    Setting {
        key: "console.theme",
        allowed: "dark, light, mono or the path of a .toml file",
        set: |c, i| store(&mut c.console.theme, theme(i)),
        show: |c| Some(text(&c.console.theme)),
    },
    Setting {
        key: "console.mouse",
        allowed: "true or false",
        set: |c, i| store(&mut c.console.mouse, i.bool()),
        show: |c| Some(Value::from(c.console.mouse)),
    },
];
