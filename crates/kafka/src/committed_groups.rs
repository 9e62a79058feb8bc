//! The committed offsets of many groups, queried with one client and without joining them.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::AtomicBool,
    thread::sleep,
    time::{Duration, Instant},
};

use kreplay_model::domain::{Offset, TopicPartition};
use rdkafka::error::RDKafkaErrorCode;

use super::{
    catalog::{Catalog, CatalogError},
    client::{is_coordinator_away, is_final_for_group},
    committed::refusal,
    group_offsets::{RETRY_DELAY, attempt_timeout},
    group_viewer::{GroupViewer, Patience},
    native::group_offsets::Committed,
};

/// The number of groups whose requests are on their way at the same time.
const MAX_GROUPS_AT_ONCE: usize = 500;

impl Catalog<'_> {
    /// The offsets that groups have committed for the wanted partitions, in the order of the groups. A group that does
    /// not exist has none. Requests that fail are repeated, each time only those, until the catalog's timeout has
    /// passed without an answer.
    ///
    /// # Errors
    /// [`CatalogError::Group`] for the first group without an answer. An error that would stay the same ends the wait.
    pub fn committed_by_groups(
        &self,
        groups: &[&str],
        wanted: &HashSet<&TopicPartition>,
    ) -> Result<Vec<HashMap<TopicPartition, Offset>>, CatalogError> {
        let viewer = GroupViewer::new(self.client.config())?;
        let never = AtomicBool::new(false);
        let mut all = Vec::with_capacity(groups.len());
        for groups in groups.chunks(MAX_GROUPS_AT_ONCE) {
            let ask = |groups: &[&str], within: Duration| {
                let answers = viewer.list_committed(groups, Patience { within, stop: &never });
                answers.into_iter().map(|answer| answer.and_then(|found| offsets(found, wanted))).collect()
            };
            let found = ask_for_all(groups, self.timeout, ask);
            all.extend(found.map_err(|(group, code)| self.unknown_offsets(group, code))?);
        }
        Ok(all)
    }

    fn unknown_offsets(&self, group: &str, code: RDKafkaErrorCode) -> CatalogError {
        let reason = if is_coordinator_away(code) {
            format!(
                "its coordinator gave no answer within {} s ({code}); check that all brokers are running, or raise \
                 kafka.connect_timeout",
                self.timeout.as_secs()
            )
        } else {
            refusal(code)
        };
        CatalogError::Group { group: group.to_owned(), reason }
    }
}

/// The offsets of a group in the wanted partitions, if each is known. Those of other topics may take a lot of memory.
fn offsets(
    found: Committed,
    wanted: &HashSet<&TopicPartition>,
) -> Result<HashMap<TopicPartition, Offset>, RDKafkaErrorCode> {
    let wanted = found.into_iter().filter(|(id, _)| wanted.contains(id));
    wanted.map(|(_, found)| found.map(|one| (one.id, one.offset))).collect()
}

/// Asks for all groups, and then again for those without an answer, until all have one.
///
/// # Errors
/// The group with the first error that would stay the same, or the first group without an answer once none has arrived
/// for `timeout`.
fn ask_for_all<'a, T>(
    groups: &[&'a str],
    timeout: Duration,
    ask: impl Fn(&[&str], Duration) -> Vec<Result<T, RDKafkaErrorCode>>,
) -> Result<Vec<T>, (&'a str, RDKafkaErrorCode)> {
    let mut found: Vec<Option<T>> = groups.iter().map(|_| None).collect();
    let mut deadline = Instant::now() + timeout;
    loop {
        let missing: Vec<usize> = (0..groups.len()).filter(|at| found[*at].is_none()).collect();
        let names: Vec<&str> = missing.iter().map(|at| groups[*at]).collect();
        let mut failed = None;
        for (at, answer) in missing.into_iter().zip(ask(&names, attempt_timeout(deadline))) {
            match answer {
                Ok(answer) => {
                    found[at] = Some(answer);
                    deadline = Instant::now() + timeout;
                }
                Err(code) if is_final_for_group(code) => return Err((groups[at], code)),
                Err(code) => {
                    failed.get_or_insert((groups[at], code));
                }
            }
        }
        match failed {
            None => return Ok(found.into_iter().flatten().collect()),
            Some(failed) if Instant::now() >= deadline => return Err(failed),
            Some(_) => sleep(RETRY_DELAY),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::client::{Client, KafkaConfig};

    const LONG: Duration = Duration::from_secs(3600);

    /// The answers, or the group that has none and its error.
    type Found = Result<Vec<String>, (&'static str, RDKafkaErrorCode)>;

    /// The result of asking for the groups `a`, `b` and `c`, and what was asked for each time. `answer` has the number
    /// of the attempt.
    fn asked(
        timeout: Duration,
        answer: impl Fn(&str, usize) -> Result<String, RDKafkaErrorCode>,
    ) -> (Found, Vec<String>) {
        let attempts = RefCell::new(Vec::new());
        let found = ask_for_all(&["a", "b", "c"], timeout, |groups, _| {
            let attempt = attempts.borrow().len();
            attempts.borrow_mut().push(groups.concat());
            groups.iter().map(|group| answer(group, attempt)).collect()
        });
        (found, attempts.into_inner())
    }

    #[test]
    fn only_groups_without_an_answer_are_asked_for_again() {
        let (found, attempts) = asked(LONG, |group, attempt| match (group, attempt) {
            ("b", 0) => Err(RDKafkaErrorCode::NotCoordinator),
            ("b" | "c", 1) | ("c", 0) => Err(RDKafkaErrorCode::OperationTimedOut),
            _ => Ok(group.to_uppercase()),
        });
        assert_eq!(found.unwrap(), ["A", "B", "C"]);
        assert_eq!(attempts, ["abc", "bc", "bc"]);
    }

    #[test]
    fn an_error_that_stays_the_same_ends_at_once_and_names_the_group() {
        let (found, attempts) = asked(LONG, |group, _| match group {
            "b" => Err(RDKafkaErrorCode::NotCoordinator),
            "c" => Err(RDKafkaErrorCode::GroupAuthorizationFailed),
            _ => Ok(String::new()),
        });
        assert_eq!(found, Err(("c", RDKafkaErrorCode::GroupAuthorizationFailed)));
        assert_eq!(attempts, ["abc"]);
        let (found, _) = asked(Duration::ZERO, |group, _| match group {
            "b" => Err(RDKafkaErrorCode::NotCoordinator),
            _ => Ok(String::new()),
        });
        assert_eq!(found, Err(("b", RDKafkaErrorCode::NotCoordinator)), "the time is over");
    }

    #[test]
    fn a_group_without_an_answer_is_named_with_the_next_step() {
        // Nothing listens on this port.
        let client = Client::new(&KafkaConfig::new("127.0.0.1:1"), &std::sync::Arc::default()).unwrap();
        let catalog = Catalog::new(&client, Duration::from_millis(500));
        let wanted = HashSet::new();
        let error = catalog.committed_by_groups(&["billing"], &wanted).unwrap_err().to_string();
        assert!(error.contains("group `billing`") && error.contains("raise kafka.connect_timeout"), "{error}");
        assert_eq!(catalog.committed_by_groups(&[], &wanted), Ok(Vec::new()));
    }
}
