//! Small runs of `kreplay bench` on the embedded broker, with the processes that it starts.

use serde_json::Value;

use crate::support::{process::Program, timeouts::LONG_RUN_TIMEOUT};

fn bench(args: &[&str]) -> Program {
    Program::kreplay().args(["bench"]).args(args).timeout(LONG_RUN_TIMEOUT)
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
        // It may be slower on a busy machine, but without the rate limit it would be far faster.
        assert!(case["records_per_s"]["max"].as_f64().unwrap() < 6000.0, "{case:#}");
    }
    assert_eq!(cases(&report, "memory").len(), 4);
    for further in ["further_client_bytes", "further_member_bytes"] {
        assert!(report[further]["median"].is_number(), "{report:#}");
    }
    // Progress of each measurement is on standard error. Standard output has only the report.
    assert!(finished.stderr.contains("36/36  buffered × 6, group"), "{}", finished.stderr);
}

#[test]
fn workloads_are_measured_and_shown_with_their_targets() {
    let output = std::env::temp_dir().join(format!("kreplay-bench-{}.txt", std::process::id()));
    let path = output.to_str().unwrap();
    let args = ["--workloads", "--records", "200", "--rounds", "1", "--tiers", "standard", "--output", path];
    let finished = bench(&args).run();
    let text = std::fs::read_to_string(&output);
    drop(std::fs::remove_file(&output));
    assert_eq!((finished.code(), finished.stdout.as_str()), (Some(0), ""), "{finished:?}");
    let text = text.unwrap();
    for part in [
        "10 keys: key × 10",
        "1000 keys: key × 100, group",
        "≤ 0.25 s: ",
        "no work: key × 6",
        "10 partitions: partition × 10",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
}

#[test]
fn impossible_measurements_are_refused_before_they_start() {
    for (args, part) in [
        (&["--topics", "t"][..], "--topics needs a cluster"),
        (&["--records", "2000000"], "give a cluster to measure more"),
        (&["--bootstrap-server", "127.0.0.1:1"], "no topics given; use --topics NAME, or --create"),
        (&["--bootstrap-server", "127.0.0.1:1", "--workloads"], "add --create to allow that on this cluster"),
        (&["--bootstrap-server", "127.0.0.1:1", "--topics", "t", "--create"], "cannot be used with"),
        (&["--rate", "5MB/s"], "use a rate in records"),
        (&["--rate", "fast"], "not a rate"),
        (&["--tiers", "fast"], "use auto, stream, standard, buffered or dedicated"),
        (&["--concurrency", "0"], "1 to 1000"),
        (&["--workloads", "--tiers", "stream,standard"], "one tier at a time"),
        (&["--handlers", "--tiers", "stream,standard"], "one tier at a time"),
        (&["--postgres", "postgres://ada:s3cret@127.0.0.1:1/d"], "--handlers"),
        (&["--handlers", "--postgres", "sqlite:a.db"], "sqlite:a.db is not a PostgreSQL database"),
        (&["--handlers", "--postgres", "mysql://ada:s3cret@h/d"], "it is not a target"),
        (&["--handlers", "--postgres", "postgres://ada:s3cret@h:port/d"], "cannot be parsed"),
    ] {
        let finished = bench(args).run();
        assert_eq!((finished.code(), finished.stdout.as_str()), (Some(2), ""), "{args:?}: {finished:?}");
        assert!(finished.stderr.contains(part), "{args:?}: no {part:?} in\n{}", finished.stderr);
        assert!(!finished.stderr.contains("s3cret"), "{args:?}: {}", finished.stderr);
    }
}

#[test]
fn an_unreachable_database_fails_before_anything_is_created() {
    let finished = bench(&["--handlers", "--postgres", "postgres://ada:s3cret@127.0.0.1:1/d"]).run();
    assert_eq!((finished.code(), finished.stdout.as_str()), (Some(1), ""), "{finished:?}");
    assert!(finished.stderr.contains("postgres://127.0.0.1:1/d: cannot connect"), "{}", finished.stderr);
    assert!(finished.stderr.contains("check that PostgreSQL is running there"), "{}", finished.stderr);
    assert!(!finished.stderr.contains("s3cret") && !finished.stderr.contains("producing"), "{}", finished.stderr);
}

#[test]
fn an_unreachable_cluster_fails() {
    let finished = bench(&["--bootstrap-server", "127.0.0.1:1", "--topics", "t", "-X", "socket.timeout.ms=1000"]).run();
    assert_eq!((finished.code(), finished.stdout.as_str()), (Some(1), ""), "{finished:?}");
    assert!(finished.stderr.contains("no broker answered at 127.0.0.1:1"), "{}", finished.stderr);
}
