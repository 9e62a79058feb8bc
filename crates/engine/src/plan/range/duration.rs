//! Times before now as text, such as `-1d12h`.

use std::{fmt, time::Duration};

pub(in crate::plan) use kreplay_model::domain::duration::in_units;
pub(super) use kreplay_model::domain::duration::parse as duration;

/// The text of a time before now, such as `-1d12h`.
pub(super) struct Ago(pub(super) Duration);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "-{}", in_units(self.0))
    }
}
