//! The identity of the logs that a run reads. A target's positions are valid only for the logs they were stored for.

use std::{collections::BTreeSet, time::Duration};

use kreplay_kafka::{Catalog, CatalogError, Client};
use kreplay_model::domain::{ErrorClass, Offset, TopicPartition};

use crate::{
    handler::{HandlerError, Logs, PositionStore},
    replay::engine::Engine,
};

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The handler named in errors that are not the handler's own.
const HANDLER: &str = "of this run";

/// Looks up the identity of the logs of these partitions. The first call covers all topics of the run, so that a run
/// over several topics is refused as a whole. If the cluster does not answer, its last known identity is kept.
///
/// # Errors
/// The cluster does not answer, and the identity is not known.
pub fn look_up(engine: &Engine, client: &Client, ids: &[TopicPartition]) -> Result<Logs, HandlerError> {
    let known = &engine.claims.logs;
    if engine.position_store() != PositionStore::Target || engine.topics.is_ephemeral_cluster {
        return Ok(Logs::default());
    }
    let mut wanted: BTreeSet<String> = ids.iter().map(|id| id.topic.to_string()).collect();
    wanted.extend(engine.topics.names().filter(|topic| !known.lock().know(topic)).cloned());
    let names: Vec<String> = wanted.into_iter().collect();
    let catalog = Catalog::new(client, TIMEOUT);
    match catalog.topic_ids(&names) {
        Ok(mut found) => {
            let cluster = catalog.cluster_id();
            let mut known = known.lock();
            known
                .learn(cluster, names.into_iter().map(|name| (found.remove(&name), name)).map(|(id, name)| (name, id)));
            Ok(known.clone())
        }
        Err(error) => {
            let known = known.lock();
            let is_known = ids.iter().all(|id| known.know(&id.topic));
            if is_known { Ok(known.clone()) } else { Err(unanswered(&error)) }
        }
    }
}

/// Checks that no target position is beyond the end of its log. The ends are looked up after the target's positions, so
/// that they are never older, and only for positions beyond the end that the run knows.
///
/// # Errors
/// A position is beyond the end of its log, or the cluster does not answer.
pub fn check_ends(
    engine: &Engine,
    client: &Client,
    ids: &[TopicPartition],
    positions: &[Option<Offset>],
) -> Result<(), HandlerError> {
    let known_end = |id: &TopicPartition| {
        let index = engine.partitions.index_of(id)?;
        Some(engine.partitions.lock(index).end)
    };
    let beyond = ids.iter().zip(positions).filter_map(|(id, position)| {
        let position = (*position)?;
        (position.get() > known_end(id)?).then(|| (id.clone(), position))
    });
    let (ids, positions): (Vec<TopicPartition>, Vec<Offset>) = beyond.unzip();
    let ends = Catalog::new(client, TIMEOUT).log_ends(&ids).map_err(|error| unanswered(&error))?;
    match ends.iter().zip(positions).find(|(log, position)| *position > log.end) {
        Some((log, position)) => Err(beyond_the_log(engine.position_store(), &log.id, position, log.end)),
        None => Ok(()),
    }
}

fn beyond_the_log(position_store: PositionStore, id: &TopicPartition, position: Offset, end: Offset) -> HandlerError {
    let next = if position_store == PositionStore::TargetGroup {
        "reset the offsets of the group that stores the positions, or name another group"
    } else {
        "rebuild the projection with --shadow, or use another database"
    };
    let reason = format!(
        "the target's position of {id} is {position}, but its log now ends at {end}: records were lost, or the topic \
         was recreated; {next}"
    );
    HandlerError::OtherLog { handler: HANDLER, reason, class: ErrorClass::Failed }
}

fn unanswered(error: &CatalogError) -> HandlerError {
    let reason = format!("cannot check whether the target's positions belong to these logs: {error}");
    HandlerError::Target { handler: HANDLER, reason }
}
