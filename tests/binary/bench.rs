//! `kreplay bench`, small: on the broker inside kreplay, with the processes that it starts.

use serde_json::Value;

use crate::{DEADLINE, support::process::Program};

fn bench(args: &[&str]) -> Program {
    Program::kreplay().args(["bench"]).args(args).deadline(DEADLINE)
}

fn cases(report: &Value, section: &str) -> Vec<Value> {
    let all = report["cases"].as_array().unwrap();
    all.iter().filter(|case| case["section"] == section).cloned().collect()
}

#[test]
fn all_tiers_are_measured_side_by_side() {
    let args = ["--records", "3000", "--rounds", "2", "--rate", "5k/s", "--concurrency", "2,4", "--report", "json"];
    let finished = bench(&args).run();
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(report["schema"], "kreplay.bench/1");
    assert_eq!(
        (&report["embedded"], &report["records"], &report["partitions"]),
        (&true.into(), &3000.into(), &6.into())
    );
    let throughput = cases(&report, "throughput");
    let tiers: Vec<_> = throughput.iter().map(|case| case["case"].as_str().unwrap()).collect();
    assert_eq!(
        tiers,
        [
            "auto × 2",
            "stream × 2",
            "standard × 2",
            "buffered × 2",
            "dedicated × 2",
            "auto × 4",
            "stream × 4",
            "standard × 4",
            "buffered × 4",
            "dedicated × 4"
        ]
    );
    for case in throughput {
        assert_eq!(case["handled"], serde_json::json!({"median": 3000.0, "min": 3000.0, "max": 3000.0}), "{case:#}");
        assert!(case["records_per_s"]["min"].as_f64().unwrap() > 0.0, "{case:#}");
        assert_eq!(case["latency_ms"], Value::Null, "{case:#}");
    }
    for case in cases(&report, "latency") {
        let [p50, p99] = ["p50", "p99"].map(|point| case["latency_ms"][point]["median"].as_f64().unwrap());
        assert!(p50 > 0.0 && p50 <= p99, "{case:#}");
        // It may be slower on a busy machine, but a rate that is not kept would be far above.
        assert!(case["records_per_s"]["max"].as_f64().unwrap() < 6000.0, "{case:#}");
    }
    assert_eq!(cases(&report, "memory").len(), 4);
    for further in ["further_client_bytes", "further_member_bytes"] {
        assert!(report[further]["median"].is_number(), "{report:#}");
    }
    // Each measurement is told, and standard output has the report alone.
    assert!(finished.stderr.contains("36/36  buffered × 6, group"), "{}", finished.stderr);
}

#[test]
fn the_workloads_are_measured_with_their_targets() {
    let output = std::env::temp_dir().join(format!("kreplay-bench-{}.txt", std::process::id()));
    let path = output.to_str().unwrap();
    let args = ["--workloads", "--records", "200", "--rounds", "1", "--tiers", "standard", "--output", path];
    let finished = bench(&args).run();
    let text = std::fs::read_to_string(&output);
    drop(std::fs::remove_file(&output));
    assert_eq!((finished.code(), finished.stdout.as_str()), (Some(0), ""), "{finished:?}");
    let text = text.unwrap();
    for part in ["W1: key × 10", "W2: key × 100, group", "≤ 0.25 s: ", "W3: key × 6", "R06: partition × 10"] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
}

#[test]
fn what_cannot_be_measured_is_refused_before_it_begins() {
    for (args, part) in [
        (&["--topics", "t"][..], "--topics needs a cluster"),
        (&["--records", "2000000"], "name a cluster for more"),
        (&["--bootstrap-server", "127.0.0.1:1"], "no topic is named; use --topics NAME, or --create"),
        (&["--bootstrap-server", "127.0.0.1:1", "--workloads"], "--create makes them on this cluster"),
        (&["--bootstrap-server", "127.0.0.1:1", "--topics", "t", "--create"], "cannot be used with"),
        (&["--rate", "5MB/s"], "a measurement is paced by records"),
        (&["--rate", "fast"], "not a rate"),
        (&["--tiers", "fast"], "use auto, stream, standard, buffered or dedicated"),
        (&["--concurrency", "0"], "1 to 1000"),
        (&["--workloads", "--tiers", "stream,standard"], "one tier at a time"),
        (&["--handlers", "--tiers", "stream,standard"], "one tier at a time"),
        (&["--postgres", "postgres://ada:s3cret@127.0.0.1:1/d"], "--handlers"),
        (&["--handlers", "--postgres", "sqlite:a.db"], "sqlite:a.db is no PostgreSQL"),
        (&["--handlers", "--postgres", "mysql://ada:s3cret@h/d"], "it is no target"),
        (&["--handlers", "--postgres", "postgres://ada:s3cret@h:port/d"], "cannot be read"),
    ] {
        let finished = bench(args).run();
        assert_eq!((finished.code(), finished.stdout.as_str()), (Some(2), ""), "{args:?}: {finished:?}");
        assert!(finished.stderr.contains(part), "{args:?}: no {part:?} in\n{}", finished.stderr);
        assert!(!finished.stderr.contains("s3cret"), "{args:?}: {}", finished.stderr);
    }
}

#[test]
fn a_database_that_does_not_answer_is_a_failure_before_anything_is_made() {
    let finished = bench(&["--handlers", "--postgres", "postgres://ada:s3cret@127.0.0.1:1/d"]).run();
    assert_eq!((finished.code(), finished.stdout.as_str()), (Some(1), ""), "{finished:?}");
    assert!(finished.stderr.contains("postgres://127.0.0.1:1/d: cannot connect"), "{}", finished.stderr);
    assert!(finished.stderr.contains("see that PostgreSQL is running there"), "{}", finished.stderr);
    assert!(!finished.stderr.contains("s3cret") && !finished.stderr.contains("producing"), "{}", finished.stderr);
}

#[test]
fn a_cluster_that_does_not_answer_is_a_failure_and_leaves_nothing() {
    let finished = bench(&["--bootstrap-server", "127.0.0.1:1", "--topics", "t", "-X", "socket.timeout.ms=1000"]).run();
    assert_eq!((finished.code(), finished.stdout.as_str()), (Some(1), ""), "{finished:?}");
    assert!(finished.stderr.contains("no broker answers at 127.0.0.1:1"), "{}", finished.stderr);
}
