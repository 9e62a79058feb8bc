//! The cases.

use kreplay::{
    bench::{Shape, Stage},
    domain::{
        Ordering::{self, Key, None as NoOrder, Partition},
        PartitionCount,
    },
    feed::RunView,
    plan::Selection,
};

use super::{Outcome, Section, child, figures::Row, trial::Trial};

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Rounds of each case.
    pub rounds: usize,
    /// Records of the large topic.
    pub records: u64,
    /// Whether a small part of the cases will do.
    pub quick: bool,
}

/// Measures the wanted sections one after the other.
pub fn measure(stage: &mut Stage, effort: Effort, wanted: &dyn Fn(Section) -> bool) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    if [Section::Dispatch, Section::Feed, Section::Memory].into_iter().any(wanted) {
        let large = topic(
            stage,
            Shape {
                records: effort.records,
                keys: effort.records.min(1000),
                partitions: PartitionCount::new(6)?,
                even: false,
            },
        )?;
        if wanted(Section::Dispatch) {
            dispatch(stage, &large, effort, &mut rows)?;
        }
        if wanted(Section::Feed) {
            feed(stage, &large, effort, &mut rows)?;
        }
        if wanted(Section::Memory) {
            memory(stage, &large, effort, &mut rows)?;
        }
    }
    if wanted(Section::Partitions) {
        partitions(stage, effort, &mut rows)?;
    }
    Ok(rows)
}

fn topic(stage: &mut Stage, shape: Shape) -> Outcome<String> {
    eprintln!("producing {} records to {} partitions", shape.records, shape.partitions);
    Ok(stage.topic(shape)?)
}

fn trial(stage: &Stage, topics: &str, ordering: Ordering, workers: u64, handler: &'static str) -> Outcome<Trial> {
    eprintln!("{ordering} × {workers}, {handler}");
    Ok(Trial { kafka: stage.kafka().clone(), selection: Selection::matching(topics)?, ordering, workers, handler })
}

#[allow(clippy::cast_precision_loss, reason = "a rate for people")]
fn speed(run: &RunView) -> f64 {
    run.totals.handled as f64 / run.elapsed_s.max(1e-9)
}

fn rounds(count: usize, mut one: impl FnMut() -> Outcome<f64>) -> Outcome<Vec<f64>> {
    (0..count).map(|_| one()).collect()
}

fn dispatch(stage: &Stage, topic: &str, effort: Effort, rows: &mut Vec<Row>) -> Outcome<()> {
    let cases: &[(Ordering, &[u64])] = if effort.quick {
        &[(Key, &[6]), (Partition, &[6]), (NoOrder, &[6])]
    } else {
        &[(Key, &[1, 2, 6, 16, 100]), (Partition, &[1, 2, 6]), (NoOrder, &[1, 2, 6, 16, 100])]
    };
    for (ordering, concurrencies) in cases {
        for &workers in *concurrencies {
            let trial = trial(stage, topic, *ordering, workers, "null")?;
            let speeds = rounds(effort.rounds, || Ok(speed(&trial.run()?)))?;
            rows.push(Row::new("dispatch", format!("{ordering} × {workers}"), "records/s", &speeds));
        }
    }
    Ok(())
}

fn feed(stage: &Stage, topic: &str, effort: Effort, rows: &mut Vec<Row>) -> Outcome<()> {
    for workers in [1, 6] {
        let trial = trial(stage, topic, Key, workers, "null")?;
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
        rows.push(Row::new("feed", case("nobody follows"), "records/s", &alone));
        rows.push(Row::new("feed", case("console follows"), "records/s", &followed));
        rows.push(Row::new("feed", case("followed ÷ alone"), "ratio", &ratios));
        rows.push(Row::new("feed", case("the console's thread"), "cores", &costs));
    }
    Ok(())
}

fn memory(stage: &Stage, topic: &str, effort: Effort, rows: &mut Vec<Row>) -> Outcome<()> {
    for (ordering, workers) in [(Key, 1), (Key, 6), (Key, 100), (Partition, 6), (NoOrder, 6)] {
        let trial = trial(stage, topic, ordering, workers, "null")?;
        let peaks = rounds(effort.rounds, || Ok(child::ask(&trial, topic, false)?.peak_mib))?;
        rows.push(Row::new("memory", format!("{ordering} × {workers}, own process"), "MiB", &peaks));
    }
    let trial = trial(stage, topic, Key, 6, "null")?;
    let full = rounds(effort.rounds, || Ok(child::ask(&trial, topic, true)?.paused_mib))?;
    rows.push(Row::new("memory", "key × 6, own process, paused with full buffers", "MiB", &full));
    Ok(())
}

/// A thousand partitions, most of them in topics of ten.
fn partitions(stage: &mut Stage, effort: Effort, rows: &mut Vec<Row>) -> Outcome<()> {
    let topics = if effort.quick { 10 } else { 100 };
    let ten = PartitionCount::new(10)?;
    let names: Vec<String> = (0..topics)
        .map(|_| topic(stage, Shape { records: 100, keys: 100, partitions: ten, even: true }))
        .collect::<Outcome<_>>()?;
    let regex = names.join("|");
    for (ordering, workers) in [(Key, 6), (Partition, 6)] {
        let trial = trial(stage, &regex, ordering, workers, "null")?;
        let mut found = Vec::new();
        for _ in 0..effort.rounds.min(3) {
            found.push(child::ask(&trial, &regex, true)?);
        }
        let mut row = |what: &str, unit, of: &dyn Fn(&child::Found) -> f64| {
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
