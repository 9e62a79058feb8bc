//! A list that grows while many threads read it.

use std::ops::Index;

/// A list that only grows. Reading takes no lock, and what is in it stays where it is.
#[derive(Debug)]
pub struct Growing<T>(boxcar::Vec<T>);

impl<T> Growing<T> {
    /// Appends an item and returns its place. Where places matter, appending is one thread's task, or done under a lock.
    pub fn push(&self, item: T) -> usize {
        self.0.push(item)
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The item at a place, if it is there already.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&T> {
        self.0.get(place)
    }

    /// The items in their order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, item)| item)
    }
}

impl<T> Default for Growing<T> {
    fn default() -> Self {
        Self(boxcar::Vec::new())
    }
}

impl<T> Index<usize> for Growing<T> {
    type Output = T;

    fn index(&self, place: usize) -> &T {
        &self.0[place]
    }
}

impl<T> FromIterator<T> for Growing<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}
