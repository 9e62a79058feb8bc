//! `[topic]`: republishing.

use super::Setting;

pub(super) const TOPIC: &[Setting] = &[];
