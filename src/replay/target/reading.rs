//! Reading without a group where the target says where to begin.

use std::{sync::Arc, thread::JoinHandle};

use super::{Beginning, CLAIM_WAIT, Differences, claim};
use crate::{
    domain::{Offset, TopicPartition},
    kafka::Client,
    replay::{engine::Engine, reading::readers::spawn_readers},
};

/// Takes every partition over, on a thread of its own, and then reads from where the target stands. The thread ends when
/// nothing is read any more.
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
            Err(error) => engine.fail(format!("the system gives no further thread ({error})")),
        }
    })
}

/// Takes partitions over and begins each where the target stands. `false` where that could not be done: the run ends.
#[must_use]
pub fn take_over(engine: &Arc<Engine>, client: &Client, partitions: &[u32]) -> bool {
    let ids: Vec<TopicPartition> = partitions.iter().map(|index| engine.id(*index).clone()).collect();
    let Some(stands) = claim(engine, Some(client), &ids, CLAIM_WAIT) else { return false };
    let mut differences = Differences::default();
    for ((&index, id), stand) in partitions.iter().zip(&ids).zip(stands) {
        let one = beginning(engine, index, stand);
        differences.note(id, one, engine.plan.follow);
        engine.begin_at(index, one.start());
    }
    differences.events().for_each(|event| engine.events.push(event));
    true
}

fn beginning(engine: &Engine, index: u32, stand: Option<Offset>) -> Beginning {
    let partition = engine.partitions[index as usize].lock();
    Beginning { stand, committed: None, first: partition.first, end: partition.end }
}
