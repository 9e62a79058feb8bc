//! `[http]`: requests.

use super::Setting;
use crate::config::value::{headers, http_url, shown_list, store, text};

pub(super) const HTTP: &[Setting] = &[
    Setting {
        key: "http.url",
        allowed: "an address that begins with http:// or https://",
        set: |c, i| store(&mut c.run.settings.handlers.http.url, i.masked().and_then(http_url).map(Some)),
        show: |c| c.run.settings.handlers.http.url.as_ref().map(text),
    },
    Setting {
        key: "http.headers",
        allowed: "a list of `Name: value`",
        set: |c, i| store(&mut c.run.settings.handlers.http.headers, i.masked_list().and_then(headers)),
        show: |c| shown_list(&c.run.settings.handlers.http.headers),
    },
];
