//! One attempt to apply a batch: one transaction, with everything sent before the first answer is waited for.
//!
//! Savepoints are only made where a record has failed: the whole is rolled back and done again, up to a savepoint before the
//! record that fails, which then is left out with the rest of its run.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use tokio_postgres::{
    Error, Row,
    error::{Severity, SqlState},
    types::ToSql,
};

use super::{
    super::{
        applied::OffsetSet,
        batch::{Batch, Step},
        definition::Definition,
        store::Executed,
    },
    held::{Drawing, Note, Notes, Owned},
    link::{Link, Trouble, bounded},
    many::{Group, Piece, grouped},
    parameter::Parameter,
    todo::{Entry, Todo},
    verdict::{Verdict, sentence, verdict},
};
use crate::handler::Advice;

/// Why an attempt came to nothing. Unless it says otherwise, nothing of it is in the database.
#[derive(Debug)]
pub enum Failure {
    /// A record stands against it, or what is checked at the end: it has to be done with savepoints.
    Record(String),
    /// Somebody else has taken partitions over.
    Fenced(Vec<u32>),
    /// The database does.
    Trouble(Trouble),
    /// The end of the transaction was asked for, and no answer came.
    Unknown(Trouble),
}

impl<T: Into<Trouble>> From<T> for Failure {
    fn from(trouble: T) -> Self {
        Self::Trouble(trouble.into())
    }
}

/// A request that was sent before earlier ones were answered.
struct Sent<'a, T> {
    future: Pin<Box<dyn Future<Output = Result<T, Error>> + 'a>>,
    answer: Option<Result<T, Error>>,
}

/// Sends a request. The client hands it on when it is polled for the first time.
async fn send<'a, T>(future: impl Future<Output = Result<T, Error>> + 'a) -> Sent<'a, T> {
    let mut future: Pin<Box<dyn Future<Output = Result<T, Error>> + 'a>> = Box::pin(future);
    let answer = poll_fn(|context: &mut Context<'_>| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        })
    })
    .await;
    Sent { future, answer }
}

impl<T> Sent<'_, T> {
    async fn answer(self) -> Result<T, Trouble> {
        match self.answer {
            Some(answer) => Ok(answer?),
            None => bounded(self.future).await,
        }
    }
}

/// A statement on its way.
struct SentStep<'a> {
    /// The first record in it: which of those that are to be applied.
    at: usize,
    statement: usize,
    /// How many records are in it, and how many rows it has.
    records: u32,
    rows: usize,
    sent: Sent<'a, u64>,
}

/// What a transaction is about.
pub struct Attempt<'a> {
    pub link: &'a Link,
    pub definition: &'a Definition,
    pub batch: &'a Batch,
    pub owned: &'a [Owned],
    /// The number that this worker's transactions hold.
    pub alone: i64,
    pub drawings: &'a [Drawing],
}

/// The first failure among records: which of them, by its place among those that were sent.
type Failed = (usize, Trouble);

