//! Everything that a run needs for republishing, checked before its first record.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use parking_lot::Mutex;

use super::{
    TopicSource,
    ledger::Ledger,
    outgoing::Router,
    pool::{Pool, PoolError, Recipe},
    republish::Republisher,
    settings::{DELIVERY_TIMEOUT_MS, TRANSACTION_TIMEOUT_MS, Timeouts, TopicSettings},
    targets::{Misrouted, Missing, Targets},
};
use crate::{
    domain::position_group,
    handler::{Advice, HandlerContext, HandlerError},
    kafka::{
        Client, GroupOffsets, KafkaConfig,
        producer::{TransactionError, carrying},
    },
    topics::TopicTemplate,
};

/// The longest wait for a transaction id.
const INIT: Duration = Duration::from_secs(30);
/// How long the broker may take to notice that a transaction is over (`transaction.abort.timed.out.transaction.cleanup.
/// interval.ms`), and some.
const NOTICED: Duration = Duration::from_secs(15);

impl Timeouts {
    /// How long an offset may be pending that a killed process has left behind.
    pub(super) fn longest_pending(self) -> Duration {
        self.transaction + NOTICED
    }
}

#[allow(clippy::needless_pass_by_value, reason = "errors are handed on by `map_err`")]
pub(super) fn target(reason: impl ToString) -> HandlerError {
    HandlerError::Target { handler: "topic", reason: reason.to_string() }
}

#[allow(clippy::needless_pass_by_value, reason = "errors are handed on by `map_err`")]
fn settings_error(reason: impl ToString) -> HandlerError {
    HandlerError::Settings { handler: "topic", reason: reason.to_string() }
}

/// Opens what the handlers of one run share. `name` is the handler's own text, which is stronger than the table.
pub(in crate::handler) fn open(
    name: Option<&TopicTemplate>,
    context: &HandlerContext,
) -> Result<TopicSource, HandlerError> {
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
            "where to? Write topic:NAME ({topic} in it is the record's own topic), or set topic.name, or groups in [topics]",
        ));
    }
    let elsewhere = settings
        .bootstrap_servers
        .as_ref()
        .map(|servers| KafkaConfig { bootstrap_servers: servers.clone(), properties: settings.own_properties() });
    let cluster = elsewhere.as_ref().unwrap_or(&context.kafka);
    let client = Client::new(cluster, &Arc::default()).map_err(settings_error)?;
    let guard_loops = elsewhere.is_none() && (context.follow || !settings.allow_same_topic);
    let missing = match (settings.create, context.preview_only) {
        (false, _) => Missing::Refuse,
        (true, false) => Missing::Create,
        (true, true) => Missing::Imagine,
    };
    let targets = Targets::new(client, strategy, missing);
    if guard_loops {
        context.partitions.iter().for_each(|id| targets.forbid(&id.topic));
    }
    let router = Router::new(settings, targets, Arc::clone(&context.partitions), Arc::clone(&context.rules));
    find_targets(&router)?;
    router.targets.look_up_limits();
    let kept = (settings.transactional && !context.preview_only).then(|| kept_in(settings, context));
    let ids = kept.as_ref().map(|kept| kept.ids.clone());
    let ledger = kept.map(|kept| {
        let offsets = GroupOffsets::new(&context.kafka, &kept.group).map_err(settings_error)?;
        Ok(Ledger::new(kept.group, offsets, kept.has_members, Arc::clone(&context.partitions)))
    });
    let shared_ids = context.group.is_none() && settings.position_group.is_some();
    let properties = carrying(&properties, router.targets.smallest_batch_bytes());
    let recipe =
        Recipe { bootstrap_servers: cluster.bootstrap_servers.clone(), properties, ids, shared_ids, within: INIT };
    let shared = Republisher {
        router,
        pool: Pool::new(recipe),
        timeouts,
        ledger: ledger.transpose()?,
        shared_ids,
        events: context.events.clone(),
        stopped: AtomicBool::new(false),
    };
    // What the broker does not allow is known now, and not with the first record.
    if !context.preview_only {
        drop(shared.pool.take(INIT).map_err(|error| shared.cannot(&error))?);
    }
    Ok(TopicSource { shared: Arc::new(shared), events: context.events.clone(), guard_loops, keeper: Mutex::default() })
}

