//! A worker's way into PostgreSQL: attempts until a batch is committed, or is for others to judge.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rand::RngExt as _;
use tokio::runtime::Runtime;

use super::{
    super::{
        batch::Batch,
        store::{Executed, Outcome, Session},
    },
    Shared, ask,
    held::{Notes, Owned},
    link::{Link, Trouble},
    todo::Todo,
    transaction::{Attempt, Failure},
    verdict::{Verdict, verdict},
};
use crate::{feed::EventKind, handler::Advice};

/// How often a batch is tried again at once where others were in the way.
const AGAIN: u32 = 20;
/// The longest wait between two such attempts.
const PAUSE: Duration = Duration::from_millis(200);
/// The pause between two attempts to connect.
const CONNECTING: Duration = Duration::from_millis(250);

/// A worker's connection. It is made with the first batch, and made anew where it is lost.
pub struct Writer {
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
    link: Option<Link>,
    /// The number that its transactions hold.
    alone: i64,
}

impl Writer {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, runtime: None, link: None, alone: rand::rng().random() }
    }
}

/// A batch on its way.
struct Course<'a> {
    shared: &'a Shared,
    batch: &'a Batch,
    owned: Vec<Owned>,
    todo: Todo,
    careful: bool,
    /// How often others were in the way.
    again: u32,
    /// Until when the database may be away.
    deadline: Instant,
    /// A transaction that may have been committed: what it was about, and what it did.
    unknown: Option<Notes>,
}

/// What comes next.
enum Next {
    Done(Vec<Executed>),
    /// Another attempt, after a pause.
    Again(Duration),
    /// The same with a new connection.
    Reconnect(Trouble),
    /// It is for others to judge: for this reason nothing of it was applied.
    Failed(String, Advice),
}

impl Session for Writer {
    fn apply(&mut self, batch: Batch) -> Outcome {
        let Self { shared, runtime, link, alone } = self;
        let runtime = match runtime {
            Some(runtime) => runtime,
            None => match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(new) => runtime.insert(new),
                Err(error) => return Outcome::failed(&batch, &format!("no connection: {error}"), Advice::Retry),
            },
        };
        let mut course = Course {
            shared,
            batch: &batch,
            owned: shared.held.owned(&batch),
            todo: Todo::of(&batch, &shared.held.has(&batch)),
            careful: false,
            again: 0,
            deadline: Instant::now() + shared.reconnect,
            unknown: None,
        };
        course.leave_out_unclaimed();
        loop {
            match runtime.block_on(course.attempt(link, *alone)) {
                Next::Done(executed) => {
                    let already_applied = course.todo.already();
                    return Outcome { failures: course.todo.into_failures(), executed, already_applied };
                }
                Next::Again(pause) => std::thread::sleep(pause),
                Next::Reconnect(trouble) => {
                    if link.take().is_some() {
                        let text = format!("lost the connection to {}: {}", shared.shown, trouble.sentence());
                        shared.events.push(EventKind::Warning { text });
                    }
                    if Instant::now() >= course.deadline {
                        return course.given_up(&trouble);
                    }
                    std::thread::sleep(CONNECTING);
                }
                Next::Failed(error, advice) => {
                    course.todo.fail_all(&error, advice);
                    return Outcome { failures: course.todo.into_failures(), ..Outcome::default() };
                }
            }
        }
    }
}

