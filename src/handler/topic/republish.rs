//! The handler: a batch is one transaction, which carries the positions of its partitions.
//!
//! What one record is to blame for must not keep the others back: a transaction with such a record is aborted, and made again
//! without it and what comes after it in its lane. The broker judges batches and not records where it finds something too
//! large, so then each record is sent by itself once, which shows who is to blame.

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
    handler::{Advice, Handler, LaneFailure, LaneRun},
    kafka::producer::{Fault, Refusal, TransactionError},
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
    /// Records were refused, perhaps in the place of another one: each is to be sent by itself.
    Crowded,
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
        let (mut attempts, mut singly) = (0, false);
        while work.len() > 0 {
            let ended = match &self.ledger {
                Some(ledger) => self.transact(ledger, batch, &outgoing, work, singly),
                None => self.send_plainly(batch, &outgoing, work, singly),
            };
            match ended {
                Ended::Done => work.done(),
                Ended::Changed => {}
                Ended::Crowded => singly = true,
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
        singly: bool,
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
            Sent::All => {}
            Sent::Not(refused) => {
                let error = TransactionError::Abort("records were refused".into());
                return match self.end(ledger, lease, &mut held, &marks, error) {
                    Ended::Passing(_) => blame(work, &at, &refused, singly),
                    other => other,
                };
            }
            Sent::Unknown(error) => {
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
    fn send_plainly(&self, batch: &[LaneRun], outgoing: &[Vec<Outgoing<'_>>], work: &mut Work, singly: bool) -> Ended {
        let lease = match self.lease() {
            Ok(lease) => lease,
            Err(ended) => return ended,
        };
        let at: Vec<At> = work.left().collect();
        match self.send(&lease, batch, outgoing, &at, singly) {
            Sent::All => {
                count(outgoing, &at);
                Ended::Done
            }
            Sent::Unknown(error) => {
                // What is still on its way must not arrive between later records.
                lease.discard();
                Ended::Passing(error)
            }
            Sent::Not(refused) => {
                // Up to the first that was refused of each run they are there; what came after it is sent again.
                let mut ended = vec![false; batch.len()];
                let mut there = Vec::new();
                for (number, at) in at.iter().enumerate() {
                    ended[at.0] |= number >= refused.sent || refused.records.iter().any(|(one, _)| *one == number);
                    if !ended[at.0] {
                        there.push(*at);
                    }
                }
                count(outgoing, &there);
                let verdict = blame(work, &at, &refused, singly);
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
        singly: bool,
    ) -> Sent {
        let Some(producer) = lease.get() else { return Sent::Unknown("there is no producer".into()) };
        let within = self.timeouts.delivery + AFTER_DELIVERY;
        let mut headers: Vec<Header<'_>> = Vec::new();
        let (mut records, mut sent) = (Vec::new(), at.len());
        for (number, &(run, index)) in at.iter().enumerate() {
            let record = &batch[run].records[index];
            headers.clear();
            headers.extend(record.headers());
            let result = producer.send(outgoing[run][index].for_producer(record, &headers), number);
            if let Err(refusal) = result {
                records.push((number, Refused { refusal, alone: true }));
                sent = number;
                break;
            }
            if singly {
                match producer.settle(within) {
                    Ok(failed) if failed.is_empty() => {}
                    Ok(failed) => {
                        records.extend(
                            failed.into_iter().map(|(number, refusal)| (number, Refused { refusal, alone: true })),
                        );
                        sent = number + 1;
                        break;
                    }
                    Err(error) => return Sent::Unknown(error),
                }
            }
        }
        match producer.settle(within) {
            Ok(failed) => {
                records.extend(failed.into_iter().map(|(number, refusal)| (number, Refused { refusal, alone: false })));
            }
            Err(error) => return Sent::Unknown(error),
        }
        if records.is_empty() { Sent::All } else { Sent::Not(NotSent { records, sent }) }
    }
}

/// What became of records.
enum Sent {
    /// The broker has them.
    All,
    /// Some were refused.
    Not(NotSent),
    /// They are still on their way.
    Unknown(String),
}

/// Records that were refused, by number.
struct NotSent {
    records: Vec<(usize, Refused)>,
    /// From this number on nothing was sent.
    sent: usize,
}

struct Refused {
    refusal: Refusal,
    /// It was judged by itself, not together with others.
    alone: bool,
}

/// Who is to blame for refused records.
fn blame(work: &mut Work, at: &[At], refused: &NotSent, singly: bool) -> Ended {
    let find = |fault| refused.records.iter().find(move |(_, one)| one.refusal.fault == fault);
    if let Some((_, one)) = find(Fault::Topic) {
        return Ended::Stop(one.refusal.reason.clone());
    }
    let to_blame = |one: &Refused| one.refusal.fault == Fault::Record && one.alone;
    let mut blamed = false;
    for (number, one) in refused.records.iter().filter(|(_, one)| to_blame(one)) {
        work.fail(at[*number], Misrouted::for_good(&one.refusal.reason));
        blamed = true;
    }
    match (blamed, find(Fault::Record), refused.records.first()) {
        (true, ..) => Ended::Changed,
        (false, Some(_), _) if !singly => Ended::Crowded,
        (_, _, Some((_, one))) => Ended::Passing(one.refusal.reason.clone()),
        _ => Ended::Passing("records were not sent".into()),
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
