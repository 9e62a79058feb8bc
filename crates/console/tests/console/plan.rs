//! The plan window of the console: what it shows, and what keys do.

use std::sync::Arc;

use crate::fixture::{self, *};
use crossterm::event::KeyCode;
use insta::assert_snapshot;
use kreplay_console::{
    capture,
    key::Mode,
    state::{ScreenId, State},
    theme::ThemeChoice,
    update::Effect,
};
use kreplay_model::{
    control::Command,
    domain::{Concurrency, Offset, Ordering},
    feed::{
        Bottleneck, Conditions, Coverage, Curve, CurvePoint, Estimate, FetchSpeed, Forecast, HeavyKey, KeyForecast,
        PartitionForecast, Planning, Prediction, Recommendation, RecordBytes,
    },
};

const WORKERS: [u32; 17] = [1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 50, 64, 80, 100];

fn about(value: u64) -> Estimate {
    Estimate { value, low: value - value / 30, high: value + value / 30 }
}

/// A forecast from a sample of 120,000 records, a third of them with the same key.
pub(crate) fn plan(partitions: u64) -> Forecast {
    let (records, mut left) = (120_000_u64, 120_000_u64);
    let partitions = (0..partitions)
        .map(|number| {
            let some = left.div_ceil(2);
            left -= some;
            PartitionForecast {
                id: partition("vc.orders.events", number as i32),
                first: Offset::ZERO,
                end: Offset::new(some as i64).unwrap(),
                records: about(some),
                bytes: some * 140,
                share: some as f64 / records as f64,
            }
        })
        .collect();
    let limit = |workers| if workers >= 3 { Bottleneck::Key } else { Bottleneck::Workers };
    let time = |workers: u32| (120.0 / f64::from(workers)).max(40.2);
    let points =
        WORKERS.map(|workers| CurvePoint { workers, elapsed_s: time(workers), limit: limit(workers) }).to_vec();
    let key =
        |key: &str, share: f64| HeavyKey { key: key.into(), records: about((records as f64 * share) as u64), share };
    Forecast {
        made_at: Some(fixture::time(0.0)),
        topics: vec!["vc.orders.events".into()],
        coverage: Coverage {
            full: false,
            read: 99_980,
            offsets_read: 100_000,
            offsets: 120_000,
            slices: 96,
            elapsed_s: 0.31,
        },
        records: about(records),
        filtered: Estimate::exact(0),
        unjudged: Estimate::exact(0),
        held_back: 0,
        bytes: records * 140,
        record_bytes: RecordBytes { mean: 140.0, p50: 139, p99: 201, max: 1033 },
        partitions,
        keys: KeyForecast {
            distinct: 5012,
            keyless: 0.02,
            heaviest: vec![key("customer-000017", 0.333), key("customer-000003", 0.02), key("customer-000090", 0.01)],
            heaviest_lane: 0.334,
        },
        fetch: FetchSpeed { records_per_s: 1.2e6, bytes_per_s: 1.7e8 },
        conditions: Conditions {
            concurrency: 6,
            ordering: Ordering::Key,
            handler: "simulate:1ms".into(),
            group: None,
            scope: String::new(),
            batch: 1000,
            work_s: Some(0.001),
            work_from: Some("handler".into()),
        },
        advice: Vec::new(),
        curves: vec![Curve { ordering: Ordering::Key, most: 1000, points }],
        predicted: Some(Prediction { elapsed_s: 40.2, limit: Bottleneck::Key }),
        recommended: Some(Recommendation {
            workers: 3,
            elapsed_s: 40.2,
            limit: Bottleneck::Key,
            why: "more than 3 workers would gain less than 5 %: the heaviest key, `customer-000017`, must be handled one \
                  record at a time"
                .into(),
        }),
        notes: Vec::new(),
    }
}

fn planned(width: u16, height: u16, forecast: Forecast) -> State {
    let mut state = running(width, height);
    change(&mut state, |snapshot| {
        snapshot.run.as_mut().unwrap().plan.topics.clone_from(&forecast.topics);
        snapshot.planning.forecast = Some(Arc::new(forecast));
    });
    assert_eq!(press(&mut state, 'P'), []);
    state
}

fn ask(names: &[&str]) -> Vec<Effect> {
    vec![Effect::Send(Command::Plan(names.iter().map(|name| (*name).to_owned()).collect()))]
}

/// Otherwise it would be mistaken for the plan of this run.
#[test]
fn a_plan_of_other_topics_is_not_reused() {
    let mut state = running(80, 24);
    change(&mut state, |snapshot| snapshot.planning.forecast = Some(Arc::new(plan(6))));
    assert_eq!(press(&mut state, 'P'), ask(&[]));
}

#[test]
fn a_plan_without_records_recommends_nothing() {
    let mut empty = plan(6);
    empty.records = Estimate::exact(0);
    let shown = text(&planned(80, 24, empty));
    assert!(shown.contains("there is nothing to replay") && !shown.contains("recommended"), "{shown}");
}

