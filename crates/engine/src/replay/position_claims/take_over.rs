//! Takes partitions over from the target, in a run without a group.

use std::sync::Arc;

use kreplay_kafka::Client;
use kreplay_model::domain::Offset;

use super::{CLAIM_TIMEOUT, StartEvents, StartPosition, TargetState, claim};
use crate::replay::engine::Engine;

/// Claims partitions and begins each at the target's position. Returns `false` if that failed; then the run ends.
#[must_use]
pub fn take_over(engine: &Arc<Engine>, client: &Client, partitions: &[u32]) -> bool {
    let ids = engine.partitions.ids(partitions);
    let Some(states) = claim(engine, Some(client), &ids, CLAIM_TIMEOUT) else { return false };
    let mut start_events = StartEvents::default();
    for ((&index, id), TargetState { position, applied }) in partitions.iter().zip(&ids).zip(states) {
        let one = start_position(engine, index, position);
        start_events.note(id, one, engine.plan.follow);
        engine.begin_at_target(index, one.start(), applied);
    }
    start_events.events().for_each(|event| engine.events.push(event));
    true
}

fn start_position(engine: &Engine, index: u32, target_position: Option<Offset>) -> StartPosition {
    let partition = engine.partitions.lock(index);
    StartPosition { target_position, committed: None, first: partition.first, end: partition.end }
}
