//! Which rules of a selection contradict the settings of a run.

use kreplay_model::domain::Ordering;

use super::error::RunError;
use crate::{plan::Scope, settings::Settings};

/// Checks that the settings can keep what the rules of the selection demand.
///
/// # Errors
/// Barriers or time order in a group, and time order without lanes that span partitions.
pub fn check_scope(scope: &Scope, settings: &Settings) -> Result<(), RunError> {
    if settings.group.is_some() && !scope.rules.barriers.is_empty() {
        return Err(RunError::GroupBarriers);
    }
    if scope.time_order { check_time_order(settings) } else { Ok(()) }
}

/// Time order needs every partition in one process, and lanes that span partitions.
fn check_time_order(settings: &Settings) -> Result<(), RunError> {
    if settings.group.is_some() {
        return Err(RunError::TimeOrder(
            "needs all partitions in one process, but a group may spread them over several; drop --group",
        ));
    }
    if settings.needs_partition_order() {
        return Err(RunError::TimeOrder(
            "spreads partitions over lanes, but the handler topic commits whole partitions; set topic.transactional = \
             false, or use --single-threaded",
        ));
    }
    if settings.ordering != Ordering::Key {
        return Err(RunError::TimeOrder("sorts the records of each key, so it requires --ordering key"));
    }
    Ok(())
}
