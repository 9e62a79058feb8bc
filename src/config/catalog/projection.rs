//! `[projection]`: SQL read models.

use super::Setting;

pub(super) const PROJECTION: &[Setting] = &[];
