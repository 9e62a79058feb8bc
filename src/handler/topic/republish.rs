//! The handler: a batch is one transaction, which carries the positions of its partitions.
//!
//! What one record is to blame for must not keep the others back: a transaction with such a record is aborted, and made again
//! without it and what comes after it in its lane. How the record is found is `kafka::producer::attempt`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    ledger::{Held, Hitch, Ledger, Mark},
    outgoing::{Outgoing, Router},
    pool::{Lease, Pool},
    settings::Timeouts,
    targets::Misrouted,
    work::{At, Work},
};
use crate::{
    domain::Header,
    feed::EventLog,
    handler::{Advice, Handler, LaneFailure, LaneRun},
    kafka::producer::{Attempt, BatchProducer, NotSent, Refusal, TransactionError, Verdict, attempt},
};

/// Beyond its delivery timeout no record is on its way for long.
const AFTER_DELIVERY: Duration = Duration::from_secs(5);
/// So often a batch is begun anew for reasons that are nobody's fault; then the run decides what becomes of it.
const ATTEMPTS: u32 = 4;
/// The wait before that.
const AGAIN: Duration = Duration::from_millis(50);

/// What the handlers of a run share.
pub(super) struct Republisher {
    pub(super) router: Router,
    pub(super) pool: Pool,
    pub(super) timeouts: Timeouts,
    /// Where positions are kept, with transactions.
    pub(super) ledger: Option<Ledger>,
    /// Whether another run may have the same ids for its transactions.
    pub(super) shared_ids: bool,
    pub(super) events: EventLog,
    pub(super) stopped: AtomicBool,
}

/// The handler of one worker.
pub(super) struct TopicHandler(pub(super) Arc<Republisher>);

impl Handler for TopicHandler {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let mut work = Work::all_of(batch);
        self.0.handle(batch, &mut work);
        work.failures()
    }
}

/// Why an attempt at a batch has ended.
enum Ended {
    /// It is done, with all that is left.
    Done,
    /// It is to be made again at once, since something about what is left has changed.
    Changed,
    /// Records were refused, perhaps in the place of another one: the first so many are to be sent by themselves.
    Crowded(usize),
    /// Nobody's fault.
    Passing(String),
    /// Nothing can be republished any more.
    Stop(String),
}

impl Republisher {
    fn handle(&self, batch: &[LaneRun], work: &mut Work) {
        if let Some(trap) = self.router.targets.trap() {
            return work.fail_all(&trap, Advice::Stop);
        }
        let outgoing = self.route(batch, work);
        for (lane, outgoing) in batch.iter().zip(&outgoing) {
            self.router.targets.warn_of_timestamps(&lane.records, outgoing, &self.events);
        }
        let (mut attempts, mut singly) = (0, 0);
        while work.len() > 0 {
            let ended = match &self.ledger {
                Some(ledger) => self.transact(ledger, batch, &outgoing, work, singly),
                None => self.send_plainly(batch, &outgoing, work, singly),
            };
            singly = 0;
            match ended {
                Ended::Done => work.done(),
                Ended::Changed => {}
                Ended::Crowded(count) => singly = count,
                Ended::Stop(error) => work.fail_all(&error, Advice::Stop),
                Ended::Passing(error) => {
                    attempts += 1;
                    if attempts == ATTEMPTS || self.stopped.load(Relaxed) {
                        work.fail_all(&error, Advice::Retry);
                    } else {
                        std::thread::sleep(AGAIN);
                    }
                }
            }
        }
    }

