//! Finds or creates the dead-letter topics of a run: those of its plan before it starts, and those of topics that are
//! added to it when their first letter is due.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kreplay_kafka::{Catalog, CatalogError, Client, TopicInfo, create_topic};
use kreplay_model::domain::{TopicPartition, number::counted};

use super::DeadLetterTarget;
use crate::{plan::Plan, settings::DeadLetterSettings};

/// The dead-letter topics that were found, by the topic whose letters they receive.
#[derive(Debug, Default)]
pub struct DeadLetterTopics {
    found: BTreeMap<String, TopicInfo>,
}

impl DeadLetterTopics {
    /// Adds the dead-letter topic of a topic.
    pub fn add(&mut self, topic: &str, found: TopicInfo) {
        self.found.insert(topic.to_owned(), found);
    }

    /// Whether the dead-letter topic of a topic was found.
    #[must_use]
    pub fn has(&self, topic: &str) -> bool {
        self.found.contains_key(topic)
    }

    /// The names of the dead-letter topics.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.found.values().map(|found| found.name.as_str())
    }

    /// Where the letters of a partition go; `None` if the dead-letter topic of its topic was not found.
    #[must_use]
    pub fn target(&self, id: &TopicPartition) -> Option<DeadLetterTarget> {
        let TopicInfo { name, partitions, .. } = self.found.get(&*id.topic)?;
        let number = id.partition.0;
        Some(DeadLetterTarget { topic: name.clone(), partition: (number < *partitions).then_some(number) })
    }
}

/// The dead-letter topics of a plan. Creates missing topics if the settings allow it. Describing or creating a topic
/// may take `timeout`, and a new one may be invisible for as long.
///
/// # Errors
/// One sentence with the next step: a topic is missing, or access is denied, or it is itself replayed.
pub fn find(
    client: &Client,
    plan: &Plan,
    settings: &DeadLetterSettings,
    timeout: Duration,
) -> Result<DeadLetterTopics, String> {
    let mut partitions: BTreeMap<&str, i32> = BTreeMap::new();
    for one in &plan.partitions {
        let count = partitions.entry(&*one.id.topic).or_default();
        *count = (*count).max(one.id.partition.0 + 1);
    }
    let mut topics = DeadLetterTopics::default();
    for (topic, count) in partitions {
        let name = name_for(topic, plan, settings)?;
        topics.add(topic, find_or_create(client, topic, count, &name, settings.create, timeout)?);
    }
    Ok(topics)
}

/// The name of the dead-letter topic of a topic.
///
/// # Errors
/// The run replays it as well, so it would read its own dead letters.
pub fn name_for(topic: &str, plan: &Plan, settings: &DeadLetterSettings) -> Result<String, String> {
    let name = settings.topic_for(topic);
    // A run that follows the log also reads selected topics that do not exist yet.
    if plan.topics.contains(&name) || plan.follow && plan.selection.topics.contains(&name) {
        return Err(format!(
            "the dead letters of {topic} would go to {name}, which is itself replayed; set another \
             run.dead_letter.topic, or leave {name} out of the selection"
        ));
    }
    Ok(name)
}

/// Finds the dead-letter topic `name` of a topic with this number of partitions. With `create`, a missing one is
/// created.
///
/// # Errors
/// As for [`find`].
pub fn find_or_create(
    client: &Client,
    topic: &str,
    partitions: i32,
    name: &str,
    create: bool,
    timeout: Duration,
) -> Result<TopicInfo, String> {
    let catalog = Catalog::new(client, timeout);
    let found = match catalog.topic(name) {
        Err(CatalogError::UnknownTopic(_)) if create => {
            create_topic(client.config(), name, partitions, timeout)
                .map_err(|error| format!("the dead-letter topic {name} cannot be created: {error}"))?;
            new_topic(&catalog, name, timeout)
        }
        found => found,
    };
    found.map_err(|error| match error {
        CatalogError::UnknownTopic(_) => format!(
            "there is no dead-letter topic {name} for {topic}; create it with at least {}, set \
             run.dead_letter.create = true, or name another with run.dead_letter.topic",
            counted(partitions, "partition")
        ),
        CatalogError::NotAuthorized(_) => {
            format!("not authorized to write to the dead-letter topic {name}; grant WRITE and DESCRIBE on it")
        }
        other => format!("the dead-letter topic {name} cannot be used: {other}"),
    })
}

