//! The settings of a run, independent of what it reads.

mod describe;
mod measuring;
mod on_failure;
mod on_retention;
mod retry;

use std::time::Duration;

use kreplay_model::domain::{Batch, Concurrency, Glob, Ordering, RateLimit, Tier, number::counted};

use crate::handler::{DryRunMode, HandlerChoice};

pub use self::{
    measuring::{PlanOptions, Probe},
    on_failure::{DeadLetterSettings, OnFailure},
    on_retention::OnRetention,
    retry::Retry,
};

/// The settings of a run, independent of what it reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The number of workers, or with `adaptive` the number at the start.
    pub concurrency: Concurrency,
    /// Automatic concurrency: the number of workers is adjusted during the run.
    pub adaptive: bool,
    /// The most workers with automatic concurrency.
    pub max_concurrency: Concurrency,
    /// One worker and one lane for all records, in the order in which they arrive.
    pub single_threaded: bool,
    /// The consumer group whose lag the lag guard watches.
    pub protect_group: Option<String>,
    /// The topics of that group that count; empty for all topics with committed offsets.
    pub protect_topics: Vec<Glob>,
    /// The lag of that group, over all partitions of those topics, above which the run slows down.
    pub max_lag: Option<u64>,
    /// How records are read from the client.
    pub tier: Tier,
    /// The most records read from a client at once.
    pub fetch_batch: u32,
    /// With [`Tier::Dedicated`] and [`Tier::Auto`], the most clients that read; `None` means one for each core, and at
    /// most four with [`Tier::Auto`].
    pub fetch_clients: Option<u32>,
    /// The measurements of a benchmark; `None` in an ordinary run.
    pub probe: Option<Probe>,
    /// How much is read to make a plan.
    pub planning: PlanOptions,
    /// The rate limit.
    pub rate: Option<RateLimit>,
    /// Which records are handled in order.
    pub ordering: Ordering,
    /// The most records in one call of a handler.
    pub batch: Batch,
    /// The handler.
    pub handler: HandlerChoice,
    /// For a dry run: effects are built, but not applied.
    pub dry_run: Option<DryRunMode>,
    /// The consumer group that shares the work and stores the positions; with `None` no group is touched.
    pub group: Option<String>,
    /// The retries of a failed record.
    pub retry: Retry,
    /// What happens to a record that fails for good.
    pub on_failure: OnFailure,
    /// What happens if retention deletes records before they are read.
    pub on_retention: OnRetention,
    /// How often a run searches for new topics and partitions.
    pub discovery_interval: Duration,
    /// The dead-letter topic.
    pub dead_letter: DeadLetterSettings,
    /// Whether a key whose record failed for good is quarantined, with all its later records.
    pub quarantine: bool,
    /// The most bytes of records in quarantine. Above it, the oldest key is discarded.
    pub quarantine_bytes: u64,
    /// Reading pauses above this number of bytes of waiting records.
    pub buffer_bytes: u64,
    /// How often positions are committed.
    pub commit_interval: Duration,
    /// The longest wait for records in flight when partitions are revoked or the run is stopped.
    pub drain_timeout: Duration,
}

/// The batch size if each batch is a transaction and none was set: beginning and committing a transaction takes as long
/// as some thousand records. On 2 cores 10,000 reached twice the throughput of 1,000, and nearly that of a producer
/// alone.
const TRANSACTION_BATCH: Batch = Batch::of::<10_000>();

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: Concurrency::default(),
            adaptive: false,
            // Must not overload a production cluster or whatever the handler calls.
            max_concurrency: Concurrency::of::<100>(),
            single_threaded: false,
            protect_group: None,
            protect_topics: Vec::new(),
            max_lag: None,
            tier: Tier::default(),
            fetch_batch: 1000,
            fetch_clients: None,
            probe: None,
            planning: PlanOptions::default(),
            rate: None,
            ordering: Ordering::default(),
            batch: Batch::default(),
            handler: HandlerChoice::default(),
            dry_run: None,
            group: None,
            retry: Retry::default(),
            on_failure: OnFailure::default(),
            on_retention: OnRetention::default(),
            discovery_interval: Duration::from_secs(5),
            dead_letter: DeadLetterSettings::default(),
            quarantine: false,
            quarantine_bytes: 8 << 20,
            buffer_bytes: 32 << 20,
            commit_interval: Duration::from_millis(200),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

impl Settings {
    /// Whether positions are committed in the handler's transactions. Then a partition has to be a lane, because one
    /// offset is committed for it.
    #[must_use]
    pub fn needs_partition_order(&self) -> bool {
        // A single lane for all records satisfies that, too.
        self.handler.facts().commits_partitions && !self.single_threaded && self.dry_run.is_none()
    }

