//! `[http]`: requests.

use super::Setting;

pub(super) const HTTP: &[Setting] = &[];
