//! The cases of each section.

use kreplay::{
    bench::{BenchSetup, Shape},
    domain::{
        Ordering::{self, Key, None as NoOrder, Partition},
        PartitionCount,
    },
    feed::RunView,
    plan::Selection,
};

use super::{Outcome, Section, child, figures::Row, trial::Trial};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Rounds per case.
    pub rounds: usize,
    /// Records of the large topic.
    pub records: u64,
    /// Whether to measure only some of the cases.
    pub quick: bool,
}

/// Measures the selected sections in order.
pub fn measure(setup: &mut BenchSetup, effort: Effort, wanted: &dyn Fn(Section) -> bool) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    if [Section::Dispatch, Section::Feed, Section::Memory].into_iter().any(wanted) {
        let large = topic(
            setup,
            Shape {
                records: effort.records,
                keys: effort.records.min(1000),
                partitions: PartitionCount::new(6)?,
                even: false,
            },
        )?;
        if wanted(Section::Dispatch) {
            dispatch(setup, &large, effort, &mut rows)?;
        }
        if wanted(Section::Feed) {
            feed(setup, &large, effort, &mut rows)?;
        }
        if wanted(Section::Memory) {
            memory(setup, &large, effort, &mut rows)?;
        }
    }
    if wanted(Section::Partitions) {
        partitions(setup, effort, &mut rows)?;
    }
    Ok(rows)
}

fn topic(setup: &mut BenchSetup, shape: Shape) -> Outcome<String> {
    eprintln!("producing {} records to {} partitions", shape.records, shape.partitions);
    Ok(setup.topic(shape)?)
}

fn trial(setup: &BenchSetup, topics: &str, ordering: Ordering, workers: u64, handler: &'static str) -> Outcome<Trial> {
    eprintln!("{ordering} × {workers}, {handler}");
    Ok(Trial { kafka: setup.kafka().clone(), selection: Selection::matching(topics)?, ordering, workers, handler })
}

#[allow(clippy::cast_precision_loss, reason = "a rate for display")]
fn speed(run: &RunView) -> f64 {
    run.totals.handled as f64 / run.elapsed_s.max(1e-9)
}

fn rounds(count: usize, mut one: impl FnMut() -> Outcome<f64>) -> Outcome<Vec<f64>> {
    (0..count).map(|_| one()).collect()
}

fn dispatch(setup: &BenchSetup, topic: &str, effort: Effort, rows: &mut Vec<Row>) -> Outcome<()> {
    let cases: &[(Ordering, &[u64])] = if effort.quick {
        &[(Key, &[6]), (Partition, &[6]), (NoOrder, &[6])]
    } else {
        &[(Key, &[1, 2, 6, 16, 100]), (Partition, &[1, 2, 6]), (NoOrder, &[1, 2, 6, 16, 100])]
    };
    for (ordering, concurrencies) in cases {
        for &workers in *concurrencies {
            let trial = trial(setup, topic, *ordering, workers, "null")?;
            let speeds = rounds(effort.rounds, || Ok(speed(&trial.run()?)))?;
            rows.push(Row::new("dispatch", format!("{ordering} × {workers}"), "records/s", &speeds));
        }
    }
    Ok(())
}

fn feed(setup: &BenchSetup, topic: &str, effort: Effort, rows: &mut Vec<Row>) -> Outcome<()> {
    for workers in [1, 6] {
        let trial = trial(setup, topic, Key, workers, "null")?;
        let (mut alone, mut followed, mut ratios, mut costs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..effort.rounds * 2 {
            let a = speed(&trial.run()?);
            let (run, cpu_s) = trial.run_followed()?;
            let b = speed(&run);
            alone.push(a);
            followed.push(b);
            ratios.push(b / a);
            costs.push(cpu_s / run.elapsed_s.max(1e-9));
        }
        let case = |what: &str| format!("key × {workers}, {what}");
        rows.push(Row::new("feed", case("no follower"), "records/s", &alone));
        rows.push(Row::new("feed", case("console follows"), "records/s", &followed));
        rows.push(Row::new("feed", case("followed ÷ alone"), "ratio", &ratios));
        rows.push(Row::new("feed", case("the console's thread"), "cores", &costs));
    }
    Ok(())
}

fn memory(setup: &BenchSetup, topic: &str, effort: Effort, rows: &mut Vec<Row>) -> Outcome<()> {
    for (ordering, workers) in [(Key, 1), (Key, 6), (Key, 100), (Partition, 6), (NoOrder, 6)] {
        let trial = trial(setup, topic, ordering, workers, "null")?;
        let peaks = rounds(effort.rounds, || Ok(child::run_in_child(&trial, topic, false)?.peak_mib))?;
        rows.push(Row::new("memory", format!("{ordering} × {workers}, own process"), "MiB", &peaks));
    }
    let trial = trial(setup, topic, Key, 6, "null")?;
    let full = rounds(effort.rounds, || Ok(child::run_in_child(&trial, topic, true)?.paused_mib))?;
    rows.push(Row::new("memory", "key × 6, own process, paused with full buffers", "MiB", &full));
    Ok(())
}

/// A thousand partitions in topics of ten.
fn partitions(setup: &mut BenchSetup, effort: Effort, rows: &mut Vec<Row>) -> Outcome<()> {
    let topics = if effort.quick { 10 } else { 100 };
    let ten = PartitionCount::new(10)?;
    let names: Vec<String> = (0..topics)
        .map(|_| topic(setup, Shape { records: 100, keys: 100, partitions: ten, even: true }))
        .collect::<Outcome<_>>()?;
    let regex = names.join("|");
    for (ordering, workers) in [(Key, 6), (Partition, 6)] {
        let trial = trial(setup, &regex, ordering, workers, "null")?;
        let mut found = Vec::new();
        for _ in 0..effort.rounds.min(3) {
            found.push(child::run_in_child(&trial, &regex, true)?);
        }
        let mut row = |what: &str, unit, of: &dyn Fn(&child::ChildResult) -> f64| {
            let figures: Vec<f64> = found.iter().map(of).collect();
            rows.push(Row::new(
                "many partitions",
                format!("{} of them, {ordering} × {workers}: {what}", topics * 10),
                unit,
                &figures,
            ));
        };
        row("first record", "ms", &|found| found.first_record_ms);
        row("paused", "cores", &|found| found.paused_cpu);
        row("memory", "MiB", &|found| found.peak_mib);
    }
    Ok(())
}