    /// Adjusts the settings to the needs of the handler. Returns one sentence about what changed.
    pub fn adapt_to_handler(&mut self, partitions: usize) -> Option<String> {
        if !self.needs_partition_order() {
            return None;
        }
        if self.batch == Batch::default() {
            self.batch = TRANSACTION_BATCH;
        }
        let wanted = self.concurrency;
        let most = u64::try_from(partitions).unwrap_or(u64::MAX).max(1);
        if u64::from(wanted.get()) > most {
            self.concurrency = Concurrency::try_from(most).unwrap_or(wanted);
        }
        let before = std::mem::replace(&mut self.ordering, Ordering::Partition);
        (before != Ordering::Partition || self.concurrency != wanted).then(|| {
            format!(
                "the handler topic commits positions in its transactions, so each partition is a lane: ordering \
                 partition, {}; with topic.transactional = false, the ordering and the number of workers can \
                 be chosen freely, but a kill may cause records to be sent twice",
                counted(self.concurrency.get(), "worker")
            )
        })
    }

    /// The settings for a dry run: it belongs to no group, and no record of it can fail for good.
    #[must_use]
    pub fn for_dry_run(self, single_threaded: bool) -> Self {
        let single_threaded = single_threaded || self.single_threaded;
        Self {
            group: None,
            on_failure: OnFailure::Fail,
            quarantine: false,
            adaptive: self.adaptive && !single_threaded,
            concurrency: if single_threaded { Concurrency::MIN } else { self.concurrency },
            single_threaded,
            ..self
        }
    }

    /// Whether records may be dead-lettered.
    #[must_use]
    pub fn dead_letters(&self) -> bool {
        self.on_failure == OnFailure::DeadLetter
    }

    /// The first contradiction among the settings, in one sentence.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        if let Some(text) = self.limits_contradiction() {
            return Some(text.into());
        }
        if !self.quarantine {
            return None;
        }
        if self.needs_partition_order() {
            return Some(
                "quarantine holds back single keys, but the handler topic commits whole partitions; set \
                 topic.transactional = false, or turn quarantine off"
                    .into(),
            );
        }
        if self.ordering != Ordering::Key {
            return Some(format!(
                "quarantine needs ordering key, not ordering {}; use --ordering key, or turn quarantine off",
                self.ordering
            ));
        }
        matches!(self.on_failure, OnFailure::Skip | OnFailure::Pause).then(|| {
            format!(
                "quarantine holds back a failed key, which contradicts on_failure {}; use on_failure dead-letter or \
                 fail",
                self.on_failure
            )
        })
    }

    fn limits_contradiction(&self) -> Option<&'static str> {
        if self.single_threaded && self.adaptive {
            Some("a single-threaded run has one worker, so concurrency auto has no effect; drop one of them")
        } else if self.single_threaded && self.group.is_some() {
            Some(
                "a single-threaded run keeps the order of all records, which other members of its group would break; \
                 run it without a group",
            )
        } else if self.protect_group.is_some() != self.max_lag.is_some() {
            Some("a protected group needs a maximum lag and vice versa; set both --protect-group and --max-lag")
        } else if self.protect_group.is_none() && !self.protect_topics.is_empty() {
            Some("--protect-topics needs a group to protect; also give --protect-group and --max-lag")
        } else if self.protect_group.is_some() && self.protect_group == self.group {
            Some("the protected group is the run's own group, whose lag only falls while it runs; name another group")
        } else {
            None
        }
    }

    /// The most clients that read without a group, before the number of partitions limits them.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.fetch_clients.map_or_else(
            || {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                if self.tier == Tier::Auto { cores.min(MAX_AUTO_CLIENTS) } else { cores }
            },
            |clients| clients as usize,
        )
    }
}

/// The most clients of `auto` on a machine with many cores. Each parses one to two million records a second and costs
/// one connection to each broker.
pub const MAX_AUTO_CLIENTS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarantine_needs_key_order_and_a_final_policy() {
        let with = |ordering, on_failure| Settings { quarantine: true, ordering, on_failure, ..Settings::default() };
        assert_eq!(with(Ordering::Key, OnFailure::DeadLetter).contradiction(), None);
        assert_eq!(with(Ordering::Key, OnFailure::Fail).contradiction(), None);
        assert!(with(Ordering::Partition, OnFailure::Fail).contradiction().unwrap().contains("--ordering key"));
        assert!(with(Ordering::Key, OnFailure::Skip).contradiction().unwrap().contains("dead-letter or fail"));
    }
}
