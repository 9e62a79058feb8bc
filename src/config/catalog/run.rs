//! `[run]` and `[plan]`: workers, limits, handling, failures, reading, journals and planning.

use kreplay_handlers::DryRunMode;
use toml::Value;

use super::{GROUP, HANDLERS, Kind, WORKERS, codec, millis, minutes, seconds, table::settings};
use crate::config::{
    limits,
    value::{handler, store, text, topic_template},
};

const RATE: Kind = Kind::Text("a rate in records or bytes, such as 5000/s, 20k/s, 500KB/s or 10MiB/s");
const BARRIERS: &str = "a list of rules: key=PATTERN, header.NAME=VALUE, json.PATH=VALUE or type=PATTERN";
const DEAD_LETTER_TOPIC: &str = "a topic name, where {topic} stands for the record's topic, such as {topic}.dlq";

settings! { LIMITS:
    /// Number of workers.
    "run.concurrency": Either(WORKERS) => {
        |c, i| {
            (c.run.settings.concurrency, c.run.settings.adaptive) = limits::concurrency(i)?;
            Ok(())
        },
        |c| Some(limits::show_concurrency(c.run.settings.concurrency, c.run.settings.adaptive)),
    };
    /// Maximum number of workers for concurrency "auto".
    "run.max_concurrency": Integer(1..=1000) => run.settings.max_concurrency as codec::Bounded;
    /// Handle all records one after another on one worker, in order of arrival.
    "run.single_threaded": Bool => run.settings.single_threaded;
    /// Maximum rate at which records are handed to workers. "off" removes a limit.
    "run.rate": Either(&[RATE, Kind::Word(&["off"])]) => {
        |c, i| store(&mut c.run.settings.rate, limits::rate(i)),
        |c| c.run.settings.rate.map(|rate| text(&rate)),
    };
    /// The run slows down while this consumer group lags by more than `max_lag`.
    "run.protect_group": Text(GROUP) => run.settings.protect_group as codec::Group;
    /// Count the protected group's lag only on these topics.
    "run.protect_topics": List("a list of topic names or patterns, such as orders.*") => {
        |c, i| store(&mut c.run.settings.protect_topics, limits::patterns(i)),
        |c| limits::show_topics(&c.run.settings.protect_topics),
    };
    /// Maximum lag of the protected group.
    "run.max_lag": Count("records") => {
        |c, i| store(&mut c.run.settings.max_lag, limits::lag(i).map(Some)),
        |c| c.run.settings.max_lag.map(limits::show_lag),
    };
    /// A record that matches one of these rules is handled alone, after all earlier and before all later records.
    "run.barriers": TextOrList(BARRIERS) => {
        |c, i| store(&mut settings!(@write c rules.barriers), limits::rules(i)),
        |c| limits::show_rules(&c.run.scope.rules.barriers),
    };
}

settings! { HANDLING:
    /// Keep the order of records per key, per partition, or not at all.
    "run.ordering": Word(&["key", "partition", "none"]) => run.settings.ordering;
    /// Maximum number of records per handler call.
    "run.batch": Integer(1..=100_000) => run.settings.batch as codec::Bounded;
    /// How to read records from the Kafka client.
    "run.tier": Word(&["auto", "stream", "standard", "buffered", "dedicated"]) => run.settings.tier;
    /// Maximum number of records fetched from a client at once.
    "run.fetch_batch": Integer(1..=100_000) => run.settings.fetch_batch;
    /// Maximum number of clients for the tiers "auto" and "dedicated".
    "run.fetch_clients": Integer(1..=64) => run.settings.fetch_clients as codec::Optional<codec::Integer>;
    /// What to do with the records.
    "run.handler": Text(HANDLERS) => {
        |c, i| store(&mut c.run.handler, handler(i)),
        |c| Some(text(&c.run.handler)),
    };
    /// Build all effects and apply none.
    "run.dry_run": Bool => {
        |c, i| store(&mut c.run.settings.dry_run, i.bool().map(|dry| dry.then_some(DryRunMode::Single))),
        |c| Some(Value::from(matches!(c.run.settings.dry_run, Some(DryRunMode::Single)))),
    };
    /// The consumer group that shares the work and stores positions.
    "run.group": Text(GROUP) => run.settings.group as codec::Group;
    /// Group protocol; "auto" is classic on a cluster, and consumer in the demo.
    "run.group_protocol": Word(&["auto", "consumer", "classic"]) => run.group_protocol;
}

