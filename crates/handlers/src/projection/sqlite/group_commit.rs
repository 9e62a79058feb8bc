//! Group commit: the batches of several workers are applied in one transaction.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::{Condvar, Mutex};

/// Executes jobs of several threads together. The thread that submits a job while none is executed becomes the leader
/// and executes all waiting jobs. Threads that submit jobs meanwhile wait. When the leader has its answer, the first of
/// the threads that still wait becomes the leader.
pub(super) struct GroupCommit<J, A> {
    state: Mutex<QueueState<J, A>>,
    /// The maximum weight that is executed together; a single job may be heavier.
    max_weight: usize,
}

struct QueueState<J, A> {
    waiting: VecDeque<Arc<WaitingJob<J, A>>>,
    /// Whether a thread is the leader, or has been signalled to become it.
    has_leader: bool,
}

/// A submitted job whose thread waits.
struct WaitingJob<J, A> {
    weight: usize,
    job: Mutex<Option<J>>,
    signal: Mutex<Signal<A>>,
    condvar: Condvar,
}

enum Signal<A> {
    None,
    /// The thread becomes the leader.
    Lead,
    Answer(A),
    /// The leader has panicked.
    LeaderPanicked,
}

impl<J, A> GroupCommit<J, A> {
    pub(super) fn new(max_weight: usize) -> Self {
        Self { state: Mutex::new(QueueState { waiting: VecDeque::new(), has_leader: false }), max_weight }
    }

    /// Has a job executed and returns its answer. `work` gets jobs in the order of their submission and returns an
    /// answer for each. Blocks no longer than it takes to execute the jobs before it and its own. Returns `None` if the
    /// leader panicked.
    pub(super) fn submit(&self, job: J, weight: usize, work: impl FnOnce(Vec<J>) -> Vec<A>) -> Option<A> {
        let own_job = Arc::new(WaitingJob {
            weight,
            job: Mutex::new(Some(job)),
            signal: Mutex::new(Signal::None),
            condvar: Condvar::new(),
        });
        let mut state = self.state.lock();
        state.waiting.push_back(Arc::clone(&own_job));
        if std::mem::replace(&mut state.has_leader, true) {
            drop(state);
            match own_job.wait() {
                Signal::Answer(answer) => return Some(answer),
                Signal::Lead => {}
                Signal::None | Signal::LeaderPanicked => return None,
            }
        } else {
            drop(state);
        }
        // The leader's own job is the first in the queue.
        let mut turn = LeaderTurn { group_commit: self, unanswered: self.take_jobs() };
        let jobs = turn.unanswered.iter().filter_map(|waiting| waiting.job.lock().take()).collect();
        let mut own = None;
        for (at, answer) in work(jobs).into_iter().enumerate() {
            match (at, turn.unanswered.get(at)) {
                (0, _) => own = Some(answer),
                (_, Some(waiting)) => waiting.notify(Signal::Answer(answer)),
                (_, None) => {}
            }
        }
        turn.unanswered.clear();
        own
    }

    /// Removes jobs from the queue, up to the maximum weight.
    fn take_jobs(&self) -> Vec<Arc<WaitingJob<J, A>>> {
        let mut state = self.state.lock();
        let (mut taken, mut weight) = (Vec::new(), 0);
        while let Some(waiting) = state.waiting.front() {
            weight += waiting.weight;
            if !taken.is_empty() && weight > self.max_weight {
                break;
            }
            taken.extend(state.waiting.pop_front());
        }
        taken
    }
}

/// The leader's turn. When it is dropped, the next thread becomes the leader, also after a panic.
struct LeaderTurn<'a, J, A> {
    group_commit: &'a GroupCommit<J, A>,
    /// The jobs without an answer.
    unanswered: Vec<Arc<WaitingJob<J, A>>>,
}

impl<J, A> Drop for LeaderTurn<'_, J, A> {
    fn drop(&mut self) {
        for waiting in &self.unanswered {
            waiting.notify(Signal::LeaderPanicked);
        }
        let mut state = self.group_commit.state.lock();
        match state.waiting.front() {
            Some(next) => next.notify(Signal::Lead),
            None => state.has_leader = false,
        }
    }
}

impl<J, A> WaitingJob<J, A> {
    fn notify(&self, signal: Signal<A>) {
        *self.signal.lock() = signal;
        self.condvar.notify_one();
    }

    fn wait(&self) -> Signal<A> {
        let mut signal = self.signal.lock();
        while matches!(*signal, Signal::None) {
            self.condvar.wait(&mut signal);
        }
        std::mem::replace(&mut signal, Signal::None)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    #[test]
    fn each_thread_gets_the_answer_to_its_own_job() {
        let (group_commit, rounds, inside) = (GroupCommit::new(8), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let (group_commit, rounds, inside) = (&group_commit, &rounds, &inside);
                scope.spawn(move || {
                    for n in 0..500 {
                        let job = thread * 1000 + n;
                        let answer = group_commit.submit(job, 1 + (n % 3) as usize, |jobs| {
                            assert_eq!(inside.fetch_add(1, Relaxed), 0, "one at a time");
                            rounds.fetch_add(1, Relaxed);
                            std::thread::yield_now();
                            inside.fetch_sub(1, Relaxed);
                            jobs.iter().map(|job| job * 2).collect()
                        });
                        assert_eq!(answer, Some(job * 2));
                    }
                });
            }
        });
        assert!(rounds.into_inner() <= 4000);
        assert!(!group_commit.state.lock().has_leader);
    }

    #[test]
    fn a_panic_leaves_no_thread_waiting() {
        let (group_commit, begun) = (GroupCommit::new(100), std::sync::Barrier::new(2));
        let group_commit = &group_commit;
        std::thread::scope(|scope| {
            let begun = &begun;
            let first = scope.spawn(move || {
                group_commit.submit(1, 1, |jobs| {
                    begun.wait();
                    // Wait until another thread waits.
                    while group_commit.state.lock().waiting.is_empty() {
                        std::thread::yield_now();
                    }
                    jobs
                })
            });
            begun.wait();
            let second = scope.spawn(|| group_commit.submit(2, 1, |_| panic!("planned")));
            assert_eq!(first.join().unwrap(), Some(1));
            assert!(second.join().is_err());
        });
        assert_eq!(group_commit.submit(3, 1, |jobs| jobs), Some(3), "later jobs are executed");
    }
}
