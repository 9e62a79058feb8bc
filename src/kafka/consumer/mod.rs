//! Consumers: one that reads partitions it was told to, without any group, and one that is a member of a group. Both get
//! records out of librdkafka in the way that a [`Tier`](crate::domain::Tier) names.

mod buffered;
mod dedicated;
mod member;
mod offsets;
mod reader;
mod source;
mod standard;
mod stream;

pub use dedicated::share_out;
pub use member::{GroupProtocol, Member, MemberConfig, Membership, StartAt};
pub use reader::Reader;

pub use super::native::{Fetched, RawRecord};
pub(super) use member::rebalance;
pub(super) use offsets::{check_committed, positions_of, tell_failure};

use std::time::Duration;

use rdkafka::{
    Offset as NativeOffset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
};

use super::{
    client::{Presence, ReadContext, presence},
    native::find_positions,
};
use crate::domain::{Offset, TopicPartition};

/// The longest wait for the client's own main thread.
const SEEK: Duration = Duration::from_secs(1);

/// What every consumer can do, whatever its tier and whether or not it is a member of a group. Where partitions come from is
/// the difference: a [`Reader`] is told by [`Reader::start`] and [`Reader::stop`], a [`Member`] subscribes when it joins, and
/// it alone commits.
pub trait Consumer {
    #[doc(hidden)]
    fn native(&self) -> &BaseConsumer<ReadContext>;

    /// Where a partition ended, if its end is the last thing that was read of it.
    #[doc(hidden)]
    fn ended(&self, id: &TopicPartition) -> Option<Offset>;

    /// Passes up to `max` records and other events to `sink`, those of a partition in the order of their offsets; waits up to
    /// `timeout` for the first. Returns how many there were.
    fn read(&mut self, timeout: Duration, max: usize, sink: &mut dyn FnMut(Fetched<'_>)) -> usize;

    /// The partitions that it reads.
    fn assignment(&self) -> Vec<TopicPartition>;

    /// The offset after the last record of each partition that was passed on; none for a partition that has delivered nothing.
    fn positions(&self) -> Vec<(TopicPartition, Offset)> {
        let ids = self.assignment();
        let mut list = list_of(&ids);
        // Those that the client does not know stay without an offset.
        let _ = find_positions(self.native(), &mut list);
        let position = |id: TopicPartition| match list.find_partition(&id.topic, id.partition.0)?.offset() {
            // At the end of its log a client may be one too far, see `native::Ends`.
            NativeOffset::Offset(raw) => Some((self.ended(&id).or(Offset::new(raw))?, id)),
            _ => None,
        };
        let position = |id| position(id).map(|(offset, id)| (id, offset));
        ids.into_iter().filter_map(position).collect()
    }

    /// Stops or goes on fetching some partitions. Records that are on their way may still arrive.
    fn set_paused(&self, partitions: &[TopicPartition], paused: bool) {
        let list = list_of(partitions);
        // The only failure is a partition that is not being read, which needs no pausing.
        let _ = if paused { self.native().pause(&list) } else { self.native().resume(&list) };
        if paused {
            return;
        }
        for id in partitions {
            // Where the client may be one too far, see `native::Ends`. It answers without the network.
            if let Some(end) = self.ended(id) {
                drop(self.native().seek(&id.topic, id.partition.0, NativeOffset::Offset(end.get()), SEEK));
            }
        }
    }

    /// Holds some partitions back, or lets them go on: records that arrive meanwhile wait inside the library, up to what it keeps of
    /// a partition. Cheaper than a pause, which throws away what has arrived, and takes that memory for each of them.
    fn set_held(&self, partitions: &[TopicPartition], held: bool);

    /// Whether a topic can still be read; `None` where nobody answers within `timeout`.
    fn presence(&self, topic: &str, timeout: Duration) -> Option<Presence> {
        presence(self.native(), topic, timeout)
    }

    /// Asks for a sign of life by way of a topic it knows; waits at most for `timeout`.
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
