//! A broker that stops during a run and starts again.

use std::time::Duration;

use kreplay::feed::{Event, EventKind};
use kreplay::replay::Session;

use crate::fixtures::recorder::Recorder;
use crate::support::broker::unique_name;
use crate::support::outage::Outage;
use crate::support::produce::NewRecord;
use crate::support::sessions::{finish, in_group, options, run_with, wait_for, wait_for_event};

const RECORDS: usize = 30_000;

fn is_warning_with(kind: &EventKind, part: &str) -> bool {
    matches!(kind, EventKind::Warning { text } if text.contains(part))
}

#[test]
fn a_broker_outage_delays_a_run_and_loses_nothing() {
    let broker = Outage::start_broker();
    let topic = broker.topic("outage", 12);
    // Far more than fits into the buffers, so that most of it is still to be read when the broker stops.
    let records: Vec<_> =
        (0..RECORDS).map(|n| NewRecord::keyed(format!("key-{}", n % 100), format!("{n:01000}"))).collect();
    broker.produce(&topic, &records);
    let reference = run_with(options(&broker, &topic, 4), Recorder::default().source()).expect_done(RECORDS as u64);

    for (group, crash) in [(None, false), (Some(unique_name("outage")), false), (Some(unique_name("outage")), true)] {
        let recorder = Recorder::gated(1_000);
        let mut options = options(&broker, &topic, 4);
        options.settings.buffer_bytes = 1 << 20;
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
        wait_for(&session, "a thousand handled", |_| recorder.count() >= 1_000);
        std::thread::scope(|scope| {
            // A clean shutdown of the broker may take longer than the group waits for a member with records in flight.
            let opener = scope.spawn(|| {
                wait_for_event(&session, "the warning about the outage", |event| {
                    is_warning_with(&event.kind, "no broker answers")
                });
                // Meanwhile the records in memory are handled.
                recorder.open();
            });
            if crash {
                broker.crash();
            } else {
                broker.stop();
            }
            opener.join().unwrap();
        });
        broker.start();
        wait_for_event(&session, "the warning about its end", |event| {
            is_warning_with(&event.kind, "the brokers answer again")
        });
        let ended = finish(session).expect_done(RECORDS as u64);
        println!("{}", ended.log());
        let is_outage = |event: &Event| {
            let begins = is_warning_with(&event.kind, "no broker answers");
            (begins || is_warning_with(&event.kind, "the brokers answer again")).then_some(begins)
        };
        let reports: Vec<bool> = ended.events.iter().filter_map(is_outage).collect();
        // A broker that has just started may stop answering once more. If the run ends meanwhile, and the last probe
        // gets no answer in time, the end of that outage is not reported.
        let alternate = reports.iter().enumerate().all(|(at, begins)| *begins == at.is_multiple_of(2));
        assert!(reports.len() >= 2 && alternate, "{}", ended.log());
        assert_eq!(ended.view.digest, reference.view.digest, "{}", ended.log());
        // Partitions that the group revoked meanwhile came back to the same process, with their handled records.
        recorder.expect_each_once_in_order(RECORDS);
    }
}

#[test]
fn a_run_can_be_cancelled_during_an_outage() {
    let broker = Outage::start_broker();
    let topic = broker.topic("outage", 3);
    broker.produce(&topic, &(0..RECORDS).map(|n| NewRecord::unkeyed(format!("{n:01000}"))).collect::<Vec<_>>());
    for (round, group) in [None, Some(unique_name("outage"))].into_iter().enumerate() {
        if round > 0 {
            broker.start();
        }
        let recorder = Recorder::gated(100);
        let mut options = options(&broker, &topic, 2);
        options.settings.buffer_bytes = 1 << 20;
        options.settings.drain_timeout = Duration::from_secs(5);
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
        wait_for(&session, "some records are handled", |_| recorder.count() >= 100);
        broker.stop();
        wait_for_event(&session, "the warning about the outage", |event| {
            is_warning_with(&event.kind, "no broker answers")
        });
        recorder.open();
        session.control.send(kreplay::replay::Command::Stop);
        let ended = finish(session);
        assert_eq!(ended.view.state, kreplay::feed::RunState::Cancelled, "{}", ended.log());
        println!("{}", ended.log());
    }
}
