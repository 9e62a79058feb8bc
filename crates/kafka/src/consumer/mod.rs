//! Consumers: a [`Reader`] reads given partitions without a group, a [`Member`] is a member of a group. A
//! [`Tier`](kreplay_model::domain::Tier) selects how records are read from librdkafka.

mod buffered;
mod dedicated;
mod group_protocol;
mod member;
mod member_config;
mod membership;
mod offsets;
mod reader;
mod rebalance;
mod source;
mod standard;
mod stream;
mod tiers;

pub use dedicated::share_out;
pub use group_protocol::GroupProtocol;
pub use member::Member;
pub use member_config::MemberConfig;
pub use membership::{AssignedPartition, CommittedError, Membership, StartAt};
pub use reader::Reader;

pub use super::native::{Fetched, RawRecord};

use std::time::Duration;

use kreplay_model::domain::{Offset, PartitionId, TopicPartition};
use rdkafka::{
    Offset as NativeOffset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
};

use super::{
    client::{Presence, ReadContext, presence},
    native::find_positions,
};

/// Maximum wait for the client's main thread.
const SEEK_TIMEOUT: Duration = Duration::from_secs(1);

/// What every consumer can do, regardless of tier and group membership. They differ in where partitions come from: a
/// [`Reader`] is controlled by [`Reader::start`] and [`Reader::stop`]; a [`Member`] subscribes when it joins, and only
/// a member commits.
pub trait Consumer {
    #[doc(hidden)]
    fn native(&self) -> &BaseConsumer<ReadContext>;

    /// The end offset of a partition, if the end was the last event read from it.
    #[doc(hidden)]
    fn ended(&self, id: &TopicPartition) -> Option<Offset>;

    /// Passes up to `max` records and other events to `sink`, in offset order within a partition. Waits up to `timeout`
    /// for the first one. Returns the number of events.
    fn read(&mut self, timeout: Duration, max: usize, sink: &mut dyn FnMut(Fetched<'_>)) -> usize;

    /// The partitions being read.
    fn assignment(&self) -> Vec<TopicPartition>;

    /// The offset after the last record passed to a sink, for each partition that has delivered at least one.
    fn positions(&self) -> Vec<(TopicPartition, Offset)> {
        let ids = self.assignment();
        let mut list = list_of(&ids);
        // Partitions unknown to the client stay without an offset.
        let _ = find_positions(self.native(), &mut list);
        let position = |id: TopicPartition| match list.find_partition(&id.topic, id.partition.0)?.offset() {
            // At the end of a log the client's position may be one too high, see `native::Ends`.
            NativeOffset::Offset(raw) => Some((self.ended(&id).or(Offset::new(raw))?, id)),
            _ => None,
        };
        let position = |id| position(id).map(|(offset, id)| (id, offset));
        ids.into_iter().filter_map(position).collect()
    }

    /// Pauses or resumes fetching of some partitions. Records already fetched may still arrive after a pause.
    fn set_paused(&self, partitions: &[TopicPartition], paused: bool) {
        let list = list_of(partitions);
        // It fails only for a partition that is not being read, which needs no pausing.
        let _ = if paused { self.native().pause(&list) } else { self.native().resume(&list) };
        if paused {
            return;
        }
        for id in partitions {
            // Here the client's position may be one too high, see `native::Ends`. The seek needs no network request.
            if let Some(end) = self.ended(id) {
                drop(self.native().seek(&id.topic, id.partition.0, NativeOffset::Offset(end.get()), SEEK_TIMEOUT));
            }
        }
    }

    /// Holds some partitions back, or releases them. While a partition is held back, its fetched records wait inside
    /// librdkafka, up to the library's queue limit per partition. Cheaper than a pause, which discards fetched records,
    /// but it uses that memory for each partition.
    fn set_held(&self, partitions: &[TopicPartition], held: bool);

    /// Whether a topic can still be read; `None` if no broker answers within `timeout`.
    fn presence(&self, topic: &str, timeout: Duration) -> Option<Presence> {
        presence(self.native(), topic, timeout)
    }

    /// Whether a broker answers a metadata request for a known topic within `timeout`.
    fn probe(&self, topic: &str, timeout: Duration) -> bool {
        self.native().fetch_metadata(Some(topic), timeout).is_ok()
    }
}

fn list_of<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for id in partitions {
        list.add_partition(&id.topic, id.partition.0);
    }
    list
}

fn ids_of(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements()
        .iter()
        .map(|element| TopicPartition { topic: element.topic().into(), partition: PartitionId(element.partition()) })
        .collect()
}
