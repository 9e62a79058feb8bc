//! Starts a run: checks the settings and creates its parts.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::Utc;
use kreplay_kafka::{KafkaConfig, MemberConfig};
use kreplay_model::{
    domain::number::counted_as,
    feed::{EventKind, EventLog, LastReport, RunState},
};
use parking_lot::Mutex;

use super::{
    Connection, Reading, Run,
    charging::ReadingObserver,
    concurrency::{check_workers, first_workers},
    error::RunError,
    failures::Failures,
    outlook::Outlook,
    scope_check::check_scope,
    stalemate::Stalemate,
    view::Meters,
    what_if::Adviser,
};
use crate::{
    handler::{OpenHandlers, PositionStore},
    journal::JournalTotals,
    plan::Plan,
    replay::{
        checkpoints::{OpenJournal, thread::CheckpointThread},
        dead_letters::{
            self,
            topics::{self, DeadLetterTopics},
        },
        engine::Engine,
        group::{member::GroupContext, rebalance::Rebalances},
        lag_guard,
        lanes::quarantine::QuarantineReason,
        partition::Owner,
        position_claims::PositionsView,
        reading::{
            discovery, identity,
            readers::{spawn_claiming_readers, spawn_readers},
        },
    },
    settings::{OnFailure, Settings},
};

/// Restores the totals of earlier attempts. Further records of the keys that they discarded are dead-lettered after
/// those already sent.
fn restore_totals(engine: &Engine, before: &mut JournalTotals) {
    engine.counters.restore(before);
    if before.handled > 0 {
        engine.matches.note_passed();
    }
    let keys = std::mem::take(&mut before.discarded);
    if keys.is_empty() || !engine.settings.quarantine || !engine.settings.dead_letters() {
        return;
    }
    engine.events.notice(counted_as(
        keys.len(),
        "key was discarded in an earlier attempt; its remaining records are dead-lettered",
        "keys were discarded in an earlier attempt; their remaining records are dead-lettered",
    ));
    engine.scheduler.restore_discarded(keys.into_iter().map(QuarantineReason::from_journal));
}

/// The configuration of the members. In a run that follows the log, they look for new partitions as often as the run
/// does.
fn member_config(engine: &Engine, group: &str, connection: &Connection) -> MemberConfig {
    let mut kafka = connection.kafka.clone();
    if engine.plan.follow {
        let every = engine.settings.discovery_interval.as_millis().to_string();
        kafka.properties.entry("topic.metadata.refresh.interval.ms".into()).or_insert(every);
    }
    let config = MemberConfig {
        kafka,
        group: group.to_owned(),
        topics: engine.plan.topics.clone(),
        protocol: connection.protocol,
        tier: engine.settings.tier,
        number: 0,
    };
    let (wait, longest) = (engine.settings.drain_timeout, config.longest_wait());
    if wait > longest {
        engine.events.warn(format!(
            "run.drain_timeout ({} s) is too long for max.poll.interval.ms; members release partitions after {} s",
            wait.as_secs(),
            longest.as_secs()
        ));
    }
    config
}

/// How long a request about a dead-letter topic may take at least.
const MIN_DEAD_LETTER_TOPIC_TIMEOUT: Duration = Duration::from_secs(10);

/// The dead-letter topics of the plan, if the run can dead-letter records.
fn dead_letter_topics(
    plan: &Plan,
    settings: &Settings,
    connection: &Connection,
) -> Result<Option<DeadLetterTopics>, RunError> {
    if let Some(contradiction) = settings.contradiction() {
        return Err(RunError::Contradiction(contradiction));
    }
    if !settings.dead_letters() {
        return Ok(None);
    }
    let timeout = connection.timeout.max(MIN_DEAD_LETTER_TOPIC_TIMEOUT);
    let found = topics::find(&connection.client, plan, &settings.dead_letter, timeout);
    found.map(Some).map_err(RunError::DeadLetters)
}

