//! Valid and invalid configuration files, the example file, and the schema.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[path = "config/schema.rs"]
mod schema;

use std::path::{Path, PathBuf};

use kreplay::{
    config::{Config, ConfigError, Environment, Overrides, ResumedSettings},
    journal::Journals,
    plan::TopicSet,
};

fn environment() -> Environment {
    Environment::from_pairs([("BROKERS", "b1:9092,b2:9092"), ("KEY_PASSWORD", "hunter2")])
}

fn load(file: &Path) -> Result<Config, ConfigError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Config::load(&Overrides { file: Some(file.into()), ..Overrides::default() }, &environment(), root)
}

fn fixtures(kind: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new("tests/fixtures/config").join(kind);
    let mut files: Vec<_> =
        std::fs::read_dir(root.join(&folder)).unwrap().map(|entry| folder.join(entry.unwrap().file_name())).collect();
    files.sort();
    assert!(files.len() >= 3);
    files
}

fn snapshot(file: &Path, text: &str) {
    insta::with_settings!({ snapshot_suffix => file.file_stem().unwrap().to_str().unwrap(), omit_expression => true }, {
        insta::assert_snapshot!(text);
    });
}

#[test]
fn errors_have_a_position_and_the_allowed_values() {
    for file in fixtures("invalid") {
        let error = load(&file).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(error.lines().all(|line| line.starts_with(&format!("{}:", file.display()))), "{error}");
        snapshot(&file, &error);
    }
}

#[test]
fn valid_files_are_shown_with_origins_and_can_be_read_back() {
    for file in fixtures("valid") {
        let shown = load(&file).unwrap().show(false);
        assert!(!shown.contains("hunter2") && !shown.contains("plain-text-password"), "{shown}");
        snapshot(&file, &shown);
        let dir = tempfile::tempdir().unwrap();
        let again = dir.path().join("again.toml");
        std::fs::write(&again, &shown).unwrap();
        let values = |text: &str| -> Vec<String> {
            text.lines().skip(1).map(|line| line.split("  # ").next().unwrap().to_owned()).collect()
        };
        assert_eq!(values(&load(&again).unwrap().show(false)), values(&shown));
    }
}

#[test]
fn values_reach_their_settings() {
    let config = load(Path::new("tests/fixtures/config/valid/full.toml")).unwrap();
    assert_eq!(config.kafka.bootstrap_servers.as_deref(), Some("broker-1:9092,[::1]:9093"));
    assert_eq!(config.kafka.properties.to_map()["fetch.wait.max.ms"], "10");
    assert!(matches!(&config.run.topics, Some(TopicSet::Matching(regex)) if regex.is_match("vc.a.events")));
    assert_eq!(config.run.settings.buffer_bytes, 1 << 30);
    assert_eq!(config.demo.datasets.events.get(), 16);

    let secrets = load(Path::new("tests/fixtures/config/valid/secrets.toml")).unwrap();
    assert_eq!(secrets.kafka.bootstrap_servers.as_deref(), Some("b1:9092,b2:9092"));
    let properties = secrets.kafka.properties.to_map();
    assert_eq!(properties["ssl.key.password"], "hunter2");
    assert_eq!(properties["sasl.oauthbearer.config"], "principal=ada ${x}");
}

#[test]
fn a_demo_ignores_the_files_settings_for_real_runs() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.toml");
    std::fs::write(&file, "[run]\nhandler = 'ndjson:prod'\ngroup = 'prod'\nconcurrency = 9\nbatch = 7\n").unwrap();
    let demo = load(&file).unwrap().demo_settings();
    assert_eq!((demo.handler.to_string().as_str(), demo.group, demo.concurrency.get()), ("simulate:1ms", None, 1));
    assert_eq!(demo.batch.get(), 7);
}

#[test]
fn unreadable_files_are_named_in_the_error() {
    let missing = load(Path::new("no/such.toml")).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read the configuration no/such.toml: No such file"), "{missing}");
    let dir = tempfile::tempdir().unwrap();
    let binary = dir.path().join("binary.toml");
    std::fs::write(&binary, b"[run]\n# \xff").unwrap();
    assert!(load(&binary).unwrap_err().to_string().contains("not valid UTF-8 (line 2)"));
    std::fs::write(&binary, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(load(&binary).unwrap_err().to_string().contains("larger than 1 MiB"));
}

const EXAMPLE: &str = include_str!("../config.example.toml");

/// The settings of the example: each key, and a file with only that setting.
fn examples() -> Vec<(String, String)> {
    let mut table = "";
    let mut found = Vec::new();
    for line in EXAMPLE.lines() {
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = header;
        } else if let Some(setting) =
            line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
        {
            let (name, _) = setting.split_once(" = ").unwrap_or_else(|| panic!("{line}"));
            found.push((format!("{table}.{name}"), format!("[{table}]\n{setting}\n")));
        } else {
            assert!(line.is_empty() || line == "#" || line.starts_with("# "), "{line}");
        }
    }
    found
}

