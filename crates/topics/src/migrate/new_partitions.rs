//! The partitions of the new topics, as far as the brokers show them.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use kreplay_kafka::CatalogError;
use kreplay_model::domain::TopicPartition;

use super::{error::MigrateError, migration::Migration, routes::TargetTopic};
use crate::create::{MIN_VISIBILITY_TIMEOUT, POLL_INTERVAL};

/// The partitions of new topics, and the index of the new topic of each, in ascending order.
type NewPartitions = (Vec<TopicPartition>, Vec<u32>);

impl Migration<'_> {
    /// The partitions of the existing new topics, and the index of the new topic of each.
    pub(super) fn new_partitions(&self) -> Result<NewPartitions, MigrateError> {
        let there: BTreeSet<String> = self.catalog().topics()?.into_iter().map(|topic| topic.name).collect();
        let (mut ids, mut target_of) = (Vec::new(), Vec::new());
        for (number, target) in (0_u32..).zip(self.routes.targets()) {
            if there.contains(&target.topic) {
                let name: std::sync::Arc<str> = target.topic.as_str().into();
                for partition in 0..i32::try_from(target.partitions.get()).unwrap_or(0) {
                    ids.push(TopicPartition::new(name.clone(), partition));
                    target_of.push(number);
                }
            }
        }
        Ok((ids, target_of))
    }

    /// The partitions of all new topics, which were created before. Not every broker knows them at once.
    ///
    /// # Errors
    /// A topic stays invisible, or brokers do not answer.
    pub(super) fn all_new_partitions(&self) -> Result<Vec<TopicPartition>, MigrateError> {
        let timeout = self.options.timeout.max(MIN_VISIBILITY_TIMEOUT);
        wait_for_all(self.routes.targets(), timeout, self.cancel, || self.new_partitions())
    }
}

/// Looks until the partitions of all new topics are there.
fn wait_for_all(
    targets: &[TargetTopic],
    timeout: Duration,
    cancel: &AtomicBool,
    mut look: impl FnMut() -> Result<NewPartitions, MigrateError>,
) -> Result<Vec<TopicPartition>, MigrateError> {
    let deadline = Instant::now() + timeout;
    loop {
        let (partitions, target_of) = look()?;
        let invisible = (0_u32..).zip(targets).find(|(number, _)| target_of.binary_search(number).is_err());
        let Some((_, TargetTopic { topic, .. })) = invisible else { return Ok(partitions) };
        if cancel.load(Relaxed) {
            return Err(MigrateError::Stopped);
        }
        if Instant::now() >= deadline {
            return Err(CatalogError::NotVisible { topic: topic.clone(), seconds: timeout.as_secs() }.into());
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::PartitionCount;

    use super::*;

    /// Waits for the topics `a` and `b`. Each look shows the topics with the next of these indexes.
    fn wait(looks: &[&[u32]], timeout: Duration, is_cancelled: bool) -> Result<usize, String> {
        let target = |name: &str| TargetTopic { topic: name.into(), partitions: PartitionCount::default() };
        let mut looks = looks.iter();
        let look = || -> Result<NewPartitions, MigrateError> {
            let target_of = looks.next().expect("another look").to_vec();
            Ok((target_of.iter().map(|number| TopicPartition::new(format!("new-{number}"), 0)).collect(), target_of))
        };
        let found = wait_for_all(&["a", "b"].map(target), timeout, &AtomicBool::new(is_cancelled), look);
        found.map(|partitions| partitions.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn topics_that_a_broker_does_not_show_yet_are_waited_for() {
        let minute = Duration::from_secs(60);
        assert_eq!(wait(&[&[0, 0, 1]], minute, true), Ok(3));
        assert_eq!(wait(&[&[], &[1], &[0], &[0, 1]], minute, false), Ok(2));
    }

    #[test]
    fn the_wait_for_new_topics_ends() {
        let invisible = wait(&[&[0]], Duration::ZERO, false).unwrap_err();
        assert!(invisible.contains("no broker shows topic `b`"), "{invisible}");
        assert!(wait(&[&[]], Duration::from_secs(60), true).unwrap_err().contains("stopped"));
    }
}
