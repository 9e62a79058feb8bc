//! Reading without a group if the target stores the positions.

use std::{sync::Arc, thread::JoinHandle};

use kreplay_kafka::Client;
use kreplay_model::domain::{Offset, TopicPartition};

use super::{CLAIM_TIMEOUT, StartEvents, StartPosition, claim};
use crate::replay::{engine::Engine, reading::readers::spawn_readers};

/// Claims every partition and then reads from the target's positions, on a separate thread. The thread ends when the
/// run stops reading.
///
/// # Errors
/// The operating system has no thread left.
pub fn spawn_claiming_readers(engine: &Arc<Engine>, client: &Client, headers: bool) -> std::io::Result<JoinHandle<()>> {
    let (engine, client) = (Arc::clone(engine), client.clone());
    std::thread::Builder::new().name("fetcher".into()).spawn(move || {
        let known = u32::try_from(engine.planned.len()).unwrap_or(u32::MAX);
        if !take_over(&engine, &client, &(0..known).collect::<Vec<_>>()) {
            return;
        }
        match spawn_readers(&engine, &client, headers) {
            Ok(threads) => threads.into_iter().for_each(|thread| drop(thread.join())),
            Err(error) => engine.fail(format!("the operating system cannot start another thread ({error})")),
        }
    })
}

/// Claims partitions and begins each at the target's position. Returns `false` if that failed; then the run ends.
#[must_use]
pub fn take_over(engine: &Arc<Engine>, client: &Client, partitions: &[u32]) -> bool {
    let ids: Vec<TopicPartition> = partitions.iter().map(|index| engine.id(*index).clone()).collect();
    let Some(positions) = claim(engine, Some(client), &ids, CLAIM_TIMEOUT) else { return false };
    let mut start_events = StartEvents::default();
    for ((&index, id), target_position) in partitions.iter().zip(&ids).zip(positions) {
        let one = start_position(engine, index, target_position);
        start_events.note(id, one, engine.plan.follow);
        engine.begin_at(index, one.start());
    }
    start_events.events().for_each(|event| engine.events.push(event));
    true
}

fn start_position(engine: &Engine, index: u32, target_position: Option<Offset>) -> StartPosition {
    let partition = engine.partitions[index as usize].lock();
    StartPosition { target_position, committed: None, first: partition.first, end: partition.end }
}