/// Whether a key is an entry of a table with names of its own, which has no defaults in `config show`.
fn is_entry(key: &str) -> bool {
    ["kafka.properties.", "console.keys.", "alerts.", "notify."].iter().any(|table| key.starts_with(table))
}

/// The keys and values in the output of `config show`; `None` for settings that are not set.
fn shown(config: &Config) -> Vec<(String, Option<String>)> {
    let mut table = String::new();
    let mut found = Vec::new();
    for line in config.show(false).lines().skip(1) {
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            header.clone_into(&mut table);
        } else if let Some(name) = line.strip_prefix("# ").and_then(|rest| rest.strip_suffix(" is not set")) {
            found.push((format!("{table}.{name}"), None));
        } else if let Some((name, rest)) = line.split_once(" = ") {
            found.push((format!("{table}.{name}"), Some(rest.split("  # ").next().unwrap().to_owned())));
        }
    }
    found
}

#[test]
fn the_unchanged_example_has_no_effect() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = load(&root.join("config.example.toml")).unwrap();
    assert_eq!(shown(&example), shown(&Config::default()));
}

#[test]
fn the_example_has_every_setting_with_its_default() {
    let examples = examples();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("one.toml");
    // Skip properties, keys, the list of keys and references, which name files and variables that do not exist.
    let is_skipped = |key: &str| is_entry(key) || key == "run.keys_from";
    for (key, text) in examples.iter().filter(|(key, text)| !is_skipped(key) && !text.contains("${")) {
        std::fs::write(&file, text).unwrap();
        let with = shown(&load(&file).unwrap_or_else(|error| panic!("{error}")));
        let changed: Vec<_> =
            with.iter().zip(shown(&Config::default())).filter(|(with, default)| **with != *default).collect();
        for (with, default) in changed {
            if [("demo.work", "demo.handler"), ("run.from", "run.last")].contains(&(with.0.as_str(), key.as_str())) {
                continue; // the first is replaced by the second
            }
            assert_eq!((&with.0, &default.1), (key, &None), "the value in the example is not the default");
        }
    }
    let named: Vec<_> = examples.iter().map(|(key, _)| key.clone()).filter(|key| !is_entry(key)).collect();
    let mut expected: Vec<_> = shown(&Config::default()).into_iter().map(|(key, _)| key).collect();
    let mut sorted = named.clone();
    sorted.sort();
    expected.sort();
    assert_eq!(sorted, expected);
}

#[test]
fn the_keys_of_the_example_can_be_used_together() {
    let keys: Vec<_> = examples().into_iter().filter(|(key, _)| key.starts_with("console.keys.")).collect();
    let settings: String = keys.iter().map(|(_, text)| text.replace("[console.keys]\n", "")).collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.toml");
    std::fs::write(&file, format!("[console.keys]\n{settings}")).unwrap();
    let config = load(&file).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.console.keymap.changes().count(), keys.len());
    assert!(keys.len() >= 3);
}

#[test]
fn the_alerts_of_the_example_can_be_used_together() {
    let alerts: Vec<_> = examples().into_iter().filter(|(key, _)| key.starts_with("alerts.")).collect();
    let settings: String = alerts.iter().map(|(_, text)| text.replace("[alerts]\n", "")).collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("alerts.toml");
    std::fs::write(&file, format!("[alerts]\n{settings}")).unwrap();
    let rules = load(&file).unwrap_or_else(|error| panic!("{error}")).alerts.rules();
    let of_runs = load(&file).unwrap_or_else(|error| panic!("{error}")).alerts.run_rules();
    assert_eq!(rules.len() + of_runs.len(), alerts.len() + 1, "the rule on verdicts is there, too");
    assert!(alerts.len() >= 2 && !of_runs.is_empty());
}

