//! A key that moves to partitions added during a run: its records keep their order, whatever fails or is revoked.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_model::domain::{Record, RecordBufferBuilder, Route};
use proptest::prelude::*;

use super::new_partitions::{EndOffsetsRequest, NewPartitionBuffer};

fn record(partition: u32, epoch: u32, offset: usize) -> Record {
    let mut builder = RecordBufferBuilder::default();
    builder.push(partition, epoch, i64::try_from(offset).unwrap(), -1, Route::default(), None, None);
    let mut out = Vec::new();
    builder.finish(&Arc::default(), &mut out);
    out.remove(0)
}

fn index(number: usize) -> u32 {
    u32::try_from(number).unwrap()
}

/// A partition that the process knows.
struct Known {
    joined_at: Instant,
    epoch: u32,
    read: usize,
    handled: usize,
    has_failed: bool,
    away_since: Option<Instant>,
    /// At some time, records of newer partitions did not have to wait for it.
    was_passed: bool,
}

/// One key that moves to higher partitions, and a process that reads them.
struct Model {
    buffer: NewPartitionBuffer,
    now: Instant,
    in_group: bool,
    /// The key's records, numbered in the order of writing, by partition.
    logs: Vec<Vec<usize>>,
    written: usize,
    /// Where the key is written to.
    home: usize,
    known: Vec<Known>,
    lookups: Vec<(EndOffsetsRequest, Arc<BTreeMap<u32, i64>>)>,
}

impl Model {
    fn new(partitions: usize, in_group: bool) -> Self {
        let mut model = Self {
            buffer: NewPartitionBuffer::default(),
            now: Instant::now(),
            in_group,
            logs: vec![Vec::new(); partitions],
            written: 0,
            home: 0,
            known: Vec::new(),
            lookups: Vec::new(),
        };
        model.add_known();
        model
    }

    fn add_known(&mut self) {
        self.known.push(Known {
            joined_at: self.now,
            epoch: 0,
            read: 0,
            handled: 0,
            has_failed: false,
            away_since: None,
            was_passed: false,
        });
    }

    fn read_to(&self, number: usize) -> Option<i64> {
        let known = &self.known[number];
        let offset = if self.in_group { known.handled } else { known.read };
        (!known.has_failed && known.away_since.is_none()).then(|| i64::try_from(offset).unwrap())
    }

    fn write(&mut self, count: usize) {
        for _ in 0..count {
            self.logs[self.home].push(self.written);
            self.written += 1;
        }
    }

    fn join(&mut self) {
        let number = self.known.len();
        if number < self.logs.len() {
            let older: Vec<_> = (0..number).map(|older| (index(older), self.read_to(older))).collect();
            self.buffer.join(index(number), older, self.now);
            self.add_known();
            self.buffer.begin(index(number), 0);
        }
    }

    fn handle(&mut self, record: &Record, was_buffered: bool) {
        let number = record.partition as usize;
        let known = &mut self.known[number];
        if record.epoch < known.epoch {
            return;
        }
        let offset = usize::try_from(record.offset).unwrap();
        assert_eq!(offset, known.handled, "partition {number}");
        known.handled += 1;
        let place = self.logs[number][offset];
        for (older, known) in self.known[..number].iter().enumerate() {
            if self.logs[older].get(known.handled).is_none_or(|first| *first > place) {
                continue;
            }
            let is_gone = known
                .away_since
                .is_some_and(|since| known.has_failed || self.now - since >= NewPartitionBuffer::RETURN_TIME);
            let is_unreadable = known.has_failed && known.handled >= known.read;
            // A partition that is no longer new cannot wait for one that came back later.
            let came_back = !was_buffered && known.was_passed;
            assert!(is_gone || is_unreadable || came_back, "{number} overtakes {older}");
        }
    }

    fn read(&mut self, number: usize, count: usize) {
        let known = &self.known[number];
        if known.has_failed || known.away_since.is_some() {
            return;
        }
        let epoch = known.epoch;
        for offset in known.read..self.logs[number].len().min(known.read + count) {
            self.known[number].read += 1;
            if let Some(record) = self.buffer.put(record(index(number), epoch, offset)) {
                self.handle(&record, false);
            }
        }
        self.release();
    }

    fn release(&mut self) {
        loop {
            for number in 0..self.known.len() {
                if let Some(offset) = self.read_to(number) {
                    self.buffer.note_read_to(index(number), offset);
                }
            }
            let mut released = Vec::new();
            self.buffer.release(self.now, |record| released.push(record));
            if released.is_empty() {
                return;
            }
            for record in &released {
                self.handle(record, true);
            }
        }
    }

