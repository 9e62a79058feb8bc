//! `topic`: republishes records, in transactions.

/// `[topic]`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicSettings {}
