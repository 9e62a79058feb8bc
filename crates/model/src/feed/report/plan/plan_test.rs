use super::*;
use crate::{
    domain::{Offset, Ordering, TopicPartition},
    feed::{
        Bottleneck, Conditions, Coverage, Curve, CurvePoint, Estimate, FetchSpeed, HeavyKey, KeyForecast, LiftedLimit,
        PartitionForecast, Prediction, Recommendation, RecordBytes, WhatIf,
    },
};

fn plan() -> Forecast {
    let about = |value| Estimate { value, low: value - value / 20, high: value + value / 20 };
    let partition = |number: i32, records: u64, share: f64| PartitionForecast {
        id: TopicPartition::new("vc.orders.events", number),
        first: Offset::new(100).unwrap(),
        end: Offset::new(1_000_100).unwrap(),
        records: about(records),
        bytes: records * 120,
        share,
    };
    let point = |workers, elapsed_s, limit| CurvePoint { workers, elapsed_s, limit };
    Forecast {
        made_at: None,
        topics: vec!["vc.orders.events".into()],
        coverage: Coverage {
            full: false,
            read: 99_000,
            offsets_read: 100_000,
            offsets: 2_000_000,
            slices: 32,
            elapsed_s: 0.412_345_678_9,
        },
        records: about(1_980_000),
        filtered: Estimate::default(),
        unjudged: Estimate::default(),
        held_back: 0,
        bytes: 237_600_000,
        record_bytes: RecordBytes { mean: 120.0, p50: 118, p99: 240, max: 1025 },
        partitions: vec![partition(3, 1_200_000, 0.606), partition(0, 780_000, 0.394)],
        keys: KeyForecast {
            distinct: 5012,
            keyless: 0.0,
            heaviest: vec![HeavyKey { key: "hot\u{1b}[2J".into(), records: about(660_000), share: 1.0 / 3.0 }],
            heaviest_lane: 1.0 / 3.0,
        },
        fetch: FetchSpeed { records_per_s: 1_234_567.8, bytes_per_s: 1.5e8 },
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
        advice: vec![WhatIf {
            lifted: LiftedLimit::KeySplitFourWays,
            key: Some("hot\u{1b}[2J".into()),
            speedup: 2.0,
            seconds_saved: 330.0,
        }],
        curves: vec![
            Curve {
                ordering: Ordering::Key,
                most: 1000,
                points: vec![point(1, 1980.0, Bottleneck::Workers), point(6, 660.0, Bottleneck::Key)],
            },
            Curve { ordering: Ordering::Partition, most: 2, points: vec![point(1, 1980.0, Bottleneck::Workers)] },
        ],
        predicted: Some(Prediction { elapsed_s: 660.0, limit: Bottleneck::Key }),
        recommended: Some(Recommendation {
            workers: 3,
            elapsed_s: 662.0,
            limit: Bottleneck::Key,
            why: "more than 3 workers would gain less than 5 %".into(),
        }),
        notes: vec!["a note".into()],
    }
}

#[test]
fn people_read_an_aligned_text_that_cannot_drive_their_terminal() {
    let text = PlanReport::new(&plan()).render(ReportFormat::Text).unwrap();
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn programs_read_stable_names() {
    let text = PlanReport::new(&plan()).render(ReportFormat::Json).unwrap();
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text}");
    insta::assert_snapshot!(text);
}
