//! kreplay's own client for describe requests.

mod describe;
mod groups;
mod logs;
mod transactions;

use std::collections::BTreeMap;
use std::time::Duration;

use kreplay_model::domain::{Offset, TopicPartition};
use kreplay_model::watch::Transaction;
use kreplay_monitor::look::Answer;
use kreplay_wire::types::TopicSelection;
use kreplay_wire::{Api, WireClient, WireError};

/// The requests without which lags cannot be known. Others are needed for some types of groups or some figures only.
const NEEDED: [Api; 5] =
    [Api::ListGroups, Api::FindCoordinator, Api::DescribeGroups, Api::OffsetFetch, Api::ListOffsets];

/// kreplay's own client.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    client: WireClient,
}

impl Wire {
    pub(super) fn new(client: WireClient) -> Self {
        Self { client }
    }

    pub(super) fn within(&self, deadline: Duration) -> Self {
        Self { client: self.client.within(deadline) }
    }

    pub(super) async fn connect(&self) -> Result<Option<String>, WireError> {
        self.client.require(&NEEDED).await?;
        Ok(self.client.metadata(&TopicSelection::Named(Vec::new())).await?.cluster_id)
    }

    pub(super) async fn holders(
        &self,
        stable_ends: &BTreeMap<TopicPartition, Offset>,
    ) -> BTreeMap<TopicPartition, Answer<Option<Transaction>>> {
        transactions::holders(&self.client, stable_ends).await
    }
}
