//! Opens the `topic` handler: checks settings, looks up topics and creates the producer pool before the first record.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use kreplay_kafka::{
    Client, GroupOffsets, KafkaConfig,
    producer::{TransactionError, forwarding_properties},
};
use kreplay_model::domain::{number::counted, position_group};
use kreplay_topics::TopicTemplate;
use parking_lot::Mutex;

use super::{
    TopicHandlers,
    ledger::PositionLedger,
    outgoing::Router,
    pool::{Pool, PoolError, ProducerTemplate},
    republish::Republisher,
    settings::{DELIVERY_TIMEOUT_MS, TRANSACTION_TIMEOUT_MS, Timeouts, TopicSettings},
    targets::{MissingTopic, TargetTopics},
};
use crate::setup::HandlerSetup;
use crate::{Advice, HandlerError, RecordFailure};

/// How long to wait for the initialization of a transactional id.
const INIT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the broker may take to clean up a timed-out transaction
/// (`transaction.abort.timed.out.transaction.cleanup.interval.ms`, 10 s by default), with a margin.
const ABORT_CLEANUP_TIME: Duration = Duration::from_secs(15);

impl Timeouts {
    /// How long an offset may stay pending in a transaction that a killed process has left open.
    pub(super) fn max_pending_time(self) -> Duration {
        self.transaction + ABORT_CLEANUP_TIME
    }
}

#[allow(clippy::needless_pass_by_value, reason = "errors are handed on by `map_err`")]
pub(super) fn target_error(reason: impl ToString) -> HandlerError {
    HandlerError::Target { handler: "topic", reason: reason.to_string() }
}

#[allow(clippy::needless_pass_by_value, reason = "errors are handed on by `map_err`")]
fn settings_error(reason: impl ToString) -> HandlerError {
    HandlerError::Settings { handler: "topic", reason: reason.to_string() }
}

/// Opens the source of a run's handlers. `name` comes from the handler's text and takes precedence over the table.
pub(crate) fn open(name: Option<&TopicTemplate>, context: &HandlerSetup) -> Result<TopicHandlers, HandlerError> {
    let settings = &context.settings.topic;
    let properties = properties(settings, &context.kafka);
    let timeouts = Timeouts::of(&properties).map_err(settings_error)?;
    check(settings, context)?;
    let mut strategy = settings.strategy.clone();
    if let Some(name) = name.or(settings.name.as_ref()) {
        strategy.default_topic = Some(name.clone());
    }
    if strategy.groups.is_empty() && strategy.default_topic.is_none() {
        return Err(settings_error(
            "no target topic given; use topic:NAME, in which {topic} is replaced by the source topic, or set topic.name \
             or groups in [topics]",
        ));
    }
    let other_cluster = settings
        .bootstrap_servers
        .as_ref()
        .map(|servers| KafkaConfig { bootstrap_servers: servers.clone(), properties: settings.own_properties() });
    let cluster = other_cluster.as_ref().unwrap_or(&context.kafka);
    let client = Client::new(cluster, &Arc::default()).map_err(settings_error)?;
    let guard_loops = other_cluster.is_none() && (context.follow || !settings.allow_same_topic);
    let missing = match (settings.create, context.preview_only) {
        (false, _) => MissingTopic::Refuse,
        (true, false) => MissingTopic::Create,
        (true, true) => MissingTopic::AssumeCreated,
    };
    let targets = TargetTopics::new(client, context.cluster_timeout, strategy, missing);
    if guard_loops {
        context.partitions.iter().for_each(|id| targets.forbid(&id.topic));
    }
    let router = Router::new(settings, targets, Arc::clone(&context.partitions), Arc::clone(&context.rules));
    look_up_targets(&router)?;
    router.targets.look_up_limits();
    let positions = (settings.transactional && !context.preview_only).then(|| choose_position_group(settings, context));
    let id_prefix = positions.as_ref().map(|positions| positions.id_prefix.clone());
    let ledger = positions.map(|positions| {
        let offsets = GroupOffsets::new(&context.kafka, &positions.group).map_err(settings_error)?;
        Ok(PositionLedger::new(positions.group, offsets, positions.has_members, Arc::clone(&context.partitions)))
    });
    let shared_ids = context.group.is_none() && settings.position_group.is_some();
    let properties = forwarding_properties(&properties, router.targets.smallest_batch_bytes());
    let template = ProducerTemplate {
        bootstrap_servers: cluster.bootstrap_servers.clone(),
        properties,
        id_prefix,
        shared_ids,
        init_timeout: INIT_TIMEOUT,
    };
    let shared = Republisher {
        router,
        pool: Pool::new(template),
        timeouts,
        ledger: ledger.transpose()?,
        shared_ids,
        events: context.events.clone(),
        stopped: AtomicBool::new(false),
    };
    // A missing permission is reported now rather than with the first record.
    if !context.preview_only {
        drop(shared.pool.take(INIT_TIMEOUT).map_err(|error| shared.init_error(&error))?);
    }
    Ok(TopicHandlers {
        shared: Arc::new(shared),
        events: context.events.clone(),
        guard_loops,
        position_thread: Mutex::default(),
    })
}

