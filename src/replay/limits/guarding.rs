//! The thread that looks after a group that must not suffer, and tells the board.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    guard::{Guard, Step},
    limiter::Throttle,
};
use crate::{
    domain::TopicPartition,
    feed::{EventKind, GuardView},
    kafka::{GroupLag, GroupLagError, KafkaConfig},
    replay::engine::Engine,
};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);
/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How late it sees the end of the run.
const NAP: Duration = Duration::from_millis(50);

/// Begins to protect a group; nothing is handed out before it was seen for the first time. The thread ends by itself when the
/// run is over.
///
/// # Errors
/// The operating system has no thread left.
pub fn spawn(engine: &Arc<Engine>, kafka: &KafkaConfig, group: &str, max_lag: u64) -> std::io::Result<()> {
    let guard = Guard::new(max_lag);
    engine.set_guard(GuardView { group: group.to_owned(), max_lag, ..GuardView::default() }, guard.throttle());
    let (engine, kafka, group) = (Arc::clone(engine), kafka.clone(), group.to_owned());
    std::thread::Builder::new().name("guard".into()).spawn(move || watch(&engine, &kafka, &group, guard))?;
    Ok(())
}

/// Which partition holds the run back, and what to do where the group reads it no more.
fn hint(group: &str, id: &TopicPartition, lag: u64) -> String {
    format!(
        "group {group}: {id} has {lag} of its lag; if the group reads topic {} no more, name the topics that count with \
         --protect-topics",
        id.topic
    )
}

fn watch(engine: &Engine, kafka: &KafkaConfig, group: &str, mut guard: Guard) {
    let lookup = match GroupLag::new(kafka, group) {
        Ok(lookup) => lookup,
        Err(error) => return engine.fail(error.to_string()),
    };
    let (mut handled, mut at, mut seen, mut told) = (engine.handled(), Instant::now(), false, None);
    let topics = &engine.settings.protect_topics;
    let counts = |topic: &str| topics.is_empty() || topics.iter().any(|one| one.is_match(topic.as_bytes()));
    let mut hinted = None;
    while !engine.reading_stopped() {
        let lag = match lookup.look(PATIENCE, counts) {
            Ok(lag) => Some(lag),
            // At the beginning that is a slip in the name, or a missing right; later the group may come back.
            Err(
                error @ (GroupLagError::Nothing { .. } | GroupLagError::NoTopic { .. } | GroupLagError::Refused { .. }),
            ) if !seen => {
                return engine.fail(error.to_string());
            }
            Err(error) => {
                let text = error.to_string();
                if told.as_ref() != Some(&text) && !engine.reading_stopped() {
                    engine.events.push(EventKind::Warning { text: text.clone() });
                }
                told = Some(text);
                None
            }
        };
        if lag.is_some() {
            (seen, told) = (true, None);
        }
        let (now, count) = (Instant::now(), engine.handled());
        #[allow(clippy::cast_precision_loss, reason = "a rate")]
        let speed = (count - handled) as f64 / now.saturating_duration_since(at).as_secs_f64().max(1e-3);
        (handled, at) = (count, now);
        let step = guard.look(lag.as_ref().map(|lag| lag.total), speed);
        let throttle = guard.throttle();
        let records_per_s = match throttle {
            Throttle::Open => None,
            Throttle::Records(per_s) => Some(per_s),
            Throttle::Closed => Some(0.0),
        };
        let max_lag = engine.settings.max_lag.unwrap_or_default();
        let (total, worst) = lag.map_or((None, None), |lag| (Some(lag.total), lag.worst));
        let (partition, partition_lag) = worst.clone().map(|(id, lag)| (id.to_string(), lag)).unzip();
        let view = GuardView { group: group.to_owned(), lag: total, partition, partition_lag, max_lag, records_per_s };
        engine.set_guard(view, throttle);
        if let Some(Step { reason, .. }) = step {
            engine.events.push(EventKind::Notice { text: format!("group {group}: {reason}") });
        }
        // Once for each partition that it is about, also where the run has not begun to move.
        if let Some((id, lag)) = worst.filter(|_| total.is_some_and(|total| total > max_lag))
            && hinted.as_ref() != Some(&id)
        {
            engine.events.push(EventKind::Notice { text: hint(group, &id, lag) });
            hinted = Some(id);
        }
        let next = now + EVERY;
        while Instant::now() < next && !engine.reading_stopped() {
            std::thread::sleep(NAP);
        }
    }
    lookup.close();
}
