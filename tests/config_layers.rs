//! Precedence of file, environment and flags, and masking of secrets.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;

use kreplay::{
    config::{Assignment, Config, ConfigError, Environment, Origin, Overrides, ResumedSettings},
    replay::settings_text,
    settings::OnFailure,
};
use proptest::prelude::*;

fn load(file: &str, environment: &Environment, overrides: &Overrides) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("kreplay.toml"), file).unwrap();
    Config::load(overrides, environment, dir.path())
}

fn flags<const N: usize>(values: [(&str, &str, &str); N]) -> Overrides {
    let assignments = values.map(|(flag, key, value)| Assignment::flag(flag, key, value)).to_vec();
    Overrides { assignments, ..Overrides::default() }
}

fn properties(texts: &[&str]) -> Overrides {
    Overrides { properties: texts.iter().map(ToString::to_string).collect(), ..Overrides::default() }
}

#[test]
fn flags_override_the_environment_and_both_override_the_file() {
    let file =
        "[run]\nconcurrency = 2\nbatch = 2\nordering = 'none'\n[kafka.properties]\nclient.id = 'f'\ndebug = 'f'\n";
    let environment = Environment::from_pairs([
        ("KREPLAY_RUN_CONCURRENCY", "3"),
        ("KREPLAY_RUN_BATCH", "3"),
        ("KREPLAY_KAFKA_PROPERTIES_CLIENT_ID", "e"),
        ("KREPLAY_RUN_TOPICS", "a, b"),
    ]);
    let mut overrides = flags([("--concurrency", "run.concurrency", "4")]);
    overrides.properties.push("client.id=x=1".into());
    let config = load(file, &environment, &overrides).unwrap();
    let settings = &config.run.settings;
    assert_eq!((settings.concurrency.get(), settings.batch.get(), settings.ordering.as_str()), (4, 3, "none"));
    assert_eq!(config.kafka.properties.to_map()["client.id"], "x=1");
    assert_eq!(config.kafka.properties.to_map()["debug"], "f");
    let origins = ["run.concurrency", "run.batch", "run.ordering", "run.handler", "kafka.properties.client.id"]
        .map(|key| config.origin(key).to_string());
    assert_eq!(origins, ["--concurrency", "KREPLAY_RUN_BATCH", "kreplay.toml:4:12", "default", "-X"]);
    assert!(config.show(false).contains("topics = [\"a\", \"b\"]  # KREPLAY_RUN_TOPICS"), "{}", config.show(false));
}

#[test]
fn a_topic_selection_replaces_one_of_either_kind_from_a_lower_layer() {
    let config = load(
        "[run]\ntopics = ['a']\n",
        &Environment::default(),
        &flags([("--topics-regex", "run.topics_regex", "b.*")]),
    );
    let config = config.unwrap();
    assert_eq!(config.origin("run.topics"), Origin::Default);
    let shown = config.show(false);
    assert!(
        shown.contains("topics_regex = \"b.*\"  # --topics-regex") && shown.contains("# topics is not set"),
        "{shown}"
    );
}

/// Its journal does not have them. It may lack secrets, too, so these still come from file and environment.
#[test]
fn a_resumed_run_does_not_pick_up_settings_that_it_was_started_without() {
    let started = load("", &Environment::default(), &flags([("--topics", "run.topics", "a")])).unwrap();
    let stored = started.journal_options(&Environment::default());
    let run = settings_text(&stored.settings);
    let (connection, left_out) = (stored.connection, vec!["http.headers".to_owned()]);
    let resumed = ResumedSettings { origin: "journal".into(), connection, run, left_out };
    let overrides = Overrides { resumed: Some(resumed), ..flags([("--rate", "run.rate", "7/s")]) };
    let file = r#"
[kafka]
bootstrap_servers = "b:1"
[run]
headers = ["a=1"]
json = ["a=1"]
event_types = ["a"]
barriers = ["key=a"]
partitions = ["0=1..2"]
group = "g"
protect_group = "p"
max_lag = 5
on_failure = "skip"
state_dir = "/mine"
dead_letter.topic = "mine"
[decode]
value = "json"
[http]
headers = ["Authorization: hunter2"]
[projection]
target = "sqlite:mine.db"
"#;
    let environment = Environment::from_pairs([
        ("KREPLAY_RUN_KEYS", "a*"),
        ("KREPLAY_RUN_KEY_TEMPLATE", "{x}"),
        ("KREPLAY_RUN_RATE", "5/s"),
        ("KREPLAY_TOPIC_NAME", "t"),
    ]);
    let again = load(file, &environment, &overrides).unwrap();
    assert_eq!(again.run.scope.rules, started.run.scope.rules);
    assert_eq!(again.run.scope.range, started.run.scope.range);
    assert_eq!(again.run.handlers.topic, started.run.handlers.topic);
    assert_eq!(again.run.settings.rate.unwrap().to_string(), "7/s", "flags of resume take precedence");
    let mut settings = again.run.settings.clone();
    settings.rate = None;
    assert_eq!(settings, started.run.settings);
    assert_eq!(again.kafka.bootstrap_servers.as_deref(), Some("b:1"));
    assert_eq!(again.run.journal.state_dir.as_deref(), Some(Path::new("/mine")));
    assert_eq!(again.run.handlers.http.headers.len(), 1, "a secret that the journal leaves out");
    assert_eq!(again.run.handlers.projection.target, started.run.handlers.projection.target);
    // The failure policy can be changed, so that a run can get past a record that keeps failing.
    let environment =
        Environment::from_pairs([("KREPLAY_RUN_ON_FAILURE", "pause"), ("KREPLAY_RUN_DEAD_LETTER_TOPIC", "bad")]);
    let changed = load(file, &environment, &overrides).unwrap().run.settings;
    assert_eq!((changed.on_failure, changed.dead_letter.topic.as_str()), (OnFailure::Pause, "bad"));
}

