//! `[export]`: files by size.

use super::Setting;

pub(super) const EXPORT: &[Setting] = &[];
