//! Which logs a run reads, for targets that keep positions: those of another log are worth nothing.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    domain::{Offset, TopicPartition},
    handler::{HandlerError, KeptBy, Logs},
    kafka::{Catalog, CatalogError, Client},
    replay::engine::Engine,
};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What is told of an error that is not the handler's.
const HANDLER: &str = "of this run";

/// Looks up the logs of these partitions; the first time those of all topics of the run, so that a run over several is
/// refused as a whole. A cluster that does not answer is believed to be what it was before.
///
/// # Errors
/// Nobody answers, and it is not known from before.
pub fn look_up(engine: &Engine, client: &Client, ids: &[TopicPartition]) -> Result<Logs, HandlerError> {
    let known = &engine.claims.logs;
    if engine.kept_by() != KeptBy::Target || engine.claims.unnamed {
        return Ok(Logs::default());
    }
    let mut wanted: BTreeSet<String> = ids.iter().map(|id| id.topic.to_string()).collect();
    wanted.extend(engine.topics.iter().filter(|topic| !known.lock().know(topic)).cloned());
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
            let enough = ids.iter().all(|id| known.know(&id.topic));
            if enough { Ok(known.clone()) } else { Err(no_answer(&error)) }
        }
    }
}

/// Whether the target stands where the logs could have brought it. The ends are looked up after the target has said where it
/// stands, so that they are not too old for it, and only where those that the run knows are.
///
/// # Errors
/// A log ends before; or nobody answers.
pub fn check_ends(
    engine: &Engine,
    client: &Client,
    ids: &[TopicPartition],
    stands: &[Option<Offset>],
) -> Result<(), HandlerError> {
    let known_end = |id: &TopicPartition| {
        let index = engine.index_of(id)?;
        Some(engine.partitions[index as usize].lock().end)
    };
    let beyond = ids.iter().zip(stands).filter_map(|(id, stand)| {
        let stand = (*stand)?;
        (stand.get() > known_end(id)?).then(|| (id.clone(), stand))
    });
    let (ids, stands): (Vec<TopicPartition>, Vec<Offset>) = beyond.unzip();
    let ends = Catalog::new(client, TIMEOUT).log_ends(&ids).map_err(|error| no_answer(&error))?;
    match ends.iter().zip(stands).find(|(log, stand)| *stand > log.end) {
        Some((log, stand)) => Err(beyond_the_log(engine.kept_by(), &log.id, stand, log.end)),
        None => Ok(()),
    }
}

fn beyond_the_log(kept_by: KeptBy, id: &TopicPartition, stand: Offset, end: Offset) -> HandlerError {
    let next = if kept_by == KeptBy::TargetsGroup {
        "set back the offsets of the group that keeps the positions, or name another one"
    } else {
        "rebuild the projection with --shadow, or use another database"
    };
    let reason = format!(
        "the target stands at {stand} of {id}, and its log ends at {end} now: records were lost, or the topic was created \
         again; {next}"
    );
    HandlerError::OtherLog { handler: HANDLER, reason, usage: false }
}

fn no_answer(error: &CatalogError) -> HandlerError {
    let reason = format!("whether the target's positions are those of the logs cannot be found out: {error}");
    HandlerError::Target { handler: HANDLER, reason }
}