impl Run {
    /// Starts a run.
    ///
    /// # Errors
    /// There are too many workers for the ordering, or the operating system has no thread left.
    #[allow(clippy::too_many_lines, reason = "one step after the other, in the order that they need")]
    pub fn start(
        id: String,
        plan: Arc<Plan>,
        settings: Settings,
        connection: &Connection,
        source: Arc<OpenHandlers>,
        events: EventLog,
        journal: Option<OpenJournal>,
    ) -> Result<Self, RunError> {
        let joined = journal.as_ref().map_or(0, |opened| opened.joined.len());
        let wanted_workers = first_workers(plan.partitions.len() + joined, &settings);
        check_workers(plan.partitions.len() + joined, &settings, wanted_workers)?;
        check_scope(&plan.selection.scope, &settings)?;
        let dead_letter_topics = dead_letter_topics(&plan, &settings, connection)?;
        let partitions = plan.partitions.len();
        let mut engine = Engine::new(plan, settings, events);
        drop(engine.handlers.set(Arc::clone(&source)));
        engine.topics.is_ephemeral_cluster = connection.embedded;
        let (mut before, mut stored, mut begun, mut journal) = (JournalTotals::default(), Vec::new(), None, journal);
        if let Some(opened) = &mut journal {
            // If a group or the target stores the positions, the next owner finds out what is repeated.
            begun = engine.keeps_positions().then(|| Arc::clone(opened.journal.begun()));
            (before, stored) = (std::mem::take(&mut opened.before), std::mem::take(&mut opened.partitions));
            restore_totals(&engine, &mut before);
            if engine.keeps_positions() {
                // The partitions have their own counters.
                before.forget_counts();
            }
        }
        if let Some(batch_time) = source.needs().batch_time {
            engine.scheduler.set_batch_time(batch_time);
        }
        let engine = Arc::new(engine);
        source.watch(Arc::new(PositionsView::of(&engine)));
        for joined in journal.iter_mut().flat_map(|opened| opened.joined.drain(..)) {
            engine.join(joined);
        }
        // A record that pauses the run may be dead-lettered with all its headers.
        let may_dead_letter = dead_letter_topics.is_some() || engine.settings.on_failure == OnFailure::Pause;
        let headers = source.needs().headers || may_dead_letter;
        if let Some(topics) = dead_letter_topics {
            // The thread ends by itself when the run is over.
            drop(dead_letters::spawn(&engine, &connection.kafka, &id, topics).map_err(RunError::DeadLetters)?);
        }
        let now = Instant::now();
        engine.events.push(EventKind::Started { run_id: id.clone(), concurrency: wanted_workers });
        let rebalances = Arc::new(Mutex::new(Rebalances::new(partitions)));
        let reading = match &engine.settings.group {
            None if engine.position_store() != PositionStore::Run => {
                Reading::Own(vec![spawn_claiming_readers(&engine, &connection.client, headers)?])
            }
            None => {
                for (planned, index) in engine.partitions.all_planned().zip(0_u32..) {
                    match stored.get(index as usize) {
                        Some(stored) => engine.restore(index, stored),
                        None => engine.partitions.with(index, |one| {
                            one.begin(0, planned.first.get(), Owner::Shared);
                        }),
                    }
                }
                drop(stored);
                Reading::Own(spawn_readers(&engine, &connection.client, headers)?)
            }
            Some(group) => Reading::Group {
                context: GroupContext {
                    engine: Arc::clone(&engine),
                    config: member_config(&engine, group, connection),
                    client: connection.client.clone(),
                    health: connection.health(),
                    rebalances: Arc::clone(&rebalances),
                    headers,
                    uncommitted_members: Arc::default(),
                },
                members: Vec::new(),
            },
        };
        let started_at = journal.as_ref().map_or_else(Utc::now, |opened| opened.journal.head().created);
        let checkpoint_thread = match journal {
            Some(OpenJournal { journal, keep, .. }) => {
                let totals = JournalTotals { state: RunState::Running, ..before.clone() };
                Some(CheckpointThread::spawn(Arc::clone(&engine), journal, keep, totals)?)
            }
            None => None,
        };
        let resumable = checkpoint_thread.is_some();
        let mut run = Self {
            id,
            started: now,
            started_at,
            state: RunState::Running,
            wanted_workers,
            initial_workers: wanted_workers,
            concurrency_changed: false,
            source,
            workers: Vec::new(),
            rebalances,
            finished_rebalances: Vec::new(),
            worker_seconds: before.worker_s,
            ended_at: None,
            error: None,
            meters: Meters::new(partitions),
            outlook: Outlook::default(),
            reading_observer: ReadingObserver::default(),
            adviser: Adviser::default(),
            failures: Failures::default(),
            predicted_before: None,
            would_fail: String::new(),
            reading,
            stalemate: Stalemate::default(),
            ending: None,
            handler_finish: None,
            last_tick: now,
            thread_error: LastReport::default(),
            open_at_assignment: partitions,
            tuner: None,
            rate: engine.settings.rate,
            rate_changed: false,
            before,
            checkpoint_thread,
            begun,
            lag_guard: None,
            resumable,
            kafka: connection.kafka.clone(),
            totals_sent_at: now,
            assigned_partitions: partitions,
            engine,
        };
        run.begin_limits(&connection.kafka)?;
        run.announce_assignment();
        run.reconcile()?;
        discovery::spawn(Arc::clone(&run.engine), connection.client.clone())?;
        identity::spawn(Arc::clone(&run.engine), connection.client.clone())?;
        Ok(run)
    }

    fn begin_limits(&mut self, kafka: &KafkaConfig) -> std::io::Result<()> {
        if self.engine.settings.adaptive {
            self.tuner = Some(self.new_tuner());
        }
        if let (Some(group), Some(max_lag)) = (&self.engine.settings.protect_group, self.engine.settings.max_lag) {
            self.lag_guard = Some(lag_guard::spawn(&self.engine, kafka, group, max_lag)?);
        }
        Ok(())
    }
}
