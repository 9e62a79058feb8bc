//! Many wait, one works for all: the batches of several workers become one transaction (group commit).

use std::{collections::VecDeque, sync::Arc};

use parking_lot::{Condvar, Mutex};

/// Jobs that are done together, by whichever thread comes first. Threads that come meanwhile wait for their answers; when
/// the one at work has its own, the first of those that still wait goes on.
pub(super) struct Gathering<J, A> {
    state: Mutex<State<J, A>>,
    /// The most that is done together, by weight; a single job may be heavier.
    most: usize,
}

struct State<J, A> {
    waiting: VecDeque<Arc<Seat<J, A>>>,
    /// Somebody is at work, or has been told to.
    busy: bool,
}

/// The place of one who waits.
struct Seat<J, A> {
    weight: usize,
    job: Mutex<Option<J>>,
    news: Mutex<News<A>>,
    bell: Condvar,
}

enum News<A> {
    None,
    /// It is this one's turn to work.
    YourTurn,
    Answer(A),
    /// Whoever was at work has panicked.
    Abandoned,
}

impl<J, A> Gathering<J, A> {
    pub(super) fn new(most: usize) -> Self {
        Self { state: Mutex::new(State { waiting: VecDeque::new(), busy: false }), most }
    }

    /// Has a job done. `work` gets jobs in the order of their arrival and gives an answer for each; it waits no longer than
    /// it takes to do what came before. `None`: the thread that did the job panicked.
    pub(super) fn submit(&self, job: J, weight: usize, work: impl FnOnce(Vec<J>) -> Vec<A>) -> Option<A> {
        let seat =
            Arc::new(Seat { weight, job: Mutex::new(Some(job)), news: Mutex::new(News::None), bell: Condvar::new() });
        let mut state = self.state.lock();
        state.waiting.push_back(Arc::clone(&seat));
        if std::mem::replace(&mut state.busy, true) {
            drop(state);
            match seat.wait() {
                News::Answer(answer) => return Some(answer),
                News::YourTurn => {}
                News::None | News::Abandoned => return None,
            }
        } else {
            drop(state);
        }
        // Whoever has the turn is the first in the line.
        let mut turn = Turn { gathering: self, seats: self.take() };
        let jobs = turn.seats.iter().filter_map(|seat| seat.job.lock().take()).collect();
        let mut own = None;
        for (at, answer) in work(jobs).into_iter().enumerate() {
            match (at, turn.seats.get(at)) {
                (0, _) => own = Some(answer),
                (_, Some(seat)) => seat.tell(News::Answer(answer)),
                (_, None) => {}
            }
        }
        turn.seats.clear();
        own
    }

    fn take(&self) -> Vec<Arc<Seat<J, A>>> {
        let mut state = self.state.lock();
        let (mut taken, mut weight) = (Vec::new(), 0);
        while let Some(seat) = state.waiting.front() {
            weight += seat.weight;
            if !taken.is_empty() && weight > self.most {
                break;
            }
            taken.extend(state.waiting.pop_front());
        }
        taken
    }
}

/// Passes the turn on, whatever happens.
struct Turn<'a, J, A> {
    gathering: &'a Gathering<J, A>,
    /// Who has had no answer.
    seats: Vec<Arc<Seat<J, A>>>,
}

impl<J, A> Drop for Turn<'_, J, A> {
    fn drop(&mut self) {
        for seat in &self.seats {
            seat.tell(News::Abandoned);
        }
        let mut state = self.gathering.state.lock();
        match state.waiting.front() {
            Some(next) => next.tell(News::YourTurn),
            None => state.busy = false,
        }
    }
}

impl<J, A> Seat<J, A> {
    fn tell(&self, news: News<A>) {
        *self.news.lock() = news;
        self.bell.notify_one();
    }

    fn wait(&self) -> News<A> {
        let mut news = self.news.lock();
        while matches!(*news, News::None) {
            self.bell.wait(&mut news);
        }
        std::mem::replace(&mut news, News::None)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    #[test]
    fn everybody_gets_the_answer_to_their_own_job_and_some_share_the_work() {
        let (gathering, rounds, inside) = (Gathering::new(8), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let (gathering, rounds, inside) = (&gathering, &rounds, &inside);
                scope.spawn(move || {
                    for n in 0..500 {
                        let job = thread * 1000 + n;
                        let answer = gathering.submit(job, 1 + (n % 3) as usize, |jobs| {
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
        assert!(!gathering.state.lock().busy);
    }

    #[test]
    fn a_panic_leaves_nobody_waiting() {
        let (gathering, begun) = (Gathering::new(100), std::sync::Barrier::new(2));
        let gathering = &gathering;
        std::thread::scope(|scope| {
            let begun = &begun;
            let first = scope.spawn(move || {
                gathering.submit(1, 1, |jobs| {
                    begun.wait();
                    // Until somebody waits.
                    while gathering.state.lock().waiting.is_empty() {
                        std::thread::yield_now();
                    }
                    jobs
                })
            });
            begun.wait();
            let second = scope.spawn(|| gathering.submit(2, 1, |_| panic!("planned")));
            assert_eq!(first.join().unwrap(), Some(1));
            assert!(second.join().is_err());
        });
        assert_eq!(gathering.submit(3, 1, |jobs| jobs), Some(3), "it goes on");
    }
}