/// What producers are made with: kreplay's defaults, the cluster's properties, the table's own settings, the table's properties.
fn properties(settings: &TopicSettings, kafka: &KafkaConfig) -> BTreeMap<String, String> {
    let mut properties: BTreeMap<String, String> =
        [("linger.ms", "1"), ("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    if settings.bootstrap_servers.is_none() {
        // That of another cluster has nothing to do with how this one is reached.
        properties.extend(kafka.properties.clone());
    }
    properties.remove("compression.codec");
    properties.insert("compression.type".into(), settings.compression.to_string());
    properties.extend(settings.own_properties());
    // Exactly once is what the handler promises, whatever suits other producers.
    properties.insert("enable.idempotence".into(), "true".into());
    if !["delivery.timeout.ms", "message.timeout.ms"].iter().any(|name| properties.contains_key(*name)) {
        properties.insert("delivery.timeout.ms".into(), DELIVERY_TIMEOUT_MS.into());
    }
    properties
}

fn check(settings: &TopicSettings, context: &HandlerContext) -> Result<(), HandlerError> {
    if !settings.transactional {
        return Ok(());
    }
    if settings.bootstrap_servers.is_some() {
        return Err(settings_error(
            "a transaction cannot span two clusters: with topic.bootstrap_servers set topic.transactional = false, and a kill \
             may have records sent twice",
        ));
    }
    if context.kafka.properties.get("isolation.level").is_some_and(|level| level == "read_uncommitted") {
        return Err(settings_error(
            "isolation.level=read_uncommitted would republish what was aborted; leave it out, or set \
             topic.transactional = false",
        ));
    }
    Ok(())
}

/// Where positions are kept, and under which transactional ids.
struct Kept {
    group: String,
    has_members: bool,
    ids: String,
}

/// A run keeps its ids when it goes on, so that it aborts what it had left open when it was killed; other processes have
/// others, unless they share a group of positions: then they fence each other.
fn kept_in(settings: &TopicSettings, context: &HandlerContext) -> Kept {
    match (&context.group, &settings.position_group) {
        (Some(group), _) => {
            Kept { group: group.clone(), has_members: true, ids: format!("kreplay-{group}-{}", context.run_id) }
        }
        (None, Some(group)) => Kept { group: group.clone(), has_members: false, ids: format!("kreplay-{group}") },
        (None, None) => {
            let group = position_group(&context.run_id);
            Kept { group: group.clone(), has_members: false, ids: group }
        }
    }
}

/// Finds the topics that are known beforehand.
fn find_targets(router: &Router) -> Result<(), HandlerError> {
    for (topic, partitions) in router.known_channels() {
        let found = router.targets.of(topic.as_bytes()).map_err(|Misrouted { error, advice }| match advice {
            Advice::Retry => target(error),
            _ => settings_error(error),
        })?;
        if router.keeps_partitions() && found.partitions < partitions {
            return Err(settings_error(format!(
                "topic {} has {} partitions and {topic} has {partitions}: with topic.partitioner = \"source\" it needs as many",
                found.name, found.partitions
            )));
        }
    }
    Ok(())
}

impl Republisher {
    /// Why the first transaction could not be had.
    pub(super) fn cannot(&self, error: &PoolError) -> HandlerError {
        let PoolError::Init(TransactionError::Refused(text)) = error else {
            return match error {
                PoolError::Create(_) => settings_error(error),
                _ => target(format!("transactions cannot be used: {error}")),
            };
        };
        let ms = self.timeouts.transaction.as_millis();
        if text.to_lowercase().contains("transaction timeout") {
            settings_error(format!(
                "transaction.timeout.ms ({ms}) is above the broker's transaction.max.timeout.ms ({text}); set a lower one in \
                 topic.properties, above delivery.timeout.ms"
            ))
        } else {
            target(format!(
                "the broker does not allow transactions ({text}); ask for WRITE and DESCRIBE on transactional ids that begin \
                 with kreplay-, or set topic.transactional = false"
            ))
        }
    }
}
