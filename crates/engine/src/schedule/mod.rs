//! The rules that a run follows and a prediction repeats: which lane is taken next, which member owns a partition,
//! which group a key belongs to. No clock, no I/O, no threads.

mod assignor;
mod key_groups;
mod ready_queue;

pub use assignor::assign;
pub use key_groups::KeyGroups;
pub use ready_queue::ReadyQueues;