impl Attempt<'_> {
    /// Applies what is to be done. After `Ok` it is committed; records that failed are out of `todo`.
    pub async fn run(&self, todo: &mut Todo, careful: bool) -> Result<Vec<Executed>, Failure> {
        let client = self.link.client();
        let begin_text = self.link.begin_alone(self.alone);
        let begin = send(client.batch_execute(&begin_text)).await;
        let (topics, partitions) = names(self.owned.iter());
        let owners: Vec<i64> = self.owned.iter().map(|one| one.owner).collect();
        let projection = &self.definition.name;
        let mine: [&(dyn ToSql + Sync); 4] = [projection, &topics, &partitions, &owners];
        let fence = send(self.link.fence.query(client, &mine)).await;
        // With savepoints, only what is known to be ours is touched.
        let pending: Vec<Entry> = todo.pending(0).into_iter().map(|(_, entry)| entry).collect();
        let steps = if careful { Vec::new() } else { self.send_steps(&pending, true).await };
        // What is to be drawn together has to be read first.
        let notes = Some(todo.notes(self.batch)).filter(|_| !careful && self.drawings.is_empty());
        let writing = match &notes {
            Some(applied) => Some(send(self.write_notes(applied)).await),
            None => None,
        };
        begin.answer().await?;
        self.check_fence(&fence.answer().await?)?;
        let executed = if careful {
            bounded(client.batch_execute("SET CONSTRAINTS ALL IMMEDIATE")).await?;
            self.carefully(todo).await?
        } else {
            match self.answers(steps).await {
                Ok(executed) => executed,
                Err((at, trouble)) => return Err(self.judged(pending.get(at).copied(), trouble)),
            }
        };
        match writing {
            Some(sent) => {
                sent.answer().await?;
            }
            None => self.note(todo.notes(self.batch)).await?,
        }
        self.commit().await?;
        Ok(executed)
    }

    /// Moves the positions of partitions that are still ours, and draws all their notes together.
    pub async fn write_positions(&self) -> Result<(), Trouble> {
        let client = self.link.client();
        bounded(client.batch_execute(self.link.connection.begin())).await?;
        let (topics, partitions) = names(self.owned.iter());
        let owners: Vec<i64> = self.owned.iter().map(|one| one.owner).collect();
        let mine: [&(dyn ToSql + Sync); 4] = [&self.definition.name, &topics, &partitions, &owners];
        let held = bounded(self.link.fence.query(client, &mine)).await?;
        let ours: Vec<Owned> = self.owned.iter().filter(|one| is_held(&held, one)).cloned().collect();
        let ours = Attempt { owned: &ours, ..*self };
        ours.note(Notes::new()).await?;
        bounded(client.batch_execute("COMMIT")).await
    }

    fn check_fence(&self, held: &[Row]) -> Result<(), Failure> {
        if held.len() == self.owned.len() {
            return Ok(());
        }
        let lost = self.owned.iter().filter(|one| !is_held(held, one)).map(|one| one.index).collect();
        Err(Failure::Fenced(lost))
    }

    /// Sends the statements of records. `together` says whether rows of several records may go in one.
    async fn send_steps<'b>(&'b self, entries: &[Entry], together: bool) -> Vec<SentStep<'b>> {
        let link = self.link;
        let many = |statement: usize| link.steps[statement].many.as_ref().ok().filter(|many| together && many.is_on());
        let pieces = grouped(self.batch, entries, many);
        let mut sent = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let one = match piece {
                Piece::One(at, row) => {
                    let future = self.send_one(row.step);
                    SentStep {
                        at,
                        statement: row.step.statement,
                        records: row.records,
                        rows: 1,
                        sent: send(future).await,
                    }
                }
                Piece::Group(group) => {
                    let (at, statement, rows) = (group.at, group.statement, group.rows.len());
                    let records = group.rows.iter().map(|row| row.records).sum();
                    SentStep { at, statement, records, rows, sent: send(self.send_group(group)).await }
                }
            };
            let refused = one.sent.answer.as_ref().is_some_and(Result::is_err);
            sent.push(one);
            if refused {
                break;
            }
        }
        sent
    }

    async fn send_one(&self, step: &Step) -> Result<u64, Error> {
        let ready = &self.link.steps[step.statement];
        let values = self.batch.values(step);
        let parameter = |at: &usize| values.get(*at).map(|value| Parameter { batch: self.batch, value });
        ready.one.carry_out(self.link.client(), ready.parameters.iter().filter_map(parameter).collect()).await
    }

    async fn send_group(&self, group: Group<'_>) -> Result<u64, Error> {
        match &self.link.steps[group.statement].many {
            Ok(many) => many.carry_out(self.link.client(), self.batch, &group).await,
            // It is grouped by it.
            Err(_) => Ok(0),
        }
    }

    async fn answers(&self, sent: Vec<SentStep<'_>>) -> Result<Vec<Executed>, Failed> {
        let mut executed = vec![Executed::default(); self.definition.statements.len()];
        for SentStep { at, statement, records, rows, sent } in sent {
            let changed = sent.answer().await.map_err(|trouble| {
                self.learn(statement, rows, &trouble);
                (at, trouble)
            })?;
            executed[statement].times += u64::from(records);
            // Each of those whose row was taken over by a later one would have changed it.
            executed[statement].rows += changed + u64::from(records) - rows as u64;
        }
        Ok(executed)
    }

    /// Two values that look different may be one key to the server, such as 1.0 and 1.00.
    fn learn(&self, statement: usize, rows: usize, trouble: &Trouble) {
        let touches_twice = trouble.error().and_then(Error::code) == Some(&SqlState::CARDINALITY_VIOLATION);
        if let (true, Ok(many)) = (touches_twice && rows > 1, &self.link.steps[statement].many) {
            many.turn_off();
        }
    }

    async fn steps(&self, entries: &[Entry]) -> Result<Vec<Executed>, Failed> {
        let sent = self.send_steps(entries, false).await;
        self.answers(sent).await
    }

    /// Goes from failure to failure; each takes at least one record out.
    async fn carefully(&self, todo: &mut Todo) -> Result<Vec<Executed>, Failure> {
        let client = self.link.client();
        let mut executed = vec![Executed::default(); self.definition.statements.len()];
        // Where much fails, little is sent behind what may fail.
        let (mut from, mut at_once) = (0, usize::MAX);
        loop {
            let (places, entries): (Vec<usize>, Vec<Entry>) = todo.pending(from).into_iter().take(at_once).unzip();
            let Some(last) = places.last() else { return Ok(executed) };
            bounded(client.batch_execute("SAVEPOINT kreplay")).await?;
            match self.steps(&entries).await {
                Ok(more) => {
                    add(&mut executed, &more);
                    (from, at_once) = (last + 1, at_once.saturating_mul(2));
                }
                Err((at, trouble)) => {
                    self.leave_out(todo, entries[at], trouble)?;
                    bounded(client.batch_execute("ROLLBACK TO SAVEPOINT kreplay")).await?;
                    at_once = (entries.len() / 2).max(1);
                    // What is before it went well, so that it will again.
                    match self.steps(&entries[..at]).await {
                        Ok(more) => {
                            add(&mut executed, &more);
                            from = places[at] + 1;
                        }
                        Err((at, trouble)) => {
                            self.leave_out(todo, entries[at], trouble)?;
                            bounded(client.batch_execute("ROLLBACK TO SAVEPOINT kreplay")).await?;
                        }
                    }
                }
            }
            bounded(client.batch_execute("RELEASE SAVEPOINT kreplay")).await?;
        }
    }

    fn leave_out(&self, todo: &mut Todo, entry: Entry, trouble: Trouble) -> Result<(), Failure> {
        match self.judged(Some(entry), trouble) {
            Failure::Record(error) => {
                todo.fail(entry, error, Advice::Retry);
                Ok(())
            }
            other => Err(other),
        }
    }

    fn judged(&self, entry: Option<Entry>, trouble: Trouble) -> Failure {
        let Some(error) = trouble.error() else { return trouble.into() };
        if verdict(error) != Verdict::Record {
            return trouble.into();
        }
        let steps = entry.map(|entry| self.batch.steps(&self.batch.records[entry.record]));
        // With several statements it is open which of them it was.
        let line = match steps {
            Some([only]) => self.definition.statements[only.statement].line,
            _ => 0,
        };
        let place = if line == 0 { String::new() } else { format!(" (statement of line {line})") };
        Failure::Record(sentence(error) + &place)
    }

    /// Notes what is applied, and draws earlier notes together.
    async fn note(&self, mut notes: Notes) -> Result<(), Trouble> {
        let client = self.link.client();
        let projection = &self.definition.name;
        let drawn: Vec<&Owned> =
            self.drawings.iter().filter_map(|it| self.owned.iter().find(|one| one.index == it.index)).collect();
        if !drawn.is_empty() {
            let (topics, partitions) = names(drawn.iter().copied());
            let rows = bounded(self.link.draw.query(client, &[projection, &topics, &partitions])).await?;
            for row in rows {
                let (topic, partition): (&str, i32) = (row.try_get(0)?, row.try_get(1)?);
                let Some(one) = drawn.iter().find(|one| &*one.id.topic == topic && one.id.partition.0 == partition)
                else {
                    continue;
                };
                let offsets: &[u8] = row.try_get(2)?;
                let (records, digest): (i64, i64) = (row.try_get(3)?, row.try_get(4)?);
                let offsets = OffsetSet::decode(offsets).ok_or(Trouble::Damaged)?;
                notes.entry(one.index).or_default().merge(&Note { offsets, records, digest: digest.cast_unsigned() });
            }
        }
        for drawing in self.drawings {
            if let (Some(position), Some(note)) = (drawing.position, notes.get_mut(&drawing.index)) {
                note.offsets.prune(position);
            }
        }
        bounded(self.write_notes(&notes)).await?;
        let moved: Vec<(&Owned, i64)> = self
            .drawings
            .iter()
            .filter_map(|it| Some((self.owned.iter().find(|one| one.index == it.index)?, it.position?)))
            .collect();
        if !moved.is_empty() {
            let (topics, partitions) = names(moved.iter().map(|(one, _)| *one));
            let positions: Vec<i64> = moved.iter().map(|(_, position)| *position).collect();
            bounded(self.link.position.execute(client, &[projection, &topics, &partitions, &positions])).await?;
        }
        Ok(())
    }

    async fn write_notes(&self, notes: &Notes) -> Result<u64, Error> {
        let written: Vec<(&Owned, &Note)> =
            self.owned.iter().filter_map(|one| Some((one, notes.get(&one.index)?))).collect();
        let (topics, partitions) = names(written.iter().map(|(one, _)| *one));
        let offsets: Vec<Vec<u8>> = written.iter().map(|(_, note)| note.offsets.encode()).collect();
        let records: Vec<i64> = written.iter().map(|(_, note)| note.records).collect();
        let digests: Vec<i64> = written.iter().map(|(_, note)| note.digest.cast_signed()).collect();
        let values: [&(dyn ToSql + Sync); 6] =
            [&self.definition.name, &topics, &partitions, &offsets, &records, &digests];
        self.link.note.execute(self.link.client(), &values).await
    }

    /// Sent alone: only whoever holds its number can be in this state, which is how its outcome is found out.
    async fn commit(&self) -> Result<(), Failure> {
        match bounded(self.link.client().batch_execute("COMMIT")).await {
            Ok(()) => Ok(()),
            Err(Trouble::Database(error)) if is_refused(&error) => match verdict(&error) {
                // What is checked at the end names no record.
                Verdict::Record => Err(Failure::Record(sentence(&error))),
                _ => Err(error.into()),
            },
            Err(trouble) => Err(Failure::Unknown(trouble)),
        }
    }
}

/// Whether a server that still answers has refused it.
fn is_refused(error: &Error) -> bool {
    error.as_db_error().is_some_and(|error| {
        error.parsed_severity().is_some_and(|severity| severity == Severity::Error)
            && !matches!(error.code().code().get(..2), Some("08" | "57" | "58" | "XX"))
    })
}

fn is_held(held: &[Row], one: &Owned) -> bool {
    held.iter().any(|row| {
        row.try_get::<_, &str>(0).is_ok_and(|topic| topic == &*one.id.topic)
            && row.try_get::<_, i32>(1).is_ok_and(|partition| partition == one.id.partition.0)
    })
}

/// Topics and partitions as parameters.
pub fn names<'a>(owned: impl Iterator<Item = &'a Owned>) -> (Vec<&'a str>, Vec<i32>) {
    owned.map(|one| (&*one.id.topic, one.id.partition.0)).unzip()
}

fn add(executed: &mut [Executed], more: &[Executed]) {
    for (one, more) in executed.iter_mut().zip(more) {
        one.times += more.times;
        one.rows += more.rows;
    }
}
