//! Checks that the positions of a target belong to the logs of the run.

use kreplay_model::domain::{ErrorClass, printable};

use super::store::HANDLER;
use crate::{Differs, HandlerError, LogId, Logs};

/// The next step if positions belong to another log.
const NEXT_STEP: &str = "rebuild the projection with --shadow, or use another database";

/// A topic whose stored positions do not belong to the run's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogMismatch {
    topic: String,
    /// The stored cluster id and that of the run, if they differ.
    clusters: Option<(String, String)>,
}

/// Compares the log identities that a target has stored with those of the run. Topics that the run does not read are
/// ignored.
///
/// # Errors
/// The first topic that differs.
pub(super) fn check_logs(stored: impl IntoIterator<Item = (String, LogId)>, logs: &Logs) -> Result<(), LogMismatch> {
    for (topic, stored) in stored {
        let Some(current) = logs.of(&topic) else { continue };
        if let Some(differs) = stored.differs(&current) {
            let cluster_name = |log: LogId| log.cluster.unwrap_or_default();
            let clusters = (differs == Differs::Cluster).then(|| (cluster_name(stored), cluster_name(current)));
            return Err(LogMismatch { topic, clusters });
        }
    }
    Ok(())
}

impl LogMismatch {
    /// The error. `target` names the target of the positions.
    pub(super) fn to_error(&self, target: &str) -> HandlerError {
        let topic = printable(&self.topic);
        let reason = match &self.clusters {
            Some((stored, current)) => format!(
                "{target}: its positions of topic {topic} belong to cluster {}, but this is cluster {}; name that \
                 cluster with --bootstrap-server, or {NEXT_STEP}",
                printable(stored),
                printable(current)
            ),
            None => format!(
                "{target}: topic {topic} was deleted and created again after its positions were stored, so its \
                 records have changed; {NEXT_STEP}"
            ),
        };
        let class = if self.clusters.is_some() { ErrorClass::Usage } else { ErrorClass::Failed };
        HandlerError::OtherLog { handler: HANDLER, reason, class }
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::Classified as _;

    use super::*;

    fn log(cluster: &str, topic: &str) -> LogId {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        LogId { cluster: some(cluster), topic: some(topic) }
    }

    fn error_of(stored: &[(&str, LogId)]) -> Option<HandlerError> {
        let mut logs = Logs::default();
        logs.learn(Some("c".into()), [("t".to_owned(), Some("1".to_owned())), ("old".to_owned(), None)]);
        let stored = stored.iter().map(|(topic, log)| ((*topic).to_owned(), log.clone()));
        check_logs(stored, &logs).err().map(|mismatch| mismatch.to_error("p.db"))
    }

    #[test]
    fn positions_of_another_log_are_rejected_and_unknown_ids_are_not_compared() {
        for stored in [("t", log("c", "1")), ("t", log("", "")), ("old", log("c", "9")), ("x", log("d", "9"))] {
            assert!(error_of(std::slice::from_ref(&stored)).is_none(), "{stored:?}");
        }
        let other = error_of(&[("t", log("c", "1")), ("t", log("c", "2"))]).unwrap();
        let text = other.to_string();
        assert!(text.starts_with("handler projection: p.db: topic t was deleted and created again"), "{text}");
        assert!(other.is_final() && !other.class().is_usage(), "{text}");
        let other = error_of(&[("old", log("d\x1b", ""))]).unwrap();
        let text = other.to_string();
        assert!(text.contains("topic old belong to cluster d") && text.contains("this is cluster c;"), "{text}");
        assert!(!text.contains('\x1b') && other.class().is_usage(), "{text}");
    }
}