impl Course<'_> {
    async fn attempt(&mut self, link: &mut Option<Link>, alone: i64) -> Next {
        if self.todo.pending(0).is_empty() {
            return Next::Done(Vec::new());
        }
        let link = match link {
            Some(link) => link,
            None => match Link::open(&self.shared.place).await {
                Ok(new) => link.insert(new),
                Err(trouble) => return self.not_connected(trouble),
            },
        };
        if let Some(notes) = &self.unknown {
            match ask::is_noted(link, alone, &self.shared.place.definition.name, &self.owned, notes).await {
                Ok(true) => {
                    // What it did is known but for the number of rows.
                    self.shared.held.committed(notes);
                    return Next::Done(self.executed());
                }
                Ok(false) => self.unknown = None,
                Err(Trouble::Damaged) => return Next::Failed(Trouble::Damaged.sentence(), Advice::Stop),
                Err(trouble) => return Next::Reconnect(trouble),
            }
        }
        let drawings = self.shared.held.begin_drawing(self.owned.iter().map(|one| one.index), false);
        let attempt = Attempt {
            link,
            definition: &self.shared.place.definition,
            batch: self.batch,
            owned: &self.owned,
            alone,
            drawings: &drawings,
        };
        let result = attempt.run(&mut self.todo, self.careful).await;
        if result.is_ok() {
            self.shared.held.committed(&self.todo.notes(self.batch));
        }
        self.shared.held.end_drawing(&drawings, result.is_ok());
        let failure = match result {
            Ok(executed) => return Next::Done(executed),
            Err(failure) => failure,
        };
        if let Failure::Unknown(trouble) = failure {
            self.unknown = Some(self.todo.notes(self.batch));
            return Next::Reconnect(trouble);
        }
        if let Err(trouble) = link.roll_back().await {
            return Next::Reconnect(trouble);
        }
        self.judge(failure)
    }

    /// What was not claimed could not be noted.
    fn leave_out_unclaimed(&mut self) {
        let is_claimed = |index: u32| self.owned.iter().any(|one| one.index == index);
        let all = self.batch.records.iter().map(|record| record.partition);
        let unclaimed: Vec<u32> = all.filter(|index| !is_claimed(*index)).collect();
        if !unclaimed.is_empty() {
            let error = "the partition was not claimed; resume the run";
            self.todo.fail_partitions(self.batch, &unclaimed, error, Advice::Stop);
        }
    }

    /// After an attempt of which nothing is left.
    fn judge(&mut self, failure: Failure) -> Next {
        match failure {
            Failure::Record(error) if self.careful => Next::Failed(error, Advice::Retry),
            Failure::Record(_) => {
                self.careful = true;
                Next::Again(Duration::ZERO)
            }
            Failure::Fenced(lost) => {
                let error = "its partition was taken over by another owner, which the target obeys";
                self.todo.fail_partitions(self.batch, &lost, error, Advice::Fenced);
                self.owned.retain(|one| !lost.contains(&one.index));
                Next::Again(Duration::ZERO)
            }
            Failure::Unknown(trouble) => Next::Reconnect(trouble),
            Failure::Trouble(trouble) => {
                let verdict = match &trouble {
                    Trouble::Database(error) | Trouble::Statement(error, _) => verdict(error),
                    Trouble::Silent => return Next::Reconnect(trouble),
                    Trouble::Damaged => return Next::Failed(trouble.sentence(), Advice::Stop),
                };
                match verdict {
                    Verdict::Again if self.again < AGAIN => {
                        self.again += 1;
                        let longest = PAUSE.min(Duration::from_millis(1) * (1 << self.again.min(10)));
                        Next::Again(longest.mul_f64(rand::rng().random()))
                    }
                    Verdict::Stale if self.again < AGAIN => {
                        self.again += 1;
                        Next::Reconnect(trouble)
                    }
                    Verdict::Gone => Next::Reconnect(trouble),
                    Verdict::Broken => Next::Failed(trouble.sentence(), Advice::Stop),
                    Verdict::Record => Next::Failed(trouble.sentence(), Advice::Retry),
                    _ => Next::Failed(trouble.sentence(), Advice::Unable),
                }
            }
        }
    }

    fn not_connected(&self, trouble: Trouble) -> Next {
        match trouble.error() {
            Some(error) if verdict(error) == Verdict::Broken && self.unknown.is_none() => {
                Next::Failed(trouble.sentence(), Advice::Stop)
            }
            _ => Next::Reconnect(trouble),
        }
    }

    /// What was carried out, where only the outcome is known.
    fn executed(&self) -> Vec<Executed> {
        let mut executed = vec![Executed::default(); self.shared.place.definition.statements.len()];
        for (_, entry) in self.todo.pending(0) {
            for step in self.batch.steps(&self.batch.records[entry.record]) {
                executed[step.statement].times += 1;
            }
        }
        executed
    }

    /// The database was away for too long.
    fn given_up(mut self, trouble: &Trouble) -> Outcome {
        let waited = self.shared.reconnect.as_secs();
        let reason = format!("{} cannot be reached, for {waited} s: {}", self.shared.shown, trouble.sentence());
        let (error, advice) = match self.unknown {
            // Only the database knows; a record that is judged now could be both applied and given up.
            Some(_) => (
                format!("{reason}; whether the last transaction was committed will be seen when it answers"),
                Advice::Stop,
            ),
            None => (reason, Advice::Unable),
        };
        self.todo.fail_all(&error, advice);
        Outcome { failures: self.todo.into_failures(), ..Outcome::default() }
    }
}