#[test]
fn all_errors_are_reported_at_once() {
    let environment = Environment::from_pairs([("KREPLAY_RUN_BATCH", "many"), ("KREPLAY_RUN_TOPICS_REGEXP", "x")]);
    let mut overrides = flags([("--ordering", "run.ordering", "keys")]);
    overrides.properties = vec!["hunter2".into(), "group.id=hunter2".into(), "=hunter2".into()];
    let error = load("[run]\nbacth = 1\n", &environment, &overrides).unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
    insta::assert_snapshot!(error);
}

#[test]
fn keys_are_set_in_the_file_only() {
    let environment = Environment::from_pairs([("KREPLAY_CONSOLE_KEYS_STOP", "f9")]);
    let error = load("", &environment, &Overrides::default()).unwrap_err().to_string();
    assert_eq!(error, "KREPLAY_CONSOLE_KEYS_STOP: keys can be set only in a configuration file, in [console.keys]");
}

#[test]
fn bootstrap_servers_can_be_given_as_a_property_flag() {
    let config = load("", &Environment::default(), &properties(&["bootstrap.servers=a:1,b:2"])).unwrap();
    assert_eq!(config.kafka.bootstrap_servers.as_deref(), Some("a:1,b:2"));
    assert_eq!(config.kafka.properties.to_map().len(), 0);
}

#[test]
fn the_first_existing_configuration_file_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, batch: u32| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("[run]\nbatch = {batch}\n")).unwrap();
        path
    };
    let flag = write("flag.toml", 1);
    let variable = write("variable.toml", 2);
    let near = write("kreplay.toml", 3);
    let xdg = write("xdg/kreplay/config.toml", 4);
    write("home/.config/kreplay/config.toml", 5);
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let (variable, base) = (path(&variable), path(&dir.path().join("xdg")));
    let home = path(&dir.path().join("home"));
    let all = Environment::from_pairs([("KREPLAY_CONFIG", &variable), ("XDG_CONFIG_HOME", &base), ("HOME", &home)]);
    let user = Environment::from_pairs([("KREPLAY_CONFIG", ""), ("XDG_CONFIG_HOME", &base), ("HOME", &home)]);
    let home = Environment::from_pairs([("HOME", &home)]);
    let batch = |overrides: &Overrides, environment: &Environment| {
        let config = Config::load(overrides, environment, dir.path()).unwrap();
        (config.run.settings.batch.get(), config.file.is_some())
    };
    let none = Overrides::default();
    assert_eq!(batch(&Overrides { file: Some(flag), ..Overrides::default() }, &all), (1, true));
    assert_eq!(batch(&none, &all), (2, true));
    assert_eq!(batch(&none, &user), (3, true));
    std::fs::remove_file(near).unwrap();
    assert_eq!(batch(&none, &user), (4, true));
    assert_eq!(batch(&none, &home), (5, true));
    std::fs::remove_file(xdg).unwrap();
    assert_eq!(batch(&none, &user), (1000, false));
}

#[test]
fn a_named_file_that_is_missing_is_an_error() {
    let environment = Environment::from_pairs([("KREPLAY_CONFIG", "/no/such/kreplay.toml")]);
    let error = load("", &environment, &Overrides::default()).unwrap_err().to_string();
    assert!(error.contains("/no/such/kreplay.toml"), "{error}");
}