/// A topic that was just created. It takes a moment to be known on all brokers.
fn new_topic(catalog: &Catalog<'_>, name: &str, timeout: Duration) -> Result<TopicInfo, CatalogError> {
    let deadline = Instant::now() + timeout;
    loop {
        match catalog.topic(name) {
            // Each of these requests has waited for a second.
            Err(CatalogError::UnknownTopic(_)) if Instant::now() < deadline => {}
            Err(CatalogError::UnknownTopic(topic)) => {
                return Err(CatalogError::NotVisible { topic, seconds: timeout.as_secs() });
            }
            found => return found,
        }
    }
}

#[cfg(test)]
mod tests {
    use kreplay_kafka::KafkaConfig;
    use kreplay_model::domain::Offset;

    use super::*;
    use crate::plan::{PlannedPartition, Selection};

    fn plan(topic: &str, follow: bool, selection: Selection) -> Plan {
        let id = TopicPartition::new(topic, 0);
        let partitions = vec![PlannedPartition { id, first: Offset::ZERO, end: Offset::ZERO }];
        Plan { topics: vec![topic.into()], partitions, follow, selection, ..Plan::default() }
    }

    #[test]
    fn a_run_that_follows_the_log_refuses_dead_letter_topics_that_it_would_read_once_they_exist() {
        // Nothing listens on this port: the topic is refused before anything is looked up or created.
        let client = Client::new(&KafkaConfig::new("127.0.0.1:1"), &std::sync::Arc::default()).unwrap();
        let settings = DeadLetterSettings { create: true, ..DeadLetterSettings::default() };
        let plan = plan("orders.a", true, Selection::matching("orders.*").unwrap());
        let problem = find(&client, &plan, &settings, Duration::from_millis(200)).unwrap_err();
        assert!(problem.contains("orders.a.dlq, which is itself replayed"), "{problem}");
    }

    #[test]
    fn dead_letter_topics_may_match_the_selection_of_a_run_that_never_reads_them() {
        let settings = DeadLetterSettings::default();
        let name = |plan: &Plan, settings: &DeadLetterSettings| name_for("orders.a", plan, settings);
        let matching = || Selection::matching("orders.*|__.*").unwrap();
        assert_eq!(name(&plan("orders.a", false, matching()), &settings).unwrap(), "orders.a.dlq", "it has an end");
        let named = Selection::topics(["orders.a"]).unwrap();
        assert_eq!(name(&plan("orders.a", true, named), &settings).unwrap(), "orders.a.dlq");
        let internal = DeadLetterSettings { topic: "__failed".into(), create: true };
        assert_eq!(name(&plan("orders.a", true, matching()), &internal).unwrap(), "__failed");
    }

    #[test]
    fn dead_letter_topics_of_added_topics_are_refused_as_well() {
        let plan = plan("b", true, Selection::matching("a.*|b").unwrap());
        let settings = DeadLetterSettings::default();
        assert_eq!(name_for("b", &plan, &settings).unwrap(), "b.dlq");
        assert!(name_for("a", &plan, &settings).unwrap_err().contains("itself replayed"));
    }

    #[test]
    fn a_letter_keeps_the_number_of_its_partition_if_the_dead_letter_topic_has_it() {
        let mut topics = DeadLetterTopics::default();
        topics.add("a", TopicInfo { name: "failed".into(), partitions: 2, internal: false });
        let target = |topic: &str, number| topics.target(&TopicPartition::new(topic, number));
        let to = |partition| Some(DeadLetterTarget { topic: "failed".into(), partition });
        assert_eq!((target("a", 1), target("a", 2), target("b", 0)), (to(Some(1)), to(None), None));
    }
}
