//! Separates the time of a commit from the other time of a handler.

use std::cell::RefCell;

/// Receives the beginning and the end of each commit of a worker's handler.
pub trait CommitClock {
    /// A commit begins.
    fn commit_begins(&self);
    /// The commit has ended.
    fn commit_ends(&self);
}

thread_local! {
    static CLOCK: RefCell<Option<Box<dyn CommitClock>>> = const { RefCell::new(None) };
}

/// Reports the commits of this thread to a clock.
pub fn report_commits_to(clock: Box<dyn CommitClock>) {
    CLOCK.set(Some(clock));
}

/// Runs a commit, or anything else that makes effects durable. Within [`Handler::handle`](super::Handler::handle) its
/// time is charged to `commit` instead of `handling`. A commit within a commit, and one on another thread than that of
/// the worker, is only run.
///
/// ```
/// # use std::io;
/// use kreplay_engine::handler::as_commit;
///
/// fn write(file: &std::fs::File) -> io::Result<()> {
///     as_commit(|| file.sync_data())
/// }
/// ```
pub fn as_commit<T>(commit: impl FnOnce() -> T) -> T {
    // The scope ends even if the commit panics.
    let _scope = CommitScope::begin();
    commit()
}

/// As [`as_commit`], for commits that are not one call: from the beginning of the scope until it is dropped.
#[must_use = "the commit ends when the scope is dropped"]
pub struct CommitScope(Option<Box<dyn CommitClock>>);

impl CommitScope {
    /// A commit begins.
    pub fn begin() -> Self {
        let clock = CLOCK.take();
        if let Some(clock) = &clock {
            clock.commit_begins();
        }
        Self(clock)
    }
}

impl Drop for CommitScope {
    fn drop(&mut self) {
        if let Some(clock) = self.0.take() {
            clock.commit_ends();
            CLOCK.set(Some(clock));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        rc::Rc,
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Rc<RefCell<Vec<&'static str>>>);

    impl CommitClock for Log {
        fn commit_begins(&self) {
            self.0.borrow_mut().push("begins");
        }

        fn commit_ends(&self) {
            self.0.borrow_mut().push("ends");
        }
    }

    #[test]
    fn the_outermost_commit_is_reported_even_if_it_panics() {
        let log = Log::default();
        report_commits_to(Box::new(log.clone()));
        assert_eq!(as_commit(|| as_commit(|| 7)), 7);
        assert_eq!(*log.0.borrow(), ["begins", "ends"]);
        assert!(catch_unwind(AssertUnwindSafe(|| as_commit(|| panic!("no space left")))).is_err());
        as_commit(|| ());
        assert_eq!(log.0.borrow().len(), 6);
    }

    #[test]
    fn a_commit_without_a_clock_is_only_run() {
        assert_eq!(as_commit(|| 7), 7);
    }
}
