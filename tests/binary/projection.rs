//! A projection of the demo's events. Each demo has a new broker, so the same topics get new ids.

use rusqlite::Connection;

use crate::{demo, report};

#[test]
fn a_second_demo_into_the_same_file_finds_everything_applied() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("kreplay.toml"), "[projection]\ntarget = \"sqlite:keys.db\"\n").unwrap();
    let run = |events: &str| {
        let args = ["--events", events, "--handler", "projection", "--report", "json"];
        demo(&args).current_dir(dir.path()).run()
    };
    let handled = |events: &str| report(&run(events).expect_success())["totals"]["handled"].as_u64();
    assert_eq!(handled("500"), Some(500));
    assert_eq!(handled("500"), Some(0));
    let connection = Connection::open(dir.path().join("keys.db")).unwrap();
    let named = "SELECT count(*) FROM kreplay_positions WHERE cluster_id IS NOT NULL OR topic_id IS NOT NULL";
    assert_eq!(
        connection.query_row(named, [], |row| row.get::<_, i64>(0)),
        Ok(0),
        "ids of the demo must not be stored"
    );
    // With fewer events the position in the file is beyond the end of the log.
    let refused = run("100");
    assert_eq!(refused.code(), Some(1), "{refused:?}");
    assert!(refused.stderr.contains("its log now ends at"), "{refused:?}");
}
