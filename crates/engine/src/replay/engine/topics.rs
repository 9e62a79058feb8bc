//! The topics that a run reads, and their ids, which distinguish them from other topics of the same name.

use std::collections::BTreeMap;

use kreplay_model::domain::AppendOnlyVec;
use parking_lot::Mutex;

use crate::plan::Plan;

/// The topics that a run reads, including those added during the run.
#[derive(Debug, Default)]
pub struct RunTopics {
    names: AppendOnlyVec<String>,
    /// Their ids, by name, as far as they are known.
    ids: Mutex<BTreeMap<String, String>>,
    /// The cluster is recreated for each run, so its ids and topic ids say nothing about its records.
    pub is_ephemeral_cluster: bool,
}

impl RunTopics {
    /// The topics of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        Self {
            names: plan.topics.iter().cloned().collect(),
            ids: Mutex::new(plan.topic_ids.clone()),
            is_ephemeral_cluster: false,
        }
    }

    /// Number of topics.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.names.iter()
    }

    /// The names, copied.
    #[must_use]
    pub fn to_vec(&self) -> Vec<String> {
        self.names().cloned().collect()
    }

    /// Adds a topic.
    pub fn add(&self, name: String) {
        self.names.push(name);
    }

    /// The id of a topic, if it is known.
    #[must_use]
    pub fn id_of(&self, name: &str) -> Option<String> {
        self.ids.lock().get(name).cloned()
    }

    /// Adds ids that were looked up. Returns the topics whose id differs from the known one.
    pub fn compare_ids(&self, found: BTreeMap<String, String>) -> Vec<String> {
        let mut known = self.ids.lock();
        let mut recreated = Vec::new();
        for (name, id) in found {
            match known.get(&name) {
                Some(before) if *before != id => recreated.push(name),
                Some(_) => {}
                None => drop(known.insert(name, id)),
            }
        }
        recreated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, id)| ((*name).to_owned(), (*id).to_owned())).collect()
    }

    #[test]
    fn a_changed_topic_id_is_reported_at_every_lookup() {
        let known = RunTopics { ids: Mutex::new(ids(&[("a", "1")])), ..RunTopics::default() };
        assert!(known.compare_ids(ids(&[("a", "1"), ("b", "2")])).is_empty());
        assert!(known.compare_ids(ids(&[("b", "2")])).is_empty(), "a missing topic is not compared");
        for _ in 0..2 {
            assert_eq!(known.compare_ids(ids(&[("a", "9"), ("b", "8")])), ["a", "b"]);
        }
    }
}
