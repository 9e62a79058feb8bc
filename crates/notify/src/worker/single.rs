//! Delivers one notice after another.

use std::thread;

use super::Worker;
use crate::delivery::Delivery;

/// How often a notice is attempted before it is given up.
const MAX_ATTEMPTS: u32 = 5;

pub(super) fn run(worker: &Worker, delivery: &Delivery) {
    for notice in &worker.notices {
        if notice.is_resolved() && !worker.action.resolved {
            continue;
        }
        for attempt in 1..=MAX_ATTEMPTS {
            let Err(error) = delivery.attempt(&worker.action, &notice) else { break };
            if error.is_final || attempt == MAX_ATTEMPTS {
                let text = match attempt {
                    1 => error.text,
                    attempts => format!("{} ({attempts} attempts)", error.text),
                };
                worker.failures.add(&worker.action.name, &notice, text);
                break;
            }
            thread::sleep(worker.pace.retry_after(attempt));
        }
    }
}
