//! What a watch of consumer groups said.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use kreplay_model::watch::{GroupView, WatchSnapshot};

/// What a watch of consumer groups said.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Watched {
    /// No groups are watched.
    #[default]
    Off,
    /// The groups are being listed since this time of the console's clock.
    Listing(Duration),
    /// The latest look.
    Known {
        /// The latest snapshot.
        snapshot: Arc<WatchSnapshot>,
        /// The groups of each topic.
        topics: Arc<BTreeMap<String, TopicGroups>>,
    },
}

/// The groups of a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TopicGroups {
    /// The number of groups that read the topic.
    pub groups: u64,
    /// The sum of their known lags; `None` if no lag is known, or if the sum does not fit.
    pub lag: Option<i64>,
    /// Whether the lag of one of the partitions is not known.
    pub partly_unknown: bool,
}

impl Watched {
    /// The state after a look.
    #[must_use]
    pub fn known(snapshot: Arc<WatchSnapshot>) -> Self {
        let topics = Arc::new(by_topic(&snapshot.groups));
        Self::Known { snapshot, topics }
    }

    /// Whether groups are watched.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !matches!(self, Self::Off)
    }

    /// The latest snapshot, if there is one.
    #[must_use]
    pub fn snapshot(&self) -> Option<&WatchSnapshot> {
        match self {
            Self::Known { snapshot, .. } => Some(snapshot),
            Self::Off | Self::Listing(_) => None,
        }
    }

    /// Whether the watch is paused, by this console or another view.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.snapshot().is_some_and(|snapshot| snapshot.paused)
    }

    /// The watched groups, sorted by name.
    #[must_use]
    pub fn groups(&self) -> &[Arc<GroupView>] {
        self.snapshot().map_or(&[], |snapshot| &snapshot.groups)
    }

    /// The group with a name, if it is watched.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&GroupView> {
        self.groups().iter().map(AsRef::as_ref).find(|group| group.group == name)
    }

    /// The groups of a topic. `None` while they are not known.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<TopicGroups> {
        match self {
            Self::Known { topics, .. } => Some(topics.get(name).copied().unwrap_or_default()),
            Self::Off | Self::Listing(_) => None,
        }
    }
}

/// The groups of each topic. Abandoned partitions do not count.
fn by_topic(groups: &[Arc<GroupView>]) -> BTreeMap<String, TopicGroups> {
    let mut topics: BTreeMap<String, TopicGroups> = BTreeMap::new();
    // More bits than a lag has: a committed offset may be far from the log.
    let mut lags: BTreeMap<&str, i128> = BTreeMap::new();
    for group in groups {
        let rows = || group.partitions.iter().filter(|row| !row.abandoned);
        for topic in rows().map(|row| row.topic.as_str()).collect::<BTreeSet<_>>() {
            topics.entry(topic.to_owned()).or_default().groups += 1;
        }
        for row in rows() {
            let Some(topic) = topics.get_mut(&row.topic) else { continue };
            match row.lag {
                Some(lag) => *lags.entry(&row.topic).or_default() += i128::from(lag),
                None => topic.partly_unknown = true,
            }
        }
    }
    for (name, lag) in lags {
        if let Some(topic) = topics.get_mut(name) {
            topic.lag = i64::try_from(lag).ok();
            topic.partly_unknown |= topic.lag.is_none();
        }
    }
    topics
}
