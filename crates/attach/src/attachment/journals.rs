//! Lists the runs of all processes that list theirs.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError, mpsc::Receiver},
    time::{Duration, Instant},
};

use kreplay_model::journal::{JournalLister, JournalListing, JournaledRun};

use super::routes::Routes;
use crate::protocol::{ListedJournals, RemoteCommand};

/// The time that the processes have to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The answer of a process, with its number.
pub(super) type Answer = (usize, ListedJournals);

/// Lists the runs of the processes with these names. `why_none` says why a console may send no commands.
pub(super) fn lister(
    names: Vec<String>,
    routes: Routes,
    answers: Receiver<Answer>,
    why_none: Option<String>,
) -> JournalLister {
    // One list at a time; the number tells its answers from those to earlier commands.
    let listing = Mutex::new((0, answers));
    JournalLister::new(move || {
        if let Some(why) = &why_none {
            return JournalListing { directory: String::new(), runs: Err(why.clone()) };
        }
        let mut listing = listing.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, answers) = &mut *listing;
        *number += 1;
        let processes = routes.that(|takes| takes.journals);
        for process in &processes {
            routes.send(*process, RemoteCommand::ListJournals(*number));
        }
        merge(&names, &await_answers(*number, answers, processes))
    })
}

/// What each process has answered to the command with this number; `None` if it has not answered in time.
fn await_answers(
    number: u64,
    answers: &Receiver<Answer>,
    processes: Vec<usize>,
) -> Vec<(usize, Option<JournalListing>)> {
    let until = Instant::now() + ANSWER_TIMEOUT;
    let mut listed: Vec<_> = processes.into_iter().map(|process| (process, None)).collect();
    while listed.iter().any(|(_, listing)| listing.is_none()) {
        let Ok((from, answer)) = answers.recv_timeout(until.saturating_duration_since(Instant::now())) else { break };
        if answer.number == number
            && let Some((_, listing)) = listed.iter_mut().find(|(process, _)| *process == from)
        {
            *listing = Some(answer.listing);
        }
    }
    listed
}

/// One list. Processes on the same machine usually list the same directory: each run is listed once.
fn merge(names: &[String], listed: &[(usize, Option<JournalListing>)]) -> JournalListing {
    let name = |process: usize| names.get(process).map_or("", String::as_str);
    let mut directories = Vec::new();
    let mut failures = Vec::new();
    let mut runs = Vec::new();
    let mut known = BTreeSet::new();
    for (process, listing) in listed {
        let answer = listing.as_ref().map(|listing| (&listing.directory, &listing.runs));
        match answer {
            Some((directory, Ok(of_process))) => {
                if !directories.contains(directory) {
                    directories.push(directory.clone());
                }
                for run in of_process.iter().filter(|run| known.insert(run.id.clone())) {
                    let listed_by = (names.len() > 1).then(|| name(*process).to_owned());
                    runs.push(JournaledRun { listed_by, ..run.clone() });
                }
            }
            Some((_, Err(why))) => failures.push(format!("{}: {why}", name(*process))),
            None => failures.push(format!("{} does not answer", name(*process))),
        }
    }
    if directories.is_empty() {
        let why = if failures.is_empty() { "no reachable process lists its runs".into() } else { failures.join(", ") };
        return JournalListing { directory: String::new(), runs: Err(why) };
    }
    JournalListing { directory: [directories, failures].concat().join(", "), runs: Ok(runs) }
}
