//! `[exec]`: child processes.

use super::Setting;

pub(super) const EXEC: &[Setting] = &[];
