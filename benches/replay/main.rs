//! `cargo bench`: how fast records go through the engine, what following it costs, and how much memory it takes.
//!
//! Results go to standard output as a table, or as JSON with `--json`; progress goes to standard error. Nothing here
//! passes or fails by its time. `docs/performance.md` says how to read the figures.

mod child;
mod figures;
mod sections;
mod trial;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use kreplay::{bench::Stage, kafka::KafkaConfig};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Measures kreplay's engine on a broker of its own, or on the one that `KREPLAY_BENCH_BOOTSTRAP` names.
#[derive(Debug, Parser)]
#[command(name = "replay", max_term_width = 120)]
struct Args {
    /// A look in seconds: fewer records, one round
    #[arg(long)]
    quick: bool,
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Only these sections
    #[arg(long, value_delimiter = ',')]
    only: Vec<Section>,
    /// Rounds of each case
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Records of the large topic, 100 bytes each
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// What cargo says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
    /// One measurement in a process of its own
    #[arg(long, hide = true, num_args = 1..)]
    child: Option<Vec<String>>,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Records a second without work, by ordering and concurrency
    Dispatch,
    /// The same with and without somebody who follows the feed
    Feed,
    /// The highest use of memory
    Memory,
    /// A thousand partitions
    Partitions,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("replay: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Outcome<()> {
    if let Some(words) = &args.child {
        return child::answer(words);
    }
    let wanted = |section| args.only.is_empty() || args.only.contains(&section);
    let effort = sections::Effort {
        rounds: if args.quick { 1 } else { args.rounds.max(1) },
        records: if args.quick { args.records.min(100_000) } else { args.records },
        quick: args.quick,
    };
    let named = std::env::var("KREPLAY_BENCH_BOOTSTRAP").ok().filter(|name| !name.is_empty());
    let mut stage =
        Stage::open(named.map(|bootstrap_servers| KafkaConfig { bootstrap_servers, ..KafkaConfig::default() }))?;
    let rows = sections::measure(&mut stage, effort, &wanted);
    // Topics on somebody else's broker go, whatever happened.
    stage.close()?;
    let rows = rows?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else {
        print!("{}", figures::table(&rows));
    }
    Ok(())
}
