//! Consumers: one that reads partitions it was told to, without any group, and one that is a member of a group.
//! Both deliver into a queue that is read in batches.

mod member;
mod offsets;
mod reader;

pub use member::{GroupProtocol, Member, MemberConfig, Membership, StartAt};
pub use reader::Reader;

pub use super::native::{Fetched, RawRecord};
pub(super) use member::rebalance;
pub(super) use offsets::{check_committed, tell_failure};

use rdkafka::TopicPartitionList;

use crate::domain::TopicPartition;

fn list_of<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for id in partitions {
        list.add_partition(&id.topic, id.partition.0);
    }
    list
}