    fn look_up(&mut self) {
        if !self.lookups.is_empty() {
            return;
        }
        for request in self.buffer.end_offsets_requests(self.now) {
            let readable = request.older.iter().filter(|older| !self.known[**older as usize].has_failed);
            let ends =
                readable.map(|older| (*older, i64::try_from(self.logs[*older as usize].len()).unwrap())).collect();
            self.lookups.push((request, Arc::new(ends)));
        }
    }

    fn answer(&mut self) {
        for (request, ends) in std::mem::take(&mut self.lookups) {
            let is_missing = |older: &u32| {
                !ends.contains_key(older)
                    && self.buffer.is_awaited(*older, self.now)
                    && !self.known[*older as usize].has_failed
            };
            if !request.older.iter().any(is_missing) {
                self.buffer.answer(&request, &ends);
            }
        }
        self.release();
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        for (number, known) in self.known.iter_mut().enumerate() {
            known.was_passed |=
                known.away_since.is_some_and(|since| self.now - since >= NewPartitionBuffer::RETURN_TIME);
            if self.now - known.joined_at >= NewPartitionBuffer::SETTLING_TIME {
                // Every producer knows it by now.
                self.home = self.home.max(number);
            }
        }
        self.release();
    }

    fn fail(&mut self, number: usize) {
        let known = &mut self.known[number];
        if known.away_since.is_none() && !known.has_failed {
            (known.has_failed, known.was_passed) = (true, true);
            if !self.buffer.is_empty() {
                self.buffer.finish(index(number));
            }
            self.release();
        }
    }

    fn revoke(&mut self, number: usize) {
        let known = &mut self.known[number];
        if self.in_group && known.away_since.is_none() {
            known.away_since = Some(self.now);
            known.epoch += 1;
            if !self.buffer.is_empty() {
                self.buffer.drop_below(index(number), u32::MAX);
                self.buffer.away(index(number), self.now);
            }
            self.release();
        }
    }

    fn assign(&mut self, number: usize) {
        if self.known[number].away_since.is_none() {
            return;
        }
        self.buffer.extend_absences(self.now);
        for known in self.known.iter_mut().filter(|known| known.away_since.is_some()) {
            known.away_since = Some(self.now);
        }
        let known = &mut self.known[number];
        (known.away_since, known.has_failed, known.read) = (None, false, known.handled);
        known.epoch += 1;
        if !self.buffer.is_empty() {
            self.buffer.drop_below(index(number), known.epoch);
            self.buffer.begin(index(number), i64::try_from(known.handled).unwrap());
        }
        self.release();
    }

    /// Everything is assigned and read; nothing may stay in the buffer.
    fn finish(&mut self) {
        while self.known.len() < self.logs.len() {
            self.join();
        }
        (0..self.known.len()).for_each(|number| self.assign(number));
        for _ in 0..3 {
            (0..self.known.len()).for_each(|number| self.read(number, self.written));
            self.answer();
            self.look_up();
            self.answer();
        }
        assert!(!self.buffer.is_starved());
        for (number, known) in self.known.iter().enumerate() {
            let all = if known.has_failed { known.read } else { self.logs[number].len() };
            assert_eq!((known.handled, self.buffer.bytes_of(index(number))), (all, 0), "partition {number}");
        }
        self.pass(NewPartitionBuffer::SETTLING_TIME);
        self.look_up();
        self.answer();
        assert!(self.buffer.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_moving_key_keeps_its_order_through_failures_and_absences(
        (partitions, in_group) in (2_usize..5, any::<bool>()),
        steps in prop::collection::vec((0_u8..14, 0_usize..4, 1_u8..6), 0..150),
    ) {
        let mut model = Model::new(partitions, in_group);
        for (step, number, count) in steps {
            let number = number % model.known.len();
            match step {
                0..=2 => model.write(usize::from(count)),
                3 => model.home = (model.home + 1).min(partitions - 1),
                4 => model.join(),
                5..=6 => model.read(number, usize::from(count)),
                7 => model.look_up(),
                8 => model.answer(),
                9 => model.pass(Duration::from_secs(3 * u64::from(count))),
                10 => model.pass(Duration::from_secs(100 * u64::from(count))),
                11 => model.fail(number),
                12 => model.revoke(number),
                _ => model.assign(number),
            }
        }
        model.finish();
    }
}
