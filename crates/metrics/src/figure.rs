//! A metric together with the way to read it from what it describes.

use std::borrow::Cow;

use kreplay_model::feed::HandlingTimes;

use crate::{Family, label::Label, sample::Number};

/// What the series of one or more metrics describe: a group, a topic, a partition, a run.
pub(crate) struct Subject<'a, T> {
    /// The labels that identify it.
    pub(crate) labels: Vec<Label<'a>>,
    /// Where the figures are read from.
    pub(crate) of: &'a T,
    /// Whether only those parts of a set are exported that hold.
    pub(crate) is_brief: bool,
}

/// A metric of subjects of type `T`.
pub(crate) struct Figure<T> {
    pub(crate) family: Family,
    pub(crate) read: Read<T>,
}

/// One of several words, and whether it holds.
pub(crate) type Part<'a> = (Cow<'a, str>, bool);

/// A word, and how often it applies.
pub(crate) type Count<'a> = (Cow<'a, str>, u64);

/// How the series of a metric are read.
pub(crate) enum Read<T> {
    /// One series; absent if not known.
    One(fn(&T) -> Option<Number>),
    /// One series for each word that is possible, with this label.
    Parts(&'static str, fn(&T) -> Vec<Part<'_>>),
    /// One series for each word that is possible, with this label and its count.
    Counts(&'static str, fn(&T) -> Vec<Count<'_>>),
    /// One series for each item, with labels in addition to those of the subject.
    Items(fn(&T) -> Vec<Vec<Label<'_>>>),
    /// A histogram; absent if nothing was counted.
    Times(fn(&T) -> Option<HandlingTimes>),
}

impl<T> Figure<T> {
    /// The number of series that it has for a subject.
    pub(crate) fn series(&self, of: &T, is_brief: bool) -> u64 {
        match self.read {
            Read::One(read) => u64::from(read(of).is_some()),
            Read::Parts(_, read) => read(of).iter().filter(|(_, holds)| *holds || !is_brief).count() as u64,
            Read::Counts(_, read) => read(of).len() as u64,
            Read::Items(_) if is_brief => 0,
            Read::Items(read) => read(of).len() as u64,
            // Sum, count and the buckets.
            Read::Times(read) => read(of).map_or(0, |times| 2 + times.buckets().count() as u64),
        }
    }
}
