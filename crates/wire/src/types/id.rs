//! Ids and epochs. Each is a type of its own, so that they cannot be confused.

use std::fmt;
use std::sync::Arc;

macro_rules! numbers {
    ($( $(#[$meta:meta])* $name:ident($number:ty); )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $number);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

numbers! {
    /// A broker's number, `node.id`.
    BrokerId(i32);
    /// The number of a group's state: it grows when members, subscriptions or the topics' partitions change.
    GroupEpoch(i32);
    /// The group epoch for which the target assignment was computed.
    AssignmentEpoch(i32);
    /// The group epoch that a member has reached.
    MemberEpoch(i32);
    /// The number of a topology of a streams group.
    TopologyEpoch(i32);
    /// The number of leaders that a partition has had.
    LeaderEpoch(i32);
    /// The broker's number for a producer.
    ProducerId(i64);
}

impl LeaderEpoch {
    /// An epoch as the protocol has it: `None` for a negative number.
    pub(crate) fn known(raw: i32) -> Option<Self> {
        (raw >= 0).then_some(Self(raw))
    }
}

macro_rules! names {
    ($( $(#[$meta:meta])* $name:ident; )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as a text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<T: Into<Arc<str>>> From<T> for $name {
            fn from(text: T) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    )*};
}

names! {
    /// The name of a group of any type. Cloning is cheap.
    GroupId;
    /// The name under which a producer keeps transactions across restarts. Cloning is cheap.
    TransactionalId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_leader_epoch_is_none() {
        assert_eq!(LeaderEpoch::known(-1), None);
        assert_eq!(LeaderEpoch::known(0), Some(LeaderEpoch(0)));
    }
}
