use proptest::prelude::*;

use super::*;

fn by_lanes(lanes: &[u64], workers: u32) -> u64 {
    by_lane(&LaneLoads::new(lanes.to_vec()), workers, 5)
}

/// The same with one record at a time, every lane followed, and nothing clever: the slowest model there is.
fn naive(lanes: &[u64], workers: u32) -> u64 {
    let (mut left, mut time) = (lanes.to_vec(), 0);
    while left.iter().any(|lane| *lane > 0) {
        let mut fullest: Vec<usize> = (0..left.len()).collect();
        fullest.sort_by_key(|lane| Reverse(left[*lane]));
        for lane in fullest.into_iter().take(workers as usize) {
            left[lane] = left[lane].saturating_sub(1);
        }
        time += 1;
    }
    time
}

#[test]
fn known_cases() {
    let ten = by_lanes(&[1000; 10], 10);
    assert!((1000..=1040).contains(&ten), "{ten}");
    assert_eq!(by_lanes(&[10_000], 8), 10_000);
    assert_eq!(by_lanes(&[], 8), 0);
    let few = by_lanes(&[1000; 10], 6);
    assert!((1667..=1720).contains(&few), "ten keys on six workers take a sixth: {few}");
    let seven = by_lanes(&[1429; 7], 5);
    assert!((2001..=2100).contains(&seven), "{seven}");
}

#[test]
fn partitions_are_dealt_out_again_when_a_worker_runs_out() {
    // Two workers with three equal partitions: one gets two, and nothing can be moved while both are in hand.
    let three = by_partition(&[1000; 3], 2, 5, Dealing::Own);
    assert!((1500..=2000).contains(&three), "{three}");
    assert_eq!(by_partition(&[9000, 500, 500], 3, 5, Dealing::Own), 9000);
    // Kafka deals once: six partitions to four members, in order, and by topic.
    assert_eq!(by_partition(&[10, 10, 1, 1, 1, 1], 4, 5, Dealing::Range(&[0; 6])), 20);
    assert_eq!(by_partition(&[7, 7, 7], 3, 5, Dealing::Range(&[0, 1, 2])), 21, "each topic's first goes to the first");
}

#[test]
fn every_kind_of_load_is_fast_enough_to_be_drawn() {
    let lanes = LaneLoads::new((1..=60_000_u64).map(|rank| 50_000_000 / rank).collect());
    let begun = std::time::Instant::now();
    let times: Vec<u64> = (1..=100).map(|workers| by_lane(&lanes, workers, 5)).collect();
    println!("100 schedules of {} records took {:?}", lanes.total(), begun.elapsed());
    assert!(times.is_sorted_by(|a, b| a >= b || *b - *a < *a / 50), "{times:?}");
}

fn lanes() -> impl Strategy<Value = Vec<u64>> {
    prop_oneof![prop::collection::vec(0_u64..200, 0..40), prop::collection::vec(1_u64..3000, 1..12)]
}

proptest! {
    #[test]
    fn never_faster_than_can_be_and_as_fast_as_the_naive_model(lanes in lanes(), workers in 1_u32..40) {
        let total: u64 = lanes.iter().sum();
        let heaviest = lanes.iter().copied().max().unwrap_or(0);
        let bound = total.div_ceil(u64::from(workers)).max(heaviest);
        let time = by_lanes(&lanes, workers);
        prop_assert!(time >= bound, "{time} < {bound}");
        let naive = naive(&lanes, workers);
        // The engine lets light lanes have their turn, for which a heavy one waits up to half a batch, shared by the workers;
        // and batches make the end a little uneven.
        prop_assert!(time <= naive + naive / 4 + 15, "{time}, naive {naive}");
        prop_assert!(naive <= time, "{time}, naive {naive}");
    }

    #[test]
    fn dealing_is_within_the_bounds_of_list_scheduling(
        partitions in prop::collection::vec(0_u64..3000, 1..30), workers in 1_u32..12,
    ) {
        let total: u64 = partitions.iter().sum();
        let heaviest = partitions.iter().copied().max().unwrap_or(0);
        let topics: Vec<usize> = (0..partitions.len()).map(|number| number / 3).collect();
        let even = total.div_ceil(u64::from(workers));
        let own = by_partition(&partitions, workers, 5, Dealing::Own);
        prop_assert!(own >= even.max(heaviest) && own <= even + heaviest, "{own}");
        let range = by_partition(&partitions, workers, 5, Dealing::Range(&topics));
        prop_assert!(range >= even.max(heaviest) && range <= total, "{range}");
    }
}
