//! `[decode]`: how values are decoded.

use super::Setting;

pub(super) const DECODE: &[Setting] = &[];
