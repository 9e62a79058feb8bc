//! How a run is to go, whatever it reads.

use std::{fmt, str::FromStr, time::Duration};

use super::probe::Probe;
use crate::{
    domain::{Batch, Concurrency, Ordering, RateLimit, Tier},
    handler::{HandlerSettings, HandlerSpec, Rehearsal},
    plan::{Glob, PlanOptions},
};

/// How a run is to go, whatever it reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How many workers, or how many to begin with.
    pub concurrency: Concurrency,
    /// Whether the number of workers is found out on the way.
    pub adaptive: bool,
    /// The most workers that are tried then.
    pub max_concurrency: Concurrency,
    /// One worker, and one lane for all records, in the order of their arrival.
    pub single_threaded: bool,
    /// Another consumer group, whose lag holds the run back.
    pub protect_group: Option<String>,
    /// The topics of that group that count; none means all that it has committed offsets for.
    pub protect_topics: Vec<Glob>,
    /// Above this lag of that group, over all partitions of those topics, the run slows down.
    pub max_lag: Option<u64>,
    /// How records come out of the client.
    pub tier: Tier,
    /// The most records taken from a client at once.
    pub fetch_batch: u32,
    /// With [`Tier::Dedicated`] and [`Tier::Auto`], how many clients read at most; `None` means one for each core, with
    /// [`Tier::Auto`] no more than four.
    pub fetch_clients: Option<u32>,
    /// What a measurement asks of the run; an ordinary run has none.
    pub probe: Option<Probe>,
    /// How much is read when a plan is made.
    pub planning: PlanOptions,
    /// The most that is handed out in a second.
    pub rate: Option<RateLimit>,
    /// What keeps its order.
    pub ordering: Ordering,
    /// The most records a handler gets at once.
    pub batch: Batch,
    /// What is done with the records.
    pub handler: HandlerSpec,
    /// What the handlers' own tables say.
    pub handlers: HandlerSettings,
    /// Effects are built only, and none is applied.
    pub rehearsal: Option<Rehearsal>,
    /// The consumer group that shares the work and keeps the positions; `None` touches no group.
    pub group: Option<String>,
    /// How often a failed record is tried again, and when.
    pub retry: Retry,
    /// What happens to a record that fails for good.
    pub on_failure: OnFailure,
    /// What happens where retention has deleted records before they were read.
    pub on_retention: OnRetention,
    /// How often a run looks for new topics and partitions.
    pub discovery_interval: Duration,
    /// Where dead letters go.
    pub dead_letter: DeadLetterSettings,
    /// Whether a key whose record has failed for good is put aside, with all that comes after it.
    pub quarantine: bool,
    /// So many bytes of records may wait in quarantine; above it the oldest key has to go.
    pub quarantine_bytes: u64,
    /// Reading pauses above so many bytes of waiting records.
    pub buffer_bytes: u64,
    /// How often positions are committed.
    pub commit_interval: Duration,
    /// The longest wait for work in hand when partitions are revoked or the run is stopped.
    pub drain_timeout: Duration,
}

