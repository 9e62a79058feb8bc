//! The number of workers of a run, and starting and stopping their threads.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use kreplay_model::{
    domain::{Concurrency, Ordering, number::counted},
    feed::{EventKind, RebalanceKind},
};

use super::{Reading, Run, WorkerSlot, error::RunError, worker};
use crate::{
    replay::{
        charges::{SharedLedger, WorkerLedgers},
        group::member::MemberThread,
    },
    settings::Settings,
};

/// The number of workers at the start of a run.
pub fn first_workers(partitions: usize, settings: &Settings) -> u32 {
    let wanted = settings.concurrency.get();
    if settings.single_threaded {
        1
    } else if settings.adaptive {
        wanted.min(settings.max_concurrency.get()).min(most_workers(partitions, settings))
    } else {
        wanted
    }
}

/// The most workers that the ordering can keep busy.
pub fn most_workers(partitions: usize, settings: &Settings) -> u32 {
    if settings.single_threaded {
        1
    } else if settings.ordering == Ordering::Partition {
        u32::try_from(partitions).unwrap_or(u32::MAX).clamp(1, Concurrency::MAX.get())
    } else {
        Concurrency::MAX.get()
    }
}

/// Checks that the ordering can keep this number of workers busy.
pub fn check_workers(partitions: usize, settings: &Settings, wanted: u32) -> Result<(), RunError> {
    let partitions = most_workers(partitions, settings);
    if wanted > partitions { Err(RunError::TooManyWorkers { wanted, partitions }) } else { Ok(()) }
}

impl Run {
    /// The most workers that this run can have.
    #[must_use]
    pub fn max_concurrency(&self) -> u32 {
        most_workers(self.engine.partitions.len(), &self.engine.settings)
    }

    /// Sets the number of workers by the user's command and turns automatic concurrency off.
    ///
    /// # Errors
    /// [`RunError::TooManyWorkers`] or [`RunError::SingleThreaded`]; the number stays unchanged.
    pub fn set_concurrency(&mut self, wanted: Concurrency) -> Result<(), RunError> {
        self.change_concurrency(wanted.get(), None)?;
        self.set_adaptive(false)
    }

    pub(super) fn change_concurrency(&mut self, to: u32, reason: Option<String>) -> Result<(), RunError> {
        let from = self.wanted_workers;
        if self.engine.settings.single_threaded && to != 1 {
            return Err(RunError::SingleThreaded);
        }
        check_workers(self.engine.partitions.len(), &self.engine.settings, to)?;
        if from == to || self.ending.is_some() || self.state.is_over() {
            return Ok(());
        }
        self.engine.events.push(EventKind::ConcurrencyChanged { from, to, reason });
        self.wanted_workers = to;
        self.concurrency_changed = true;
        self.reconcile()?;
        if self.assigns_partitions() {
            self.assign_partitions();
        }
        Ok(())
    }

    /// Turns automatic concurrency on or off.
    ///
    /// # Errors
    /// [`RunError::SingleThreaded`].
    pub fn set_adaptive(&mut self, adaptive: bool) -> Result<(), RunError> {
        if adaptive && self.engine.settings.single_threaded {
            return Err(RunError::SingleThreaded);
        }
        if adaptive != self.tuner.is_some() && self.ending.is_none() && !self.state.is_over() {
            self.tuner = adaptive.then(|| self.new_tuner());
            let text = if adaptive {
                "automatic concurrency is on".to_owned()
            } else {
                format!("automatic concurrency is off; the run keeps {}", counted(self.wanted_workers, "worker"))
            };
            self.engine.events.notice(text);
        }
        Ok(())
    }

    /// Starts and stops threads until they match the wanted concurrency.
    pub(super) fn reconcile(&mut self) -> Result<(), RunError> {
        let partitions = u32::try_from(self.engine.partitions.len()).unwrap_or(u32::MAX);
        let wanted_members = self.wanted_workers.min(partitions);
        let mut workers = self.wanted_workers;
        if let Reading::Group { context, members } = &mut self.reading {
            members.retain(|(_, member)| !member.is_gone());
            let mut changed = false;
            for number in 0..wanted_members {
                if !members.iter().any(|(known, _)| *known == number) {
                    members.push((number, MemberThread::spawn(context.clone(), number)?));
                    changed = true;
                }
            }
            self.engine.ingress.clients.store(u32::try_from(members.len()).unwrap_or(u32::MAX), Relaxed);
            for (number, member) in members.iter().filter(|(number, _)| *number >= wanted_members) {
                if !member.is_leaving() {
                    member.leave();
                    changed = true;
                }
                if self.engine.settings.ordering == Ordering::Partition {
                    // The member's worker stays until the member has released its partitions.
                    workers = workers.max(number + 1);
                }
            }
            if changed && self.rebalances.lock().expect(Instant::now()) {
                self.engine.events.push(EventKind::RebalanceStarted { by: RebalanceKind::Group });
            }
        }
        let mut result = Ok(());
        for id in self.engine.scheduler.set_workers(workers) {
            if result.is_ok() {
                result = self.spawn_worker(id);
            }
            if result.is_err() {
                // The next tick tries again.
                self.engine.scheduler.forget_worker(id);
            }
        }
        result
    }

    fn spawn_worker(&mut self, id: u32) -> Result<(), RunError> {
        let index = id as usize;
        while self.workers.len() <= index {
            self.workers.push(WorkerSlot { stats: Arc::default(), ledgers: WorkerLedgers::default(), thread: None });
        }
        let slot = &mut self.workers[index];
        let ledger = Arc::new(SharedLedger::begin(Instant::now()));
        self.engine.scheduler.set_ledger(id, Arc::clone(&ledger));
        let handler = self.source.make(id);
        let (engine, stats, begun) = (Arc::clone(&self.engine), Arc::clone(&slot.stats), self.begun.clone());
        slot.thread = Some(worker::spawn(engine, id, stats, Arc::clone(&ledger), handler, begun)?);
        slot.ledgers.add(ledger);
        Ok(())
    }
}
