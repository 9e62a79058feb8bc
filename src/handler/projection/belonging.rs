//! Whether the positions of a target belong to the logs of a run.

use super::store::HANDLER;
use crate::{
    feed::printable,
    handler::{Differs, HandlerError, LogId, Logs},
};

/// What can be done about positions of another log.
const NEXT: &str = "rebuild the projection with --shadow, or use another database";

/// A topic whose positions belong to another log than the run's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    topic: String,
    /// The noted one and the run's, where that is what differs.
    clusters: Option<(String, String)>,
}

/// Compares what a target has noted of its topics with the logs of a run; topics that the run does not read are left out.
///
/// # Errors
/// The first of them that differs.
pub(super) fn check(noted: impl IntoIterator<Item = (String, LogId)>, logs: &Logs) -> Result<(), Mismatch> {
    for (topic, noted) in noted {
        let Some(now) = logs.of(&topic) else { continue };
        if let Some(differs) = noted.differs(&now) {
            let name = |log: LogId| log.cluster.unwrap_or_default();
            let clusters = (differs == Differs::Cluster).then(|| (name(noted), name(now)));
            return Err(Mismatch { topic, clusters });
        }
    }
    Ok(())
}

impl Mismatch {
    /// The refusal, for people. `target` says where the positions are.
    pub(super) fn refusal(&self, target: &str) -> HandlerError {
        let topic = printable(&self.topic);
        let reason = match &self.clusters {
            Some((noted, now)) => format!(
                "{target}: its positions of topic {topic} belong to cluster {}, and this is cluster {}; name its own with \
                 --bootstrap-server, or {NEXT}",
                printable(noted),
                printable(now)
            ),
            None => format!(
                "{target}: topic {topic} was deleted and created again since its positions were noted there, and its records \
                 are others; {NEXT}"
            ),
        };
        HandlerError::OtherLog { handler: HANDLER, reason, usage: self.clusters.is_some() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(cluster: &str, topic: &str) -> LogId {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        LogId { cluster: some(cluster), topic: some(topic) }
    }

    fn refusal(noted: &[(&str, LogId)]) -> Option<HandlerError> {
        let mut logs = Logs::default();
        logs.learn(Some("c".into()), [("t".to_owned(), Some("1".to_owned())), ("old".to_owned(), None)]);
        let noted = noted.iter().map(|(topic, log)| ((*topic).to_owned(), log.clone()));
        check(noted, &logs).err().map(|mismatch| mismatch.refusal("p.db"))
    }

    #[test]
    fn positions_of_another_log_are_refused_and_what_is_not_known_is_believed() {
        for noted in [("t", log("c", "1")), ("t", log("", "")), ("old", log("c", "9")), ("x", log("d", "9"))] {
            assert!(refusal(std::slice::from_ref(&noted)).is_none(), "{noted:?}");
        }
        let other = refusal(&[("t", log("c", "1")), ("t", log("c", "2"))]).unwrap();
        let text = other.to_string();
        assert!(text.starts_with("handler projection: p.db: topic t was deleted and created again"), "{text}");
        assert!(other.is_final() && !other.is_usage(), "{text}");
        let other = refusal(&[("old", log("d\x1b", ""))]).unwrap();
        let text = other.to_string();
        assert!(text.contains("topic old belong to cluster d") && text.contains("this is cluster c;"), "{text}");
        assert!(!text.contains('\x1b') && other.is_usage(), "{text}");
    }
}
