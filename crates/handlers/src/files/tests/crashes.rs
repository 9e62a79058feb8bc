//! Random batches and crashes, against a simple model.

use super::*;

/// A step of the simulation.
#[derive(Clone, Debug)]
enum Step {
    /// A batch with ranges of two partitions, as first offset and count, which may overlap earlier ones.
    Batch([(i64, i64); 2]),
    /// The process is killed, and the next one starts.
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let range = || (0_i64..150, 0_i64..20);
    let step = prop_oneof![
        8 => [range(), range()].prop_map(Step::Batch),
        1 => Just(Step::Crash)
    ];
    prop::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The model is a set: every handled record is in the files once.
    #[test]
    fn every_record_is_in_the_files_exactly_once(steps in steps(), format in 0..3_usize, compress in any::<bool>()) {
        let format = FORMATS[format];
        let compression = if compress { Compression::Zstd } else { Compression::None };
        let dir = tempfile::tempdir().unwrap();
        let context = context(ExportSettings { compression, ..small() });
        let mut source = open(format, dir.path(), &context);
        let mut handler = source.make(0);
        let mut expected = std::collections::BTreeSet::new();
        for step in steps {
            match step {
                Step::Batch(ranges) => {
                    let mut batch = Vec::new();
                    for (partition, (first, count)) in (0_u32..).zip(ranges) {
                        batch.push(numbered(partition, first..first + count));
                        expected.extend((first..first + count).map(|offset| (["a", "b"][partition as usize].to_owned(), offset)));
                    }
                    prop_assert_eq!(handler.handle(&batch), []);
                }
                Step::Crash => {
                    drop((handler, source));
                    source = open(format, dir.path(), &context);
                    handler = source.make(0);
                }
            }
        }
        source.finish(RunEnd::default()).unwrap();
        let mut places = places(dir.path());
        places.sort();
        prop_assert_eq!(places, expected.into_iter().collect::<Vec<_>>());
    }
}
