//! Draws the README's picture of the console from a real run of the demo:
//!
//!     cargo run --example picture -- docs/console.svg
//!
//! It follows the demo without a terminal, raises the concurrency from 1 to 4 to 8 during the run, and draws the frame
//! that the console shows when 70 % of the events are handled. For a path that ends in `.txt`, it writes the frame as
//! text.

use std::{
    error::Error,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use kreplay::{
    console::{
        capture::{self, Capture},
        theme::{Theme, ThemeChoice},
    },
    demo::{self, Datasets, Skew},
    domain::{Concurrency, EventCount},
    feed::Snapshot,
    handler::built_in,
    kafka::{GroupProtocol, KafkaConfig, embedded::EmbeddedBroker},
    plan::{Scope, Selection},
    replay::{Command, Session, SessionOptions},
    settings::Settings,
};

const FRAME_SIZE: (u16, u16) = (140, 38);
/// The numbers of workers, and the share of handled events from which they apply.
const WORKERS_FROM: [(f64, u64); 2] = [(0.03, 4), (0.2, 8)];
/// The share of handled events at which the picture is drawn.
const PICTURE_AT: f64 = 0.7;
/// The run takes about six seconds; a frame that is missing by then will not arrive.
const FRAME_TIMEOUT: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if paths.is_empty() {
        return Err("name the files to write, such as docs/console.svg docs/console.txt".into());
    }
    let broker = EmbeddedBroker::start()?;
    let datasets =
        Datasets { events: EventCount::new(30_000)?, skew: "zipf:0.6".parse::<Skew>()?, ..Datasets::default() };
    demo::seed(&broker, &datasets)?;
    let session = Session::spawn(options(&broker, &datasets)?)?;
    let capture = follow(&session);
    session.control.send(Command::Shutdown);
    let end = session.join();
    if let Some(problem) = end.problem {
        return Err(problem.text.into());
    }
    let theme = Theme::load(&ThemeChoice::DARK)?;
    let frame = capture?.frame(&theme);
    for path in &paths {
        let is_text = path.extension().is_some_and(|ending| ending == "txt");
        let picture = if is_text { capture::text(&frame) } else { capture::svg(&frame, &theme) };
        write(path, &picture)?;
    }
    Ok(())
}

fn options(broker: &EmbeddedBroker, datasets: &Datasets) -> Result<SessionOptions, Box<dyn Error>> {
    let topics = (1..=datasets.count.as_usize()).map(Datasets::topic);
    let properties =
        broker.client_properties().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Ok(SessionOptions {
        kafka: KafkaConfig { bootstrap_servers: broker.bootstrap_servers().into(), properties },
        embedded: true,
        selection: Some(Selection::topics(topics)?),
        scope: Scope::default(),
        settings: Settings {
            concurrency: Concurrency::MIN,
            handler: built_in("simulate:lognormal:1ms:0.4")?,
            ..Settings::default()
        },
        protocol: GroupProtocol::Consumer,
        group_per_run: true,
        timeout: Duration::from_secs(10),
        start: true,
        one_run: false,
        journal: None,
        requests: None,
    })
}

/// Follows the run like the console, and stops at the moment of the picture.
fn follow(session: &Session) -> Result<Capture, Box<dyn Error>> {
    let deadline = Instant::now() + FRAME_TIMEOUT;
    let mut feed = session.feed.clone();
    let mut capture = Capture::new(FRAME_SIZE.0, FRAME_SIZE.1, None);
    let mut steps = WORKERS_FROM.iter().peekable();
    loop {
        if Instant::now() > deadline {
            return Err("the run did not get far enough in a minute".into());
        }
        if !feed.snapshots.has_changed()? {
            thread::sleep(Duration::from_millis(5));
            continue;
        }
        let snapshot = feed.snapshots.borrow_and_update().clone();
        let progress = progress(&snapshot)?;
        capture.take(snapshot, feed.events.since(capture.next_seq()));
        if let Some((_, workers)) = steps.next_if(|(from, _)| progress >= *from) {
            session.control.send(Command::SetConcurrency(Concurrency::new(*workers)?));
        }
        if progress >= PICTURE_AT {
            return Ok(capture);
        }
    }
}

fn progress(snapshot: &Snapshot) -> Result<f64, Box<dyn Error>> {
    match (&snapshot.problem, &snapshot.run) {
        (Some(problem), _) => Err(problem.as_str().into()),
        (None, Some(run)) => Ok(run.progress()),
        (None, None) => Ok(0.0),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    println!("{}: {} bytes", path.display(), text.len());
    Ok(())
}