/// What a call gets instead of the usual number where each is a transaction: beginning and committing one takes as long as some
/// thousand records. On 2 cores 10,000 reached twice the throughput of 1,000, and nearly that of a producer alone.
const TRANSACTION_BATCH: Batch = Batch::of::<10_000>();

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: Concurrency::default(),
            adaptive: false,
            // A production cluster, and whatever the handler calls, must not be surprised.
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
            handler: HandlerSpec::default(),
            handlers: HandlerSettings::default(),
            rehearsal: None,
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
    /// Whether positions go into the handler's transactions: then a partition has to be a lane, because what is committed of it
    /// is one offset.
    #[must_use]
    pub fn needs_partition_order(&self) -> bool {
        let in_transactions = matches!(self.handler, HandlerSpec::Topic { .. }) && self.handlers.topic.transactional;
        // A single lane for all records will do as well.
        in_transactions && !self.single_threaded && self.rehearsal.is_none()
    }

    /// Makes the run as its handler needs it; says what that changes, in one sentence.
    pub fn suit_handler(&mut self, partitions: usize) -> Option<String> {
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
                "the handler topic commits positions in its transactions, so each partition is a lane: ordering partition, \
                 {} workers; with topic.transactional = false the ordering and the number of workers are free, and a kill may have \
                 records sent twice",
                self.concurrency.get()
            )
        })
    }

    /// The same for a run that applies nothing: it belongs to no group, and nothing of it can fail for good.
    #[must_use]
    pub fn for_rehearsal(self, single_threaded: bool) -> Self {
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

    /// Whether anything may go to a dead-letter topic.
    #[must_use]
    pub fn dead_letters(&self) -> bool {
        self.on_failure == OnFailure::DeadLetter
    }

    /// What of it contradicts itself, where failures are concerned, in one sentence.
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
                "quarantine puts single keys aside, and the handler topic commits whole partitions; set topic.transactional = \
                 false, or leave the quarantine out"
                    .into(),
            );
        }
        if self.ordering != Ordering::Key {
            return Some(format!(
                "quarantine puts single keys aside, which ordering {} does not know; use --ordering key, or no quarantine",
                self.ordering
            ));
        }
        matches!(self.on_failure, OnFailure::Skip | OnFailure::Pause).then(|| {
            format!(
                "quarantine puts a failing key aside, on_failure {} says otherwise; use on_failure dead-letter or fail with it",
                self.on_failure
            )
        })
    }

    fn limits_contradiction(&self) -> Option<&'static str> {
        if self.single_threaded && self.adaptive {
            Some("a single-threaded run has one worker, so concurrency auto has no meaning; leave one of them out")
        } else if self.single_threaded && self.group.is_some() {
            Some(
                "a single-threaded run keeps the order of all records, which others in its group would not; run it without \
                 a group",
            )
        } else if self.protect_group.is_some() != self.max_lag.is_some() {
            Some(
                "the group to protect and the lag it may have belong together; give both --protect-group and --max-lag",
            )
        } else if self.protect_group.is_none() && !self.protect_topics.is_empty() {
            Some("the topics that count belong to a group to protect; give --protect-group and --max-lag as well")
        } else if self.protect_group.is_some() && self.protect_group == self.group {
            Some("the group to protect is the run's own, whose lag only falls while it runs; name another group")
        } else {
            None
        }
    }

    /// How many clients read where no group decides it, as far as the partitions allow.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.fetch_clients.map_or_else(
            || {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                if self.tier == Tier::Auto { cores.min(MOST_CLIENTS_OF_AUTO) } else { cores }
            },
            |clients| clients as usize,
        )
    }
}

/// On a machine with many cores, `auto` reads with no more clients than this: each takes apart one to two million records a
/// second, and costs brokers a connection each.
pub const MOST_CLIENTS_OF_AUTO: usize = 4;

/// When a failed record is tried again. Only its own lane waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// How often at most, after the first attempt.
    pub attempts: u32,
    /// The wait before the first of them; each further wait is twice as long.
    pub first_delay: Duration,
    /// No wait is longer.
    pub max_delay: Duration,
    /// How far a wait may be from that, as a part of it, 0 to 1, so that records that failed together do not come again
    /// together.
    pub jitter: f64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 3, first_delay: Duration::from_secs(1), max_delay: Duration::from_secs(300), jitter: 0.1 }
    }
}

impl Retry {
    /// The wait before attempt `retry` (1 is the first retry), or `None` when there is none left. `chance`, 0 to 1, says
    /// where in the range of the jitter it lies: over even chances, the mean wait is the one without jitter.
    #[must_use]
    pub fn delay(self, retry: u32, chance: f64) -> Option<Duration> {
        (1..=self.attempts).contains(&retry).then(|| {
            let factor = 1_u32.checked_shl(retry - 1).unwrap_or(u32::MAX);
            let even = self.first_delay.saturating_mul(factor).min(self.max_delay);
            let jitter = self.jitter.clamp(0.0, 1.0);
            even.mul_f64(1.0 - jitter + 2.0 * jitter * chance.clamp(0.0, 1.0)).min(self.max_delay)
        })
    }
}

/// What happens to a record that fails for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The run fails; positions stay below the record.
    #[default]
    Fail,
    /// The record is passed over and counted.
    Skip,
    /// The run pauses; the record is tried again when it goes on.
    Pause,
    /// The record is put into a dead-letter topic; positions pass it when the broker has it.
    DeadLetter,
}

