//! A service that keeps a read model in memory. At start-up it rebuilds the model by replaying the topic in parallel,
//! starts to serve once it has caught up, and then follows the topic.
//!
//! ```console
//! $ cargo run --example embed -- 127.0.0.1:9092 orders 127.0.0.1:8080
//! rebuilding: 181,204 of 200,000 records left
//! serving 155 keys on http://127.0.0.1:8080
//! $ curl http://127.0.0.1:8080/customer-4
//! 114
//! ```
//!
//! The read model is the number of records of each key. Ctrl-C ends the service.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, RwLock},
    time::Duration,
};

use kreplay::{
    domain::Lag,
    feed::Feed,
    handler::RecordRef,
    kafka::KafkaConfig,
    replay::{Command, Session},
};

/// Records by key.
type ReadModel = Arc<RwLock<HashMap<Vec<u8>, u64>>>;

/// The longest wait for a client to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [kafka, topic, listen] = args.as_slice() else {
        return Err("usage: KAFKA_ADDRESS TOPIC LISTEN_ADDRESS".into());
    };

    let model = ReadModel::default();
    let updated = Arc::clone(&model);
    let session = Session::builder(KafkaConfig::new(kafka))
        .topics([topic])
        .follow()
        .handler_fn(move |record: RecordRef<'_>| {
            let key = record.key().unwrap_or_default().to_vec();
            // A panic elsewhere must not serve a model that is half updated.
            let mut model = updated.write().map_err(|_| "the read model is damaged")?;
            *model.entry(key).or_default() += 1;
            Ok::<(), &str>(())
        })
        .start()?;

    if caught_up(&session.feed).await {
        let listener = TcpListener::bind(listen)?;
        println!("serving {} keys on http://{listen}", model.read().map_or(0, |model| model.len()));
        std::thread::spawn(move || serve(&listener, &model));
        tokio::select! {
            signal = tokio::signal::ctrl_c() => signal?,
            () = end_of_run(&session.feed) => {}
        }
    }
    // A session that has ended already ignores it.
    session.control.send(Command::Shutdown);
    // Bounded by the run's drain timeout plus ten seconds.
    let run = tokio::task::spawn_blocking(move || session.finish()).await??;
    println!("{} records handled", run.totals.handled);
    Ok(())
}

/// Waits until every record that the topic has is handled. `false` if the run ended before.
async fn caught_up(feed: &Feed) -> bool {
    let mut snapshots = feed.snapshots.clone();
    loop {
        if let Some(run) = &snapshots.borrow_and_update().run {
            match run.totals.lag {
                _ if run.state.is_over() => return false,
                Lag::Known(0) if run.is_following() => return true,
                Lag::Known(left) => println!("rebuilding: {left} records left"),
                Lag::Unknown => {}
            }
        }
        if snapshots.changed().await.is_err() {
            return false;
        }
    }
}

/// Waits until the run ends without being asked to, for example because the topic was deleted.
async fn end_of_run(feed: &Feed) {
    let mut snapshots = feed.snapshots.clone();
    // The channel closes with the session.
    while snapshots.changed().await.is_ok() {}
}

/// Answers `GET /KEY` with the number of records of that key, one request at a time.
fn serve(listener: &TcpListener, model: &ReadModel) {
    for stream in listener.incoming().flatten() {
        if let Err(error) = answer(&stream, model) {
            eprintln!("request failed: {error}");
        }
    }
}

fn answer(mut stream: &TcpStream, model: &ReadModel) -> std::io::Result<()> {
    stream.set_read_timeout(Some(REQUEST_TIMEOUT))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let key = line.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let count = model.read().ok().and_then(|model| model.get(key.as_bytes()).copied());
    let (status, body) =
        count.map_or(("404 Not Found", "no such key\n".into()), |count| ("200 OK", format!("{count}\n")));
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}
