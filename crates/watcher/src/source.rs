//! What a watch asks a cluster, and the clients that can answer.
//!
//! `wire` is kreplay's own client, which sees groups of all types with epochs and transactions. `librdkafka` answers
//! where that cannot be used; what it does not see is unknown, with a reason. `answer` has what both return.

mod answer;
mod librdkafka;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kreplay_kafka::{ClientError, GroupViewer};
use kreplay_model::domain::{Offset, TopicPartition};
use kreplay_model::watch::{Reason, Transaction};
use kreplay_monitor::look::{Answer, PartitionLook, RecordAt};
use kreplay_wire::{WireClient, WireError};
use thiserror::Error;

#[cfg(test)]
pub(crate) use self::answer::Missing;
pub(crate) use self::answer::{Commits, GroupAnswer, Kind, Listed, Listing, Settings, TopicFound};
use self::librdkafka::Librdkafka;
use self::wire::Wire;
use crate::reason::{Subject, other, reason};
use crate::selection::GroupSelection;

/// Why the groups of a cluster cannot be watched.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WatchError {
    /// kreplay's own client.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// librdkafka.
    #[error(transparent)]
    Librdkafka(#[from] ClientError),
}

impl WatchError {
    /// Whether the brokers lack requests that kreplay's own client needs, so that librdkafka may still see the groups.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::Wire(WireError::Unsupported { .. }))
    }

    /// Why the list of groups is out of date.
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::Wire(error) => reason(error, Subject::Group("*")),
            Self::Librdkafka(ClientError::Unreachable { .. }) => Reason::TimedOut,
            Self::Librdkafka(error) => other(error),
        }
    }
}

/// The client that a watch uses. Clones share its connections.
#[derive(Clone, Debug)]
pub struct WatchClient(Client);

#[derive(Clone, Debug)]
enum Client {
    Wire(Wire),
    Librdkafka(Librdkafka),
}

impl From<WireClient> for WatchClient {
    fn from(client: WireClient) -> Self {
        Self(Client::Wire(Wire::new(client)))
    }
}

impl WatchClient {
    /// Watches through librdkafka. A call takes `within` at most, unless it is given less.
    #[must_use]
    pub fn librdkafka(viewer: GroupViewer, within: Duration) -> Self {
        Self(Client::Librdkafka(Librdkafka::new(viewer, within)))
    }

    /// The same client with another deadline for its calls.
    pub(crate) fn within(&self, deadline: Duration) -> Self {
        Self(match &self.0 {
            Client::Wire(wire) => Client::Wire(wire.within(deadline)),
            Client::Librdkafka(librdkafka) => Client::Librdkafka(librdkafka.within(deadline)),
        })
    }

    /// Connects. Returns the cluster's id, if it has one.
    ///
    /// # Errors
    /// The cluster does not answer, refuses the user, or lacks requests that the client needs.
    pub(crate) async fn connect(&self) -> Result<Option<String>, WatchError> {
        match &self.0 {
            Client::Wire(wire) => Ok(wire.connect().await?),
            Client::Librdkafka(librdkafka) => Ok(librdkafka.cluster_id().await),
        }
    }

    /// The selected groups.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub(crate) async fn list(&self, selection: &GroupSelection) -> Result<Listing, WatchError> {
        match &self.0 {
            Client::Wire(wire) => Ok(wire.list(selection).await?),
            Client::Librdkafka(librdkafka) => Ok(librdkafka.list(selection).await?),
        }
    }

    /// Those of the groups that the user may not describe.
    pub(crate) async fn refused(&self, names: &[Arc<str>]) -> Vec<Arc<str>> {
        match &self.0 {
            Client::Wire(wire) => wire.refused(names).await,
            Client::Librdkafka(librdkafka) => librdkafka.refused(names).await,
        }
    }

    /// Describes groups and requests their committed offsets. An error of one group does not affect the others.
    pub(crate) async fn groups(&self, groups: &[(Arc<str>, Kind)]) -> BTreeMap<Arc<str>, GroupAnswer> {
        match &self.0 {
            // Boxed: the futures are large.
            Client::Wire(wire) => Box::pin(wire.groups(groups)).await,
            Client::Librdkafka(librdkafka) => Box::pin(librdkafka.groups(groups)).await,
        }
    }

    /// Topics by name; those without an answer are left out.
    pub(crate) async fn topics(&self, names: &[Arc<str>]) -> BTreeMap<Arc<str>, Result<TopicFound, Reason>> {
        match &self.0 {
            Client::Wire(wire) => wire.topics(names).await,
            Client::Librdkafka(librdkafka) => librdkafka.topics(names).await,
        }
    }

    /// `cleanup.policy` and `retention.ms` of topics by name; those without an answer are left out.
    pub(crate) async fn topic_settings(&self, names: &[Arc<str>]) -> BTreeMap<Arc<str>, Result<Settings, Reason>> {
        match &self.0 {
            Client::Wire(wire) => wire.topic_settings(names).await,
            Client::Librdkafka(librdkafka) => librdkafka.topic_settings(names).await,
        }
    }

    /// A setting of one of the brokers; `None` if there is no answer.
    pub(crate) async fn broker_setting(&self, name: &str) -> Option<Result<Option<String>, Reason>> {
        match &self.0 {
            Client::Wire(wire) => wire.broker_setting(name).await,
            Client::Librdkafka(librdkafka) => librdkafka.broker_setting(name).await,
        }
    }

    /// The log start, the last stable offset and the end of partitions.
    pub(crate) async fn offsets(
        &self,
        partitions: BTreeSet<TopicPartition>,
    ) -> BTreeMap<TopicPartition, PartitionLook> {
        match &self.0 {
            Client::Wire(wire) => wire.offsets(partitions).await,
            Client::Librdkafka(librdkafka) => librdkafka.offsets(partitions).await,
        }
    }

    /// The newest record of partitions.
    pub(crate) async fn newest(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> BTreeMap<TopicPartition, Answer<Option<RecordAt>>> {
        match &self.0 {
            Client::Wire(wire) => wire.newest(partitions).await,
            Client::Librdkafka(librdkafka) => librdkafka.newest(partitions).await,
        }
    }

    /// The first record of each partition at or after a time, in milliseconds since 1970; `None` if there is none.
    /// Partitions without an answer are left out.
    pub(crate) async fn first_since(
        &self,
        queries: &[(TopicPartition, i64)],
    ) -> BTreeMap<TopicPartition, Option<RecordAt>> {
        match &self.0 {
            Client::Wire(wire) => wire.first_since(queries).await,
            Client::Librdkafka(librdkafka) => librdkafka.first_since(queries).await,
        }
    }

    /// The transactions that begin at the last stable offsets of partitions.
    pub(crate) async fn holders(
        &self,
        stable_ends: &BTreeMap<TopicPartition, Offset>,
    ) -> BTreeMap<TopicPartition, Answer<Option<Transaction>>> {
        match &self.0 {
            Client::Wire(wire) => wire.holders(stable_ends).await,
            // librdkafka has no request for producers and transactions.
            Client::Librdkafka(_) => stable_ends
                .keys()
                .map(|partition| (partition.clone(), Answer::Failed(Reason::NotInLibrdkafka)))
                .collect(),
        }
    }
}
