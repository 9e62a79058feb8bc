//! Counts of what handlers have done.

use serde::{Deserialize, Serialize};

/// A kind of effect that handlers have applied, with its count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectCount {
    /// The kind, as shown and as reported in JSON: `statements.orders`, `requests`, `records.realtime.user`.
    pub what: String,
    /// How often.
    pub count: u64,
}
