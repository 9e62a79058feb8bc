#[test]
fn scratch() {
    use crate::support::*;
    use kreplay::domain::Ordering;
    let broker = seeded(&kreplay::demo::Datasets::default());
    for round in 0..60 {
    let mut shared = options(&broker, 5, Ordering::Key, "simulate:50us");
    shared.settings.group = Some(format!("demo{}", round/2));
    let session = kreplay::replay::Session::spawn(shared).unwrap();
    let events = session.feed.events.clone();
    let t = std::time::Instant::now();
    loop {
        std::thread::sleep(std::time::Duration::from_millis(20));
        let s = session.feed.snapshots.borrow().clone();
        if !s.finished.is_empty() { break; }
        if t.elapsed().as_secs() > 8 {
            for e in events.since(0) { eprintln!("{} {}", e.at.format("%S%.3f"), serde_json::to_string(&e.kind).unwrap()); }
            for p in &s.run.as_ref().unwrap().partitions { if p.lag.known() != Some(0) { eprintln!("{p:?}"); } }
            panic!("stalled in round {round}");
        }
    }
    let view = session.join().run.unwrap();
    eprintln!("{round} {} {:?} {:?}", view.totals.handled, view.elapsed_s, view.handling_s);
    }
}