#[test]
fn the_actions_of_the_example_can_be_used_together() {
    let actions: Vec<_> = examples().into_iter().filter(|(key, _)| key.starts_with("notify.")).collect();
    let settings: String = actions.iter().map(|(_, text)| text.replace("[notify]\n", "")).collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("notify.toml");
    std::fs::write(&file, format!("[notify]\n{settings}").replace("${env:HOOK_TOKEN}", "token")).unwrap();
    let configured = load(&file).unwrap_or_else(|error| panic!("{error}")).notify.actions();
    assert_eq!(configured.len(), actions.len() + 2, "bell and desktop are there, too");
    assert!(actions.len() >= 3);
}

#[test]
fn the_example_marks_settings_without_a_default() {
    for (key, _) in shown(&Config::default()).iter().filter(|(_, value)| value.is_none()) {
        let (table, name) = key.split_once('.').unwrap();
        let section = EXAMPLE.split(&format!("\n[{table}]\n")).nth(1).unwrap();
        let before = section.split(&format!("\n#{name} = ")).next().unwrap();
        let comment = before.rsplit("\n\n").next().unwrap();
        assert!(comment.contains("Not set by default"), "{key}: {comment}");
    }
}

/// The journal is a fixture, written by a build of November 2026.
#[test]
fn settings_of_a_run_of_an_earlier_build_are_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let journals = Journals::below(&root.join("tests/fixtures/journal"));
    let head = journals.resumable("20261128T202508-c2d2f").unwrap();
    let (connection, run, left_out) = (head.connection, head.settings, head.left_out);
    let resumed = ResumedSettings { origin: "journal".into(), connection, run, left_out };
    let overrides = Overrides { resumed: Some(resumed), ..Overrides::default() };
    let config = Config::load(&overrides, &Environment::default(), root).unwrap();
    assert_eq!(config.kafka.bootstrap_servers.as_deref(), Some("127.0.0.1:29092"));
    assert_eq!((config.run.handler.to_string(), config.run.settings.concurrency.get()), ("simulate:20ms".into(), 3));
}

fn schema_mismatches(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    schema::mismatches(&text.parse().unwrap())
}

#[test]
fn valid_files_and_the_example_fit_the_schema() {
    for file in fixtures("valid") {
        assert_eq!(schema_mismatches(&file), [""; 0], "{}", file.display());
    }
    for (key, text) in examples() {
        assert_eq!(schema::mismatches(&text.parse().unwrap()), [""; 0], "{key}");
    }
}

#[test]
fn the_schema_refuses_unknown_keys_wrong_types_and_values_out_of_bounds() {
    let found = |name: &str| schema_mismatches(&Path::new("tests/fixtures/config/invalid").join(name));
    assert_eq!(
        found("unknown_keys.toml"),
        [
            ".concurrency: unknown",
            ".console.themes: unknown",
            ".kafak: unknown",
            ".nowhere: unknown",
            ".run.concurency: unknown",
            ".run.retry.attempt: unknown",
            ".run.something: unknown"
        ]
    );
    assert_eq!(found("both_selections.toml"), [".run: allOf"]);
    assert_eq!(
        found("tables.toml"),
        [".console.theme: type", ".demo.datasets: type", ".kafka.properties: type", ".run: type"]
    );
    for (text, mismatch) in [
        ("run.batch = 0", ".run.batch: minimum"),
        ("run.concurrency = 1001", ".run.concurrency: anyOf"),
        ("run.concurrency = 'many'", ".run.concurrency: anyOf"),
        ("run.ordering = 'keys'", ".run.ordering: enum"),
        ("run.buffer = '32'", ".run.buffer: pattern"),
        ("run.drain_timeout = '30'", ".run.drain_timeout: pattern"),
        ("run.retry.jitter = 1.5", ".run.retry.jitter: maximum"),
        ("run.topics = [1]", ".run.topics: items"),
        ("console.keys.toggle_pause = 'p'", ".console.keys.toggle_pause: unknown"),
        ("console.keys.interrupt = 'f9'", ".console.keys.interrupt: unknown"),
        ("console.keys.stop = true", ".console.keys.stop: type"),
    ] {
        assert_eq!(schema::mismatches(&text.parse().unwrap()), [mismatch], "{text}");
    }
    for text in ["run.concurrency = 'auto'", "run.from = 17", "http.headers = []", "export.file_age = 'off'"] {
        assert_eq!(schema::mismatches(&text.parse().unwrap()), [""; 0], "{text}");
    }
}