impl fmt::Display for OnFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fail => "fail",
            Self::Skip => "skip",
            Self::Pause => "pause",
            Self::DeadLetter => "dead-letter",
        })
    }
}

impl FromStr for OnFailure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "fail" => Ok(Self::Fail),
            "skip" => Ok(Self::Skip),
            "pause" => Ok(Self::Pause),
            "dead-letter" => Ok(Self::DeadLetter),
            other => Err(format!("`{other}` is not a policy; use fail, skip, pause or dead-letter")),
        }
    }
}

/// Where dead letters go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterSettings {
    /// The topic's name; `{topic}` in it stands for the record's own.
    pub topic: String,
    /// Whether a topic that is missing is created, with as many partitions as the record's own.
    pub create: bool,
}

impl Default for DeadLetterSettings {
    fn default() -> Self {
        Self { topic: "{topic}.dlq".into(), create: false }
    }
}

impl DeadLetterSettings {
    /// Where the dead letters of a topic go.
    #[must_use]
    pub fn topic_for(&self, topic: &str) -> String {
        self.topic.replace("{topic}", topic)
    }
}

/// What happens where retention has deleted records before they were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnRetention {
    /// The partition fails, and with it the run when the others are at their end.
    #[default]
    Fail,
    /// The partition goes on with the first record that is there; the gap is counted.
    Earliest,
    /// The run pauses. When it is resumed, it looks again.
    Pause,
}

impl fmt::Display for OnRetention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fail => "fail",
            Self::Earliest => "earliest",
            Self::Pause => "pause",
        })
    }
}

impl FromStr for OnRetention {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "fail" => Ok(Self::Fail),
            "earliest" => Ok(Self::Earliest),
            "pause" => Ok(Self::Pause),
            other => Err(format!("`{other}` is none of fail, earliest and pause")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_double_and_end() {
        let retry = Retry { jitter: 0.0, ..Retry::default() };
        let waits: Vec<_> = (1..=4).map(|attempt| retry.delay(attempt, 0.7).map(|wait| wait.as_secs())).collect();
        assert_eq!(waits, [Some(1), Some(2), Some(4), None]);
        assert_eq!(retry.delay(0, 0.5), None);
    }

    proptest! {
        #[test]
        fn waits_stay_around_their_mean_and_within_their_bound(
            retry in 1_u32..100, first in 0_u64..20_000, most in 1_u64..400_000, jitter in 0.0..=1.0, chance in 0.0..=1.0,
        ) {
            let ms = Duration::from_millis;
            let settings = Retry { attempts: 100, first_delay: ms(first), max_delay: ms(most), jitter };
            let even = Retry { jitter: 0.0, ..settings }.delay(retry, chance).unwrap();
            let wait = settings.delay(retry, chance).unwrap();
            prop_assert!(even <= ms(most) && wait <= ms(most));
            prop_assert!(wait.as_secs_f64() >= even.as_secs_f64() * (1.0 - jitter) - 1e-6);
            prop_assert!(wait.as_secs_f64() <= even.as_secs_f64() * (1.0 + jitter) + 1e-6);
            let opposite = settings.delay(retry, 1.0 - chance).unwrap();
            let mean = f64::midpoint(wait.as_secs_f64(), opposite.as_secs_f64());
            prop_assert!(even >= ms(most).div_f64(1.0 + jitter) || (mean - even.as_secs_f64()).abs() < 1e-6);
        }
    }

    #[test]
    fn quarantine_needs_keys_and_a_place_to_go() {
        let with = |ordering, on_failure| Settings { quarantine: true, ordering, on_failure, ..Settings::default() };
        assert_eq!(with(Ordering::Key, OnFailure::DeadLetter).contradiction(), None);
        assert_eq!(with(Ordering::Key, OnFailure::Fail).contradiction(), None);
        assert!(with(Ordering::Partition, OnFailure::Fail).contradiction().unwrap().contains("--ordering key"));
        assert!(with(Ordering::Key, OnFailure::Skip).contradiction().unwrap().contains("dead-letter or fail"));
    }
}