#[test]
fn a_plan_is_shown_during_a_run() {
    for (width, height) in [(80, 24), (120, 40), (160, 50)] {
        let state = planned(width, height, plan(6));
        assert_eq!(state.mode(), Mode::Planning);
        assert_snapshot!(format!("plan_{width}x{height}"), text(&state));
    }
    let mut state = planned(80, 24, plan(6));
    press(&mut state, 'G');
    assert_snapshot!("plan_scrolled_80x24", text(&state));
}

#[test]
fn the_marked_number_of_workers_follows_the_keys() {
    let mut state = planned(120, 40, plan(6));
    assert!(text(&state).contains("▶   6"), "{}", text(&state));
    let eight = Effect::Send(Command::SetConcurrency(Concurrency::new(12).unwrap()));
    assert_eq!(press(&mut state, ']'), [eight]);
    assert!(text(&state).contains("▶  12"), "{}", text(&state));
}

#[test]
fn a_plan_is_requested_if_there_is_none() {
    let mut state = running(80, 24);
    assert_eq!(press(&mut state, 'P'), ask(&[]), "of the current selection");
    assert_snapshot!("plan_none_80x24", text(&state));
    change(&mut state, |snapshot| snapshot.planning.in_progress = Some(Planning::default()));
    assert!(text(&state).contains("querying the cluster…"), "{}", text(&state));
    change(&mut state, |snapshot| snapshot.planning.in_progress = Some(Planning { read: 40_000, wanted: 100_000 }));
    assert!(text(&state).contains("reading 40,000 of 100,000 offsets, 40 %"), "{}", text(&state));
    assert_eq!(press(&mut state, 'x'), [Effect::Send(Command::StopPlanning)]);
    change(&mut state, |snapshot| {
        snapshot.planning.in_progress = None;
        snapshot.planning.problem = Some("no broker\x1b[2J answers".into());
    });
    assert_snapshot!("plan_error_80x24", text(&state));
    assert_eq!(press(&mut state, 'r'), ask(&[]));
    press_code(&mut state, KeyCode::Esc);
    assert_at_home(&state);
}

#[test]
fn chosen_topics_can_be_planned_before_a_run() {
    let mut state = choosing(80, 24, topics());
    press(&mut state, ' ');
    type_text(&mut state, "j ");
    assert_eq!(press(&mut state, 'P'), ask(&["vc.billing.events", "vc.catalog.events"]));
    assert_eq!(front(&state), ScreenId::Plan);
    press(&mut state, 'P');
    assert_eq!((state.mode(), state.user.topics.marked.len()), (Mode::Choosing, 2), "the choice is unchanged");
    let mut nothing = choosing(80, 24, Vec::new());
    assert_eq!(press(&mut nothing, 'P'), []);
    assert!(nothing.user.status.as_ref().unwrap().text.contains("no topic to plan"));
}

#[test]
fn a_huge_plan_scrolls_and_a_hostile_one_cannot_control_the_terminal() {
    let mut huge = planned(80, 24, plan(5000));
    press(&mut huge, 'G');
    assert!(text(&huge).contains("and 4,500 with fewer records"), "{}", text(&huge));
    press(&mut huge, 'g');
    assert!(text(&huge).contains("recommended"));

    let mut forecast = plan(6);
    let bad = "\x1b[31m\x07red\r\n\u{202e}right\u{200b}".repeat(6);
    forecast.topics = vec![bad.clone()];
    forecast.keys.heaviest[0].key.clone_from(&bad);
    forecast.partitions[0].id = partition(&bad, i32::MAX);
    forecast.conditions.handler.clone_from(&bad);
    forecast.notes = vec![bad.clone()];
    forecast.recommended.as_mut().unwrap().why = bad;
    forecast.records = Estimate { value: u64::MAX, low: 0, high: u64::MAX };
    let mut state = planned(80, 24, forecast);
    draw(&mut state);
    let frame = capture::frame(&state, &theme(&ThemeChoice::DARK));
    assert!(frame.content.iter().all(|cell| !cell.symbol().chars().any(char::is_control)));
    assert_snapshot!("plan_hostile_80x24", capture::text(&frame));
}

#[test]
fn without_a_handling_time_nothing_is_predicted() {
    let mut forecast = plan(6);
    (forecast.predicted, forecast.recommended, forecast.curves) = (None, None, Vec::new());
    let state = planned(80, 24, forecast);
    assert!(text(&state).contains("the handler's time per record is unknown"), "{}", text(&state));
}

#[test]
fn the_current_number_is_marked_without_colours() {
    let state = planned(120, 40, plan(6));
    let frame = capture::frame(&state, &theme(&ThemeChoice::MONO));
    let text = capture::text(&frame);
    assert!(text.contains("▶   6") && text.contains("← now") && text.contains("← recommended"), "{text}");
}
