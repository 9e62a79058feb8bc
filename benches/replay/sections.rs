//! The cases of each section.

use std::sync::atomic::AtomicBool;

use kreplay::{
    bench::{BenchSetup, Job, Measurement, Shape, run_in_child},
    domain::{
        Concurrency,
        Ordering::{self, Key, None as NoOrder, Partition},
        PartitionCount,
    },
};

use super::{Outcome, Section, figures::Row, follow};

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
        let large = [topic(
            setup,
            Shape {
                records: effort.records,
                keys: effort.records.min(1000),
                partitions: PartitionCount::new(6)?,
                even: false,
            },
        )?];
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

fn job(setup: &BenchSetup, topics: &[String], ordering: Ordering, workers: u64) -> Outcome<Job> {
    eprintln!("{ordering} × {workers}");
    Ok(Job { ordering, concurrency: Concurrency::new(workers)?, ..Job::new(setup, topics) })
}

/// Measures a job in processes of its own, once per round.
fn rounds(job: &Job, count: usize) -> Outcome<Vec<Measurement>> {
    let case = format!("{} × {}", job.ordering, job.concurrency);
    let never = AtomicBool::new(false);
    (0..count).map(|_| Ok(run_in_child(job, &case, &never)?)).collect()
}

#[allow(clippy::cast_precision_loss, reason = "a rate for display")]
fn speed(handled: u64, elapsed_s: f64) -> f64 {
    handled as f64 / elapsed_s.max(1e-9)
}

#[allow(clippy::cast_precision_loss, reason = "bytes of one process")]
fn mib(bytes: Option<u64>) -> f64 {
    bytes.map_or(f64::NAN, |bytes| bytes as f64 / f64::from(1 << 20))
}

fn dispatch(setup: &BenchSetup, topics: &[String], effort: Effort, rows: &mut Vec<Row>) -> Outcome<()> {
    let cases: &[(Ordering, &[u64])] = if effort.quick {
        &[(Key, &[6]), (Partition, &[6]), (NoOrder, &[6])]
    } else {
        &[(Key, &[1, 2, 6, 16, 100]), (Partition, &[1, 2, 6]), (NoOrder, &[1, 2, 6, 16, 100])]
    };
    for (ordering, concurrencies) in cases {
        for &workers in *concurrencies {
            let found = rounds(&job(setup, topics, *ordering, workers)?, effort.rounds)?;
            let speeds = found.iter().map(|found| speed(found.handled, found.elapsed_s));
            rows.push(Row::new("dispatch", format!("{ordering} × {workers}"), "records/s", speeds));
        }
    }
    Ok(())
}

fn feed(setup: &BenchSetup, topics: &[String], effort: Effort, rows: &mut Vec<Row>) -> Outcome<()> {
    for workers in [1, 6] {
        let job = job(setup, topics, Key, workers)?;
        let (mut alone, mut followed, mut ratios, mut costs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..effort.rounds * 2 {
            let (run, _) = follow::run(&job, false)?;
            let a = speed(run.totals.handled, run.elapsed_s);
            let (run, cpu_s) = follow::run(&job, true)?;
            let b = speed(run.totals.handled, run.elapsed_s);
            alone.push(a);
            followed.push(b);
            ratios.push(b / a);
            costs.push(cpu_s / run.elapsed_s.max(1e-9));
        }
        let case = |what: &str| format!("key × {workers}, {what}");
        rows.push(Row::new("feed", case("no follower"), "records/s", alone));
        rows.push(Row::new("feed", case("console follows"), "records/s", followed));
        rows.push(Row::new("feed", case("followed ÷ alone"), "ratio", ratios));
        rows.push(Row::new("feed", case("the console's thread"), "cores", costs));
    }
    Ok(())
}

fn memory(setup: &BenchSetup, topics: &[String], effort: Effort, rows: &mut Vec<Row>) -> Outcome<()> {
    for (ordering, workers) in [(Key, 1), (Key, 6), (Key, 100), (Partition, 6), (NoOrder, 6)] {
        let found = rounds(&job(setup, topics, ordering, workers)?, effort.rounds)?;
        let peaks = found.iter().map(|found| mib(found.peak_rss_bytes));
        rows.push(Row::new("memory", format!("{ordering} × {workers}, own process"), "MiB", peaks));
    }
    let found = rounds(&Job { pause: true, ..job(setup, topics, Key, 6)? }, effort.rounds)?;
    let full = found.iter().filter_map(|found| found.paused).map(|paused| mib(paused.peak_rss_bytes));
    rows.push(Row::new("memory", "key × 6, own process, paused with full buffers", "MiB", full));
    Ok(())
}

/// A thousand partitions in topics of ten.
fn partitions(setup: &mut BenchSetup, effort: Effort, rows: &mut Vec<Row>) -> Outcome<()> {
    let topics = if effort.quick { 10 } else { 100 };
    let ten = PartitionCount::new(10)?;
    let names: Vec<String> = (0..topics)
        .map(|_| topic(setup, Shape { records: 100, keys: 100, partitions: ten, even: true }))
        .collect::<Outcome<_>>()?;
    for (ordering, workers) in [(Key, 6), (Partition, 6)] {
        let job = Job { pause: true, ..job(setup, &names, ordering, workers)? };
        let found = rounds(&job, effort.rounds.min(3))?;
        let mut row = |what: &str, unit, of: &dyn Fn(&Measurement) -> f64| {
            let case = format!("{} of them, {ordering} × {workers}: {what}", topics * 10);
            rows.push(Row::new("many partitions", case, unit, found.iter().map(of)));
        };
        row("first record", "ms", &|found| (found.elapsed_s - found.handling_s) * 1e3);
        row("paused", "cores", &|found| found.paused.and_then(|paused| paused.cores).unwrap_or(f64::NAN));
        row("memory", "MiB", &|found| mib(found.peak_rss_bytes));
    }
    Ok(())
}
