//! The transactions in which records are copied: how long they may take, and what their errors mean.

use std::{collections::BTreeMap, time::Duration};

use kreplay_kafka::producer::{TransactionError, forwarding_properties};

use super::error::MigrateError;

/// How long the broker may take for each step of a transaction.
pub(super) const STEP_TIMEOUT: Duration = Duration::from_secs(60);

/// The time after which the broker aborts an open transaction.
const TRANSACTION_TIMEOUT: &str = "transaction.timeout.ms";
/// Its default in milliseconds. All steps of a transaction fit in; librdkafka's own default is only one minute.
const TRANSACTION_TIMEOUT_MS: &str = "180000";
/// The time after which a request is given up.
const SOCKET_TIMEOUT: &str = "socket.timeout.ms";
/// Its default in milliseconds. librdkafka would make it as long as a transaction, so that a lost request would not be
/// repeated in time.
const SOCKET_TIMEOUT_MS: &str = "60000";

/// The properties of the producer that copies. `batch_bytes` is the smallest `max.message.bytes` of the new topics.
pub(super) fn producer_properties(
    own: &BTreeMap<String, String>,
    batch_bytes: Option<u64>,
) -> BTreeMap<String, String> {
    let mut all = forwarding_properties(own, batch_bytes);
    if !all.contains_key(TRANSACTION_TIMEOUT) {
        all.insert(TRANSACTION_TIMEOUT.to_owned(), TRANSACTION_TIMEOUT_MS.to_owned());
        all.entry(SOCKET_TIMEOUT.to_owned()).or_insert_with(|| SOCKET_TIMEOUT_MS.to_owned());
    }
    all
}

/// The error if the producer with these properties cannot take over the migration.
pub(super) fn init_error(error: &TransactionError, properties: &BTreeMap<String, String>) -> MigrateError {
    if !error.exceeds_max_timeout() {
        return transaction_error(error);
    }
    let ms = properties.get(TRANSACTION_TIMEOUT).map_or(TRANSACTION_TIMEOUT_MS, String::as_str);
    MigrateError::Refused(format!(
        "{TRANSACTION_TIMEOUT} ({ms}) is above the broker's transaction.max.timeout.ms ({error}); set a lower value \
         with -X {TRANSACTION_TIMEOUT}=MILLISECONDS"
    ))
}

/// The error of a step of a transaction.
pub(super) fn transaction_error(error: &TransactionError) -> MigrateError {
    match error {
        TransactionError::Fenced(text) => MigrateError::Refused(format!(
            "another process has taken over this migration, or the broker has aborted a transaction after \
             {TRANSACTION_TIMEOUT}: {text}; nothing is lost: run the same command again to continue"
        )),
        TransactionError::Refused(text) => {
            MigrateError::Refused(format!("the broker does not allow this migration to write: {text}"))
        }
        TransactionError::Abort(text) | TransactionError::Broken(text) => MigrateError::Transaction(text.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(own: &[(&str, &str)]) -> BTreeMap<String, String> {
        let own = own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        producer_properties(&own, None)
    }

    #[test]
    fn a_transaction_has_time_for_its_steps_unless_the_user_sets_it() {
        let timeouts = |own: &[(&str, &str)]| {
            let all = properties(own);
            [TRANSACTION_TIMEOUT, SOCKET_TIMEOUT].map(|name| all.get(name).map_or("", String::as_str).to_owned())
        };
        assert_eq!(timeouts(&[]), ["180000", "60000"]);
        assert_eq!(timeouts(&[(SOCKET_TIMEOUT, "9000")]), ["180000", "9000"]);
        assert_eq!(timeouts(&[(TRANSACTION_TIMEOUT, "30000")]), ["30000", ""], "librdkafka's own");
        let steps = u64::try_from(3 * STEP_TIMEOUT.as_millis()).unwrap();
        assert!(TRANSACTION_TIMEOUT_MS.parse::<u64>().unwrap() >= steps);
    }

    #[test]
    fn errors_name_the_setting_and_the_next_step() {
        let refused = TransactionError::Refused("Broker: Transaction timeout is larger than the maximum value".into());
        let text = init_error(&refused, &properties(&[])).to_string();
        assert!(text.contains("transaction.timeout.ms (180000)"), "{text}");
        assert!(text.ends_with("with -X transaction.timeout.ms=MILLISECONDS"), "{text}");
        let denied = TransactionError::Refused("Broker: Transactional Id authorization failed".into());
        let text = init_error(&denied, &properties(&[])).to_string();
        assert!(text.starts_with("the broker does not allow this migration to write"), "{text}");
        let text = transaction_error(&TransactionError::Fenced("fenced".into())).to_string();
        assert!(text.contains("after transaction.timeout.ms: fenced; nothing is lost"), "{text}");
    }
}
