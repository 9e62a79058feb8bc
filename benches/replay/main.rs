//! `cargo bench`: the speed of the engine, the cost of following the feed, and memory use.
//!
//! Results go to standard output as a table, or as JSON with `--json`; progress goes to standard error. No case passes
//! or fails by its time. `docs/performance.md` explains the figures.

mod figures;
mod follow;
mod sections;

use std::{process::ExitCode, time::Duration};

use clap::{Parser, ValueEnum};
use kreplay::{
    bench::{BenchSetup, run_as_child},
    kafka::KafkaConfig,
};

/// The timeout of each request to the broker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Measures kreplay's engine on an embedded broker, or on the one in `KREPLAY_BENCH_BOOTSTRAP`
#[derive(Debug, Parser)]
#[command(name = "replay", max_term_width = 120)]
struct Args {
    /// Take only seconds: fewer records, one round
    #[arg(long)]
    quick: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Measure only these sections
    #[arg(long, value_delimiter = ',')]
    only: Vec<Section>,
    /// Rounds per case
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Records of the large topic, 100 bytes each
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// Passed by cargo to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// A section of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Records per second without work, by ordering and concurrency
    Dispatch,
    /// Records per second with and without a console that follows the feed
    Feed,
    /// Peak memory
    Memory,
    /// A thousand partitions
    Partitions,
}

fn main() -> ExitCode {
    // The process of one measurement.
    if std::env::args().skip(1).eq(["bench", "--measure"]) {
        return measure();
    }
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("replay: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the measurement that is described on standard input.
fn measure() -> ExitCode {
    match run_as_child(&mut std::io::stdin()) {
        Ok(result) => {
            println!("{result}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Outcome<()> {
    let wanted = |section| args.only.is_empty() || args.only.contains(&section);
    let effort = sections::Effort {
        rounds: if args.quick { 1 } else { args.rounds.max(1) },
        records: if args.quick { args.records.min(100_000) } else { args.records },
        quick: args.quick,
    };
    let named = std::env::var("KREPLAY_BENCH_BOOTSTRAP").ok().filter(|name| !name.is_empty());
    let cluster = named.map(|bootstrap_servers| KafkaConfig { bootstrap_servers, ..KafkaConfig::default() });
    let mut setup = BenchSetup::open(cluster, REQUEST_TIMEOUT)?;
    let rows = sections::measure(&mut setup, effort, &wanted);
    // Topics on an external broker are deleted in any case.
    setup.close()?;
    let rows = rows?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else {
        print!("{}", figures::table(&rows));
    }
    Ok(())
}