#[test]
fn handler_secrets_are_resolved_and_never_shown() {
    let file = r#"
[exec]
environment = ["MODE=replay", "PGPASSWORD=S3CRET1", "OTHER=${env:THE_SECRET}", "PRICE=$${x}"]
[http]
url = "https://ada:${env:THE_SECRET}@h/x?token=S3CRET2"
headers = ["Authorization: Bearer ${env:THE_SECRET}", "X-Api-Key: S3CRET3", "Accept: a/b"]
"#;
    let environment = Environment::from_pairs([("THE_SECRET", "S3CRET,4")]);
    let config = load(file, &environment, &Overrides::default()).unwrap();
    let values = |list: &[kreplay::domain::Secret]| list.iter().map(|one| one.value().to_owned()).collect::<Vec<_>>();
    let handlers = &config.run.handlers;
    assert_eq!(
        values(&handlers.exec.environment),
        ["MODE=replay", "PGPASSWORD=S3CRET1", "OTHER=S3CRET,4", "PRICE=${x}"]
    );
    assert_eq!(handlers.http.url.as_ref().unwrap().value(), "https://ada:S3CRET,4@h/x?token=S3CRET2");
    assert_eq!(values(&handlers.http.headers), ["Authorization: Bearer S3CRET,4", "X-Api-Key: S3CRET3", "Accept: a/b"]);
    let shown = config.show(false);
    for line in [
        r#"environment = ["MODE=replay", "PGPASSWORD=***", "OTHER=${env:THE_SECRET}", "PRICE=$${x}"]"#,
        r#"url = "https://ada:${env:THE_SECRET}@h/x?token=***""#,
        r#"headers = ["Authorization: Bearer ${env:THE_SECRET}", "X-Api-Key: ***", "Accept: a/b"]"#,
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    assert!(!format!("{shown}{config:?}{config:#?}").contains("S3CRET"));

    let variables = Environment::from_pairs([
        ("KREPLAY_HTTP_HEADERS", "X-Token: ${env:THE_SECRET}, Accept: b/c"),
        ("KREPLAY_HTTP_URL", "http://h/${env:THE_SECRET}"),
        ("THE_SECRET", "S3CRET,4"),
    ]);
    let http = load(file, &variables, &Overrides::default()).unwrap().run.handlers.http;
    assert_eq!(values(&http.headers), ["X-Token: S3CRET,4", "Accept: b/c"]);
    assert_eq!(http.url.unwrap().to_string(), "http://h/${env:THE_SECRET}");

    let wrong = "[exec]\nenvironment = ['S3CRET1', '${env:NO}']\n[http]\nurl = 'ada:S3CRET2'\nheaders = ['S3CRET3', 'X: ${x']\n";
    let error = load(wrong, &environment, &Overrides::default()).unwrap_err().to_string();
    assert!(!error.contains("S3CRET") && error.lines().count() == 3, "{error}");
}

proptest! {
    #[test]
    fn a_secret_is_never_shown(
        secret in r#"S3C[a-z0-9 $%&"'\\#=]{6,20}Z"#,
        name in prop::sample::select(vec![
            "sasl.password", "ssl.key.password", "ssl.key.pem", "sasl.oauthbearer.client.secret", "x.token", "sasl.jaas.config",
        ]),
        layer in 0..4,
    ) {
        let escaped = secret.replace('$', "$$").replace("$${", "${");
        let quoted = secret.replace('\\', "\\\\").replace('"', "\\\"");
        let variable = format!("KREPLAY_KAFKA_PROPERTIES_{}", name.to_uppercase().replace('.', "_"));
        prop_assume!(!escaped.contains("${") && !secret.contains("${"));
        let (file, environment, overrides) = match layer {
            0 => (format!("[kafka.properties]\n{name} = \"{quoted}\"\n"), Environment::default(), Overrides::default()),
            1 => (String::new(), Environment::from_pairs([(variable.as_str(), secret.as_str())]), Overrides::default()),
            2 => (String::new(), Environment::default(), properties(&[&format!("{name}={secret}")])),
            _ => (
                format!("[kafka.properties]\n{name} = \"${{env:THE_SECRET}}\"\n"),
                Environment::from_pairs([("THE_SECRET", secret.as_str())]),
                Overrides::default(),
            ),
        };
        let config = load(&file, &environment, &overrides).unwrap();
        let map = config.kafka.properties.to_map();
        prop_assert_eq!(&map[name], &secret);
        for text in [format!("{config:?}"), format!("{config:#?}"), config.show(false)] {
            prop_assert!(!text.contains(&secret) && !text.contains("S3C"), "{}", text);
        }
        // With an error in the file: its message does not contain the secret either.
        let broken = format!("{file}\nx = [\n");
        let mut wrong = overrides;
        wrong.assignments.push(Assignment::flag("--batch", "run.batch", "0"));
        let error = load(&broken, &environment, &wrong).unwrap_err();
        prop_assert!(!format!("{error} {error:?}").contains("S3C"), "{}", error);
    }
}
