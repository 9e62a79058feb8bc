//! An append-only vector that many threads can read while it grows.

use std::ops::Index;

/// A vector that only grows. Reading takes no lock, and items never move.
#[derive(Debug)]
pub struct AppendOnlyVec<T>(boxcar::Vec<T>);

impl<T> AppendOnlyVec<T> {
    /// Appends an item and returns its index. Concurrent calls append in any order: if indices matter, only one thread
    /// may append, or the callers must hold a lock.
    pub fn push(&self, item: T) -> usize {
        self.0.push(item)
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.count()
    }

    /// Whether it has no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The item at an index, if it has been appended.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&T> {
        self.0.get(index)
    }

    /// The items, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, item)| item)
    }
}

impl<T> Default for AppendOnlyVec<T> {
    fn default() -> Self {
        Self(boxcar::Vec::new())
    }
}

impl<T> Index<usize> for AppendOnlyVec<T> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        &self.0[index]
    }
}

impl<T> FromIterator<T> for AppendOnlyVec<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}