    /// Where the records go; those that go nowhere have failed. In the order of the batch.
    fn route<'a>(&self, batch: &'a [LaneRun], work: &mut Work) -> Vec<Vec<Outgoing<'a>>> {
        let mut routed = Vec::with_capacity(batch.len());
        for (run, lane) in batch.iter().enumerate() {
            let mut outgoing = Vec::with_capacity(lane.records.len());
            for (index, record) in lane.records.iter().enumerate() {
                match self.router.route(record) {
                    Ok(one) => outgoing.push(one),
                    Err(misrouted) => {
                        work.fail((run, index), misrouted);
                        break;
                    }
                }
            }
            routed.push(outgoing);
        }
        routed
    }

    fn lease(&self) -> Result<Lease<'_>, Ended> {
        self.pool.take(self.timeouts.transaction * 2).map_err(|error| {
            if error.is_final() { Ended::Stop(error.to_string()) } else { Ended::Passing(error.to_string()) }
        })
    }

    /// One attempt, in a transaction.
    fn transact(
        &self,
        ledger: &Ledger,
        batch: &[LaneRun],
        outgoing: &[Vec<Outgoing<'_>>],
        work: &mut Work,
        singly: usize,
    ) -> Ended {
        let record = |(run, index): At| &batch[run].records[index];
        let mut held = ledger.hold(work.left().map(|at| record(at).partition).collect());
        if let Err(error) = ledger.resolve(&mut held, &self.pool) {
            return Ended::Passing(format!("it is not known whether the last transaction was committed: {error}"));
        }
        // What is there already is not sent again; what was taken away belongs to another.
        let mut is_over = |at: &At| {
            let place = held.place(record(*at).partition);
            let there = place.is_some_and(|place| place.committed.is_some_and(|next| record(*at).offset < next));
            there || ledger.is_stale(record(*at))
        };
        let over: Vec<At> = work.left().filter(|at| is_over(at)).collect();
        if !over.is_empty() {
            for at in over {
                work.done_to(at);
            }
            return Ended::Changed;
        }
        let mut marks: Vec<Mark> = Vec::new();
        for at in work.left() {
            let record = record(at);
            let mark = Mark { partition: record.partition, epoch: record.epoch, next: record.offset + 1 };
            match marks.iter_mut().find(|known| known.partition == mark.partition) {
                Some(known) => known.next = known.next.max(mark.next),
                None => marks.push(mark),
            }
        }
        let lease = match self.lease() {
            Ok(lease) => lease,
            Err(ended) => return ended,
        };
        let Some(producer) = lease.get() else { return Ended::Passing("there is no producer".into()) };
        if let Err(error) = producer.begin() {
            return self.end(ledger, lease, &mut held, &marks, error);
        }
        let at: Vec<At> = work.left().collect();
        match self.send(&lease, batch, outgoing, &at, singly) {
            Attempt::All => {}
            Attempt::Not(refused) => {
                let error = TransactionError::Abort("records were refused".into());
                return match self.end(ledger, lease, &mut held, &marks, error) {
                    Ended::Passing(_) => self.blame(work, batch, outgoing, &at, refused, singly),
                    other => other,
                };
            }
            Attempt::Unknown(error) => {
                return self.end(ledger, lease, &mut held, &marks, TransactionError::Abort(error));
            }
        }
        match ledger.carry(producer, &marks, self.timeouts.transaction) {
            Ok(()) => {}
            Err(Hitch::TakenAway) => {
                let error = TransactionError::Abort("its partition was taken away".into());
                return self.end(ledger, lease, &mut held, &marks, error);
            }
            Err(Hitch::Transaction(error)) => return self.end(ledger, lease, &mut held, &marks, error),
        }
        if let Err(error) = producer.commit(self.timeouts.transaction) {
            return self.end(ledger, lease, &mut held, &marks, error);
        }
        held.committed(&marks);
        count(outgoing, &at);
        Ended::Done
    }

    /// Ends a transaction that did not come to its commit.
    fn end(
        &self,
        ledger: &Ledger,
        lease: Lease<'_>,
        held: &mut Held<'_>,
        marks: &[Mark],
        error: TransactionError,
    ) -> Ended {
        let text = error.to_string();
        let error = match error {
            TransactionError::Abort(_) => match lease.get().map(|one| one.abort(self.timeouts.transaction)) {
                Some(Ok(())) => return Ended::Passing(text),
                Some(Err(worse)) => worse,
                None => TransactionError::Broken(text.clone()),
            },
            other => other,
        };
        let slot = lease.slot;
        lease.discard();
        match error {
            TransactionError::Refused(_) => Ended::Stop(text),
            // To take the id back could be to take it from another run, which stands elsewhere by now.
            _ if self.shared_ids => Ended::Stop(format!(
                "another run has taken the positions in group {} over, or the broker has given a transaction up after \
                 transaction.timeout.ms: {error}; nothing is lost, and a run with the same topic.position_group goes on from \
                 there",
                ledger.group()
            )),
            _ => {
                held.doubt(marks, slot);
                Ended::Passing(text)
            }
        }
    }

    /// One attempt without a transaction: what the broker has is done.
    fn send_plainly(&self, batch: &[LaneRun], outgoing: &[Vec<Outgoing<'_>>], work: &mut Work, singly: usize) -> Ended {
        let lease = match self.lease() {
            Ok(lease) => lease,
            Err(ended) => return ended,
        };
        let at: Vec<At> = work.left().collect();
        match self.send(&lease, batch, outgoing, &at, singly) {
            Attempt::All => {
                count(outgoing, &at);
                Ended::Done
            }
            Attempt::Unknown(error) => {
                // What is still on its way must not arrive between later records.
                lease.discard();
                Ended::Passing(error)
            }
            Attempt::Not(refused) => {
                if lease.get().is_some_and(BatchProducer::is_spent) {
                    lease.discard();
                }
                // Up to the first that was refused of each run they are there; what came after it is sent again.
                let mut ended = vec![false; batch.len()];
                let mut there = Vec::new();
                for (number, at) in at.iter().enumerate() {
                    ended[at.0] |= !refused.is_there(number);
                    if !ended[at.0] {
                        there.push(*at);
                    }
                }
                count(outgoing, &there);
                let verdict = self.blame(work, batch, outgoing, &at, refused, singly);
                for at in there {
                    work.done_to(at);
                }
                verdict
            }
        }
    }

    /// Sends records and waits for their fate.
    fn send(
        &self,
        lease: &Lease<'_>,
        batch: &[LaneRun],
        outgoing: &[Vec<Outgoing<'_>>],
        at: &[At],
        singly: usize,
    ) -> Attempt {
        let Some(producer) = lease.get() else { return Attempt::Unknown("there is no producer".into()) };
        let within = self.timeouts.delivery + AFTER_DELIVERY;
        let mut headers: Vec<Header<'_>> = Vec::new();
        attempt(producer, at.len(), singly, within, |number| {
            let (run, index) = at[number];
            let record = &batch[run].records[index];
            headers.clear();
            headers.extend(record.headers());
            producer.send(outgoing[run][index].for_producer(record, &headers), number)
        })
    }

    /// Who is to blame for refused records.
    fn blame(
        &self,
        work: &mut Work,
        batch: &[LaneRun],
        outgoing: &[Vec<Outgoing<'_>>],
        at: &[At],
        refused: NotSent,
        singly: usize,
    ) -> Ended {
        let explained = |number: usize, refusal: &Refusal| {
            let (run, index) = at[number];
            let (record, one) = (&batch[run].records[index], &outgoing[run][index]);
            let headers: Vec<Header<'_>> = record.headers().collect();
            refusal
                .explain(&one.for_producer(record, &headers).facts(), Some(self.router.targets.limits_of(&one.target)))
        };
        let now = chrono::Utc::now().timestamp_millis();
        let is_suspect = |number: usize| {
            let (run, index) = at[number];
            let one = &outgoing[run][index];
            let limits = self.router.targets.limits_of(&one.target);
            one.timestamp_ms.is_some_and(|timestamp| limits.refuses_time(timestamp, now).is_some())
        };
        match refused.verdict(singly, is_suspect) {
            Verdict::Blamed(blamed) => {
                for (number, refusal) in blamed {
                    work.fail(at[number], Misrouted::for_good(explained(number, &refusal)));
                }
                Ended::Changed
            }
            Verdict::Closed(number, refusal) => Ended::Stop(explained(number, &refusal)),
            Verdict::Crowded(count) => Ended::Crowded(count),
            Verdict::Passing(reason) => Ended::Passing(reason),
        }
    }
}

/// These are there.
fn count(outgoing: &[Vec<Outgoing<'_>>], at: &[At]) {
    for chunk in
        at.chunk_by(|one, other| Arc::ptr_eq(&outgoing[one.0][one.1].target, &outgoing[other.0][other.1].target))
    {
        if let Some(&(run, index)) = chunk.first() {
            outgoing[run][index].target.count(chunk.len() as u64);
        }
    }
}