/// The producers' properties: kreplay's defaults, overridden by the cluster's properties, the table's settings, and the
/// table's own properties.
fn properties(settings: &TopicSettings, kafka: &KafkaConfig) -> BTreeMap<String, String> {
    let mut properties: BTreeMap<String, String> =
        [("linger.ms", "1"), ("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    if settings.bootstrap_servers.is_none() {
        // The source cluster's properties do not apply to another cluster.
        properties.extend(kafka.properties.clone());
    }
    properties.remove("compression.codec");
    properties.insert("compression.type".into(), settings.compression.to_string());
    properties.extend(settings.own_properties());
    // The exactly-once guarantee requires idempotence, so it cannot be turned off.
    properties.insert("enable.idempotence".into(), "true".into());
    if !["delivery.timeout.ms", "message.timeout.ms"].iter().any(|name| properties.contains_key(*name)) {
        properties.insert("delivery.timeout.ms".into(), DELIVERY_TIMEOUT_MS.into());
    }
    properties
}

fn check(settings: &TopicSettings, context: &HandlerSetup) -> Result<(), HandlerError> {
    if !settings.transactional {
        return Ok(());
    }
    if settings.bootstrap_servers.is_some() {
        return Err(settings_error(
            "a transaction cannot span two clusters; with topic.bootstrap_servers, set topic.transactional = false \
             (records may be sent twice after a crash)",
        ));
    }
    if context.kafka.properties.get("isolation.level").is_some_and(|level| level == "read_uncommitted") {
        return Err(settings_error(
            "isolation.level=read_uncommitted would republish aborted records; remove it, or set topic.transactional = \
             false",
        ));
    }
    Ok(())
}

/// Where positions are stored, and the prefix of the transactional ids.
struct PositionGroup {
    group: String,
    has_members: bool,
    id_prefix: String,
}

/// Chooses the group of positions and the transactional ids. A resumed run keeps its ids, so that it aborts the
/// transactions it had left open when it was killed. Other processes have other ids, unless they share a group of
/// positions: then they fence each other.
fn choose_position_group(settings: &TopicSettings, context: &HandlerSetup) -> PositionGroup {
    match (&context.group, &settings.position_group) {
        (Some(group), _) => PositionGroup {
            group: group.clone(),
            has_members: true,
            id_prefix: format!("kreplay-{group}-{}", context.run_id),
        },
        (None, Some(group)) => {
            PositionGroup { group: group.clone(), has_members: false, id_prefix: format!("kreplay-{group}") }
        }
        (None, None) => {
            let group = position_group(&context.run_id);
            PositionGroup { group: group.clone(), has_members: false, id_prefix: group }
        }
    }
}

/// Looks up the target topics that are known in advance.
fn look_up_targets(router: &Router) -> Result<(), HandlerError> {
    for (topic, partitions) in router.known_channels() {
        let found = router.targets.of(topic.as_bytes()).map_err(|RecordFailure { error, advice }| match advice {
            Advice::Unable => target_error(error),
            _ => settings_error(error),
        })?;
        if router.keeps_partitions() && found.partitions < partitions {
            return Err(settings_error(format!(
                "topic {} has {}, but {topic} has {partitions}: topic.partitioner = \"source\" needs at \
                 least as many",
                found.name,
                counted(found.partitions, "partition")
            )));
        }
    }
    Ok(())
}

impl Republisher {
    /// The error if transactions cannot be initialized.
    pub(super) fn init_error(&self, error: &PoolError) -> HandlerError {
        let PoolError::Init(refused @ TransactionError::Refused(text)) = error else {
            return match error {
                PoolError::Create(_) => settings_error(error),
                _ => target_error(format!("transactions cannot be used: {error}")),
            };
        };
        let ms = self.timeouts.transaction.as_millis();
        if refused.exceeds_max_timeout() {
            settings_error(format!(
                "transaction.timeout.ms ({ms}) is above the broker's transaction.max.timeout.ms ({text}); set a lower \
                 value in topic.properties, still above delivery.timeout.ms"
            ))
        } else {
            target_error(format!(
                "the broker does not allow transactions ({text}); grant WRITE and DESCRIBE on transactional ids with \
                 the prefix kreplay-, or set topic.transactional = false"
            ))
        }
    }
}
