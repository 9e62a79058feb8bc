//! The thread of the lag guard: looks up the protected group's lag, and sets the limit in the scheduler.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_kafka::{GroupLag, GroupLagError, KafkaConfig};
use kreplay_model::{
    domain::TopicPartition,
    feed::{GuardView, LastReport},
};

use parking_lot::Mutex;

use super::policy::{LagGuard, ThrottleChange};
use crate::replay::{engine::Engine, limits::limiter::Throttle};

/// Interval between lookups.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Timeout of a lookup.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(3);

/// What the thread of the lag guard has last observed and decided.
pub struct LagGuardThread {
    state: GuardState,
}

type GuardState = Arc<Mutex<(GuardView, Throttle)>>;

impl LagGuardThread {
    /// The state of the protected group, for display.
    #[must_use]
    pub fn view(&self) -> GuardView {
        self.state.lock().0.clone()
    }

    /// The limit that the lag guard sets.
    #[must_use]
    pub fn throttle(&self) -> Throttle {
        self.state.lock().1
    }
}

/// Starts protecting a group. No records are handed out before the first successful lookup. The thread ends with the
/// run.
///
/// # Errors
/// The operating system cannot start a thread.
pub fn spawn(engine: &Arc<Engine>, kafka: &KafkaConfig, group: &str, max_lag: u64) -> std::io::Result<LagGuardThread> {
    let guard = LagGuard::new(max_lag);
    let view = GuardView { group: group.to_owned(), max_lag, ..GuardView::default() };
    engine.scheduler.set_throttle(guard.throttle());
    let state = Arc::new(Mutex::new((view, guard.throttle())));
    let handle = LagGuardThread { state: Arc::clone(&state) };
    let (engine, kafka, group) = (Arc::clone(engine), kafka.clone(), group.to_owned());
    std::thread::Builder::new().name("guard".into()).spawn(move || watch(&engine, &kafka, &group, guard, &state))?;
    Ok(handle)
}

/// Names the partition with the largest lag, and what to do if the group no longer reads its topic.
fn hint(group: &str, id: &TopicPartition, lag: u64) -> String {
    format!(
        "group {group}: {id} accounts for {lag} of its lag; if the group no longer reads topic {}, list the topics to \
         protect with --protect-topics",
        id.topic
    )
}

fn watch(engine: &Engine, kafka: &KafkaConfig, group: &str, mut guard: LagGuard, state: &GuardState) {
    let mut lookup = match GroupLag::new(kafka, group) {
        Ok(lookup) => lookup,
        Err(error) => return engine.fail(error.to_string()),
    };
    let (mut handled, mut at, mut seen, mut last_error) =
        (engine.partitions.handled(), Instant::now(), false, LastReport::default());
    let topics = &engine.settings.protect_topics;
    let counts = |topic: &str| topics.is_empty() || topics.iter().any(|one| one.is_match(topic.as_bytes()));
    let mut hinted = None;
    while !engine.reading_stopped() {
        let answer = lookup.look(LOOKUP_TIMEOUT, counts);
        if engine.reading_stopped() {
            // The run may have ended during the request, and nothing is reported after its end.
            break;
        }
        let lag = match answer {
            Ok(lag) => Some(lag),
            // At the start, the cause is a wrong name or a missing permission. Later, the group may come back.
            Err(
                error @ (GroupLagError::Nothing { .. } | GroupLagError::NoTopic { .. } | GroupLagError::Refused { .. }),
            ) if !seen => {
                return engine.fail(error.to_string());
            }
            Err(error) => {
                engine.events.warn_once(&mut last_error, error.to_string());
                None
            }
        };
        if lag.is_some() {
            seen = true;
            last_error.clear();
        }
        let (now, count) = (Instant::now(), engine.partitions.handled());
        #[allow(clippy::cast_precision_loss, reason = "a rate")]
        let speed = (count - handled) as f64 / now.saturating_duration_since(at).as_secs_f64().max(1e-3);
        (handled, at) = (count, now);
        let step = guard.observe(lag.as_ref().map(|lag| lag.total), speed);
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
        if let Some(ThrottleChange { reason, .. }) = step {
            engine.events.notice(format!("group {group}: {reason}"));
        }
        // Once for each partition, even before any record was handled.
        if let Some((id, lag)) = worst.filter(|_| total.is_some_and(|total| total > max_lag))
            && hinted.as_ref() != Some(&id)
        {
            engine.events.notice(hint(group, &id, lag));
            hinted = Some(id);
        }
        // After the events: a run that is no longer throttled may end at once.
        let before = std::mem::replace(&mut *state.lock(), (view, throttle)).1;
        if before != throttle {
            engine.scheduler.set_throttle(throttle);
        }
        engine.stop_reading.wait(POLL_INTERVAL);
    }
    lookup.close();
}
