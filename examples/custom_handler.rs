//! Replays a topic through a closure: `cargo run --example custom_handler -- HOST:PORT TOPIC`.

use kreplay::{handler::RecordRef, kafka::KafkaConfig, replay::Session};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(address), Some(topic)) = (args.next(), args.next()) else { return Err("usage: HOST:PORT TOPIC".into()) };
    let run = Session::builder(KafkaConfig::new(address))
        .topics([topic])
        .concurrency(16)
        .handler_fn(|record: RecordRef<'_>| {
            println!("{}-{} at {}", record.topic(), record.partition(), record.offset());
            Ok::<(), std::io::Error>(())
        })
        .run()?;
    eprintln!("{} records handled, digest {}", run.totals.handled, run.digest);
    Ok(())
}
