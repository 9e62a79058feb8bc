//! Reads records through the first process that can.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use kreplay_model::inspect::{InspectCommand, InspectServer, Inspection, InspectionStep, RecordId};

use super::routes::Routes;
use crate::protocol::RemoteCommand;

/// The time that a process has to answer. A process itself waits at most 10 seconds for the cluster.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// How often it is checked whether the console still waits.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// An answer of a process, with its number.
pub(super) type Answer = (usize, Inspection);

/// Serves the console until it has closed. Processes are asked in their order: the next one if a process cannot read
/// the record. The last reason is shown if none can.
pub(super) fn serve(mut console: InspectServer, routes: &Routes, answers: &Receiver<Answer>) {
    while let Some((number, id)) = console.next_wanted() {
        console.answer(number, InspectionStep::Reading);
        let step = read(number, &id, &console, routes, answers);
        console.answer(number, step);
    }
}

fn read(
    number: u64,
    id: &RecordId,
    console: &InspectServer,
    routes: &Routes,
    answers: &Receiver<Answer>,
) -> InspectionStep {
    let mut why = "no reachable process can inspect records".to_owned();
    for process in routes.that(|takes| takes.records) {
        match ask(process, number, id, console, routes, answers) {
            Some(InspectionStep::Failed(reason)) => why = reason,
            Some(step) => return step,
            None => "the process does not answer".clone_into(&mut why),
        }
        if !console.is_wanted(number) {
            routes.send(process, RemoteCommand::Inspect(InspectCommand::Stop));
            break;
        }
    }
    InspectionStep::Failed(why)
}

/// Asks one process. `None` if it does not answer in time, or if the console waits no longer.
fn ask(
    process: usize,
    number: u64,
    id: &RecordId,
    console: &InspectServer,
    routes: &Routes,
    answers: &Receiver<Answer>,
) -> Option<InspectionStep> {
    // Answers to earlier commands are of no use.
    while answers.try_recv().is_ok() {}
    routes.send(process, RemoteCommand::Inspect(InspectCommand::Read { number, id: id.clone() }));
    let until = Instant::now() + ANSWER_TIMEOUT;
    while Instant::now() < until && console.is_wanted(number) {
        match answers.recv_timeout(CHECK_INTERVAL) {
            Ok((_, Inspection { step: InspectionStep::Reading, .. })) => {}
            Ok((from, answer)) if from == process && answer.number == number => return Some(answer.step),
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    None
}