settings! { FAILURES:
    /// Retries of a failed record after the first attempt.
    "run.retry.attempts": Integer(0..=1000) => run.settings.retry.attempts;
    /// Delay before the first retry; each further delay is twice as long.
    "run.retry.first_delay": Duration(seconds(0)..=minutes(5), "500ms or 1s") => run.settings.retry.first_delay;
    /// Maximum delay before a retry.
    "run.retry.max_delay": Duration(millis(1)..=minutes(60), "5m") => run.settings.retry.max_delay;
    /// Fraction by which each delay is randomly varied (jitter).
    "run.retry.jitter": Fraction => run.settings.retry.jitter;
    /// What to do with a record that has failed for good.
    "run.on_failure": Word(&["fail", "skip", "pause", "dead-letter"]) => run.settings.on_failure;
    /// The dead-letter topic.
    "run.dead_letter.topic": Text(DEAD_LETTER_TOPIC) => {
        |c, i| store(&mut c.run.settings.dead_letter.topic, topic_template(i)),
        |c| Some(text(&c.run.settings.dead_letter.topic)),
    };
    /// Create a missing dead-letter topic.
    "run.dead_letter.create": Bool => run.settings.dead_letter.create;
    /// Quarantine the key of a record that has failed for good.
    "run.quarantine": Bool => run.settings.quarantine;
    /// Maximum total size of quarantined records.
    "run.quarantine_buffer": Bytes(1 << 16..=1 << 40, "8MiB") => run.settings.quarantine_bytes;
}

settings! { RUN:
    /// What to do if retention deletes records before they are read.
    "run.on_retention": Word(&["fail", "earliest", "pause"]) => run.settings.on_retention;
    /// Handle the records of each key in timestamp order, across all topics and partitions.
    "run.time_order": Bool => run.scope.time_order;
    /// Interval at which a run checks for new topics and partitions.
    "run.discovery_interval": Duration(millis(500)..=minutes(60), "5s") => run.settings.discovery_interval;
    /// Maximum total size of records in memory; reading pauses when it is reached.
    "run.buffer": Bytes(1 << 20..=1 << 40, "32MiB") => run.settings.buffer_bytes;
    /// Interval at which positions are committed to a group.
    "run.commit_interval": Duration(millis(10)..=minutes(1), "200ms") => run.settings.commit_interval;
    /// How long to wait for records in flight when partitions are revoked or the run is stopped.
    "run.drain_timeout": Duration(millis(100)..=minutes(60), "30s") => run.settings.drain_timeout;
}

settings! { JOURNAL:
    /// Write a journal, so that the run can be resumed.
    "run.journal": Bool => run.journal.enabled;
    /// Number of finished runs to keep for `kreplay runs`.
    "run.journal_keep": Integer(0..=100_000) => run.journal.keep;
    /// Directory for journals.
    "run.state_dir": Path("the path of a directory") => run.journal.state_dir;
    /// Interval between two lines of progress if standard error is not a terminal.
    "run.progress_interval": Duration(millis(100)..=minutes(60), "5s") => run.progress_interval;
}

settings! { PLAN:
    /// Read all records instead of a sample.
    "plan.scan": Bool => run.settings.planning.scan;
    /// Approximate number of records to sample.
    "plan.sample": Integer(1000..=10_000_000) => run.settings.planning.sample;
    /// Maximum time to spend on the sample.
    "plan.sample_time": Duration(millis(100)..=minutes(10), "2s") => run.settings.planning.sample_time;
    /// Handling time per record, used if the handler does not define one.
    "plan.work": Duration(seconds(0)..=minutes(60), "1ms") =>
        run.settings.planning.work as codec::Optional<codec::Duration>;
    /// Make a plan before each run, so that the report compares the prediction with the result.
    "plan.before_run": Bool => run.settings.planning.before_run;
}
