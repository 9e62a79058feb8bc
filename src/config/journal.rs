//! What a run leaves of its configuration, and where.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use toml::Value;

use super::{Config, Environment, catalog, show::one_line};
use crate::{domain::MASK, journal::Journals, replay::JournalOptions};

/// Settings of `[run]` that are not part of a run.
const NOT_THE_RUNS: [&str; 5] =
    ["run.dry_run", "run.journal", "run.journal_keep", "run.state_dir", "run.progress_interval"];

/// The tables that say how a run goes.
const TABLES: [&str; 8] = ["run", "decode", "projection", "topics", "topic", "exec", "http", "export"];

/// A path, or the path behind `sqlite:`, as it is from every directory. One that begins with a reference is left alone.
fn absolute(value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    let (scheme, path) = match text.strip_prefix("sqlite:") {
        Some(path) => ("sqlite:", path.strip_prefix("//").unwrap_or(path)),
        // Another database, or nothing that is here.
        None if text.contains("://") || text.starts_with("postgres") => return Some(value.clone()),
        None => ("", text),
    };
    if path.starts_with("${") {
        return Some(value.clone());
    }
    Some(Value::from(format!("{scheme}{}", std::path::absolute(path).ok()?.display())))
}

/// Whether a part of what is shown stands for a secret.
fn is_masked(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(MASK),
        Value::Array(items) => items.iter().any(is_masked),
        _ => false,
    }
}

/// What a run that goes on was started with, as its journal has it.
#[derive(Clone, Debug, Default)]
pub struct ResumedSettings {
    /// What it is called in errors.
    pub origin: PathBuf,
    /// How to reach its cluster, as a configuration file says it.
    pub connection: String,
    /// How it goes, as a configuration file says it.
    pub run: String,
}

impl Config {
    /// Where journals are: below `run.state_dir`, `$XDG_STATE_HOME` or `~/.local/state`, the first that is named; `None`
    /// where none is.
    #[must_use]
    pub fn journals(&self, environment: &Environment) -> Option<Journals> {
        let home = || Some(Path::new(environment.path("HOME")?).join(".local/state"));
        // The specification wants relative paths to be ignored.
        let user = || environment.path("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let named = self.run.journal.state_dir.clone();
        named.or_else(user).or_else(home).map(|dir| Journals::below(&dir))
    }

    /// What a session needs to keep journals, wanted or not.
    #[must_use]
    pub fn journal_options(&self, environment: &Environment) -> JournalOptions {
        let (connection, settings) = self.for_journal();
        JournalOptions {
            journals: self.journals(environment),
            keep: self.run.journal.keep as usize,
            connection,
            settings,
            resume: None,
        }
    }

    /// How to reach the cluster, and how a run goes: what it reads, and what its handler does with it.
    fn for_journal(&self) -> (String, BTreeMap<String, String>) {
        let settings = catalog::settings().filter(|setting| !NOT_THE_RUNS.contains(&setting.key));
        let settings = settings.filter(|setting| {
            let table = setting.key.split('.').next().unwrap_or_default();
            TABLES.contains(&table)
        });
        let settings = settings.filter_map(|setting| {
            let value = match setting.key {
                // Whoever goes on may do so in another directory.
                "run.handler" => Value::from(self.run.settings.handler.absolute().ok()?.to_string()),
                "run.keys_from" => absolute(&Value::from(self.run.keys_from.clone()?))?,
                // The command and its arguments mean what they mean in this directory.
                "exec.directory" if matches!(self.run.settings.handler, crate::handler::HandlerSpec::Exec { .. }) => {
                    absolute(&(setting.show)(self).unwrap_or_else(|| Value::from(".")))?
                }
                key if catalog::PATHS.contains(&key) => absolute(&(setting.show)(self)?)?,
                _ => (setting.show)(self)?,
            };
            // A secret is not written down; whoever goes on has it from where it was before. References stay references.
            let is_secret = catalog::SECRETS.iter().any(|(key, _)| *key == setting.key);
            (!(is_secret && is_masked(&value))).then(|| (setting.key.to_owned(), one_line(&value)))
        });
        // An address that comes from elsewhere stays there.
        let open = self.kafka.bootstrap_servers.as_ref().filter(|it| Some(*it) == self.kafka.bootstrap_shown.as_ref());
        let connection = open.map_or_else(String::new, |servers| {
            format!("[kafka]\nbootstrap_servers = {}\n", one_line(&Value::from(servers.clone())))
        });
        (connection, settings.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Assignment, Overrides},
        replay::settings_text,
    };

    fn load(overrides: &Overrides, environment: &Environment) -> Config {
        let dir = tempfile::tempdir().unwrap();
        Config::load(overrides, environment, dir.path()).unwrap()
    }

    #[test]
    fn a_number_of_workers_that_was_found_on_the_way_is_found_again_unless_the_one_who_resumes_says_otherwise() {
        for (started, flag, expected) in
            [("auto", None, true), ("auto", Some("7"), false), ("7", Some("auto"), true), ("7", None, false)]
        {
            let assignments = vec![
                Assignment::flag("--concurrency", "run.concurrency", started),
                Assignment::flag("--rate", "run.rate", "5k/s"),
            ];
            let (connection, settings) =
                load(&Overrides { assignments, ..Overrides::default() }, &Environment::default()).for_journal();
            let run = settings_text(&settings);
            let resumed = ResumedSettings { origin: "journal".into(), connection, run };
            let again = |key: &str, value: &str| Assignment::flag("-", key, value);
            let mut assignments = vec![again("run.rate", "off")];
            assignments.extend(flag.map(|value| again("run.concurrency", value)));
            let config = load(
                &Overrides { assignments, resumed: Some(resumed), ..Overrides::default() },
                &Environment::default(),
            );
            assert_eq!(config.run.settings.adaptive, expected, "{started}, then {flag:?}");
            assert_eq!(config.run.settings.rate, None, "a rate can be lifted");
        }
    }

    #[test]
    fn a_run_that_goes_on_has_the_settings_it_was_started_with() {
        let flags = [
            ("kafka.bootstrap_servers", "broker:9092"),
            ("run.topics", "a,b"),
            ("run.concurrency", "7"),
            ("run.retry.attempts", "9"),
            ("run.last", "1000"),
            ("run.to", "-1h"),
            ("run.keys", "a*,b\u{1b}c\nd"),
            ("run.key_template", "team:{team_id}"),
            ("run.handler", "simulate:lognormal:5ms:0.5,fail=0.01"),
        ];
        let assignments = flags.map(|(key, value)| Assignment::flag("-", key, value)).to_vec();
        let started = load(
            &Overrides { assignments, properties: vec!["sasl.password=hunter2".into()], ..Overrides::default() },
            &Environment::default(),
        );
        let (connection, settings) = started.for_journal();
        let run = settings_text(&settings);
        assert!(!run.contains("hunter2") && !connection.contains("hunter2"));
        let resumed = ResumedSettings { origin: "journal".into(), connection, run };
        let flag = vec![Assignment::flag("--concurrency", "run.concurrency", "3")];
        let environment =
            Environment::from_pairs([("KREPLAY_RUN_BATCH", "5"), ("KREPLAY_KAFKA_BOOTSTRAP_SERVERS", "other:1")]);
        let again =
            load(&Overrides { assignments: flag, resumed: Some(resumed), ..Overrides::default() }, &environment);
        let concurrency = again.run.settings.concurrency;
        assert_eq!(concurrency.get(), 3, "a flag of the one who resumes is stronger");
        assert_eq!(
            again.kafka.bootstrap_servers.as_deref(),
            Some("other:1"),
            "so is where the cluster is said to be now"
        );
        let mut settings = again.run.settings.clone();
        settings.concurrency = started.run.settings.concurrency;
        assert_eq!(settings, started.run.settings, "all else is pinned");
        assert_eq!(again.run.scope.range, started.run.scope.range);
        assert_eq!(again.run.scope.rules, started.run.scope.rules);
        assert_eq!(again.for_journal().1["run.topics"], r#"["a", "b"]"#);
    }

    #[test]
    fn the_handlers_tables_come_along_without_secrets_and_from_every_directory() {
        let environment = Environment::from_pairs([("TOKEN", "hunter2")]);
        let flags = [
            ("run.handler", "ndjson:out/lines"),
            ("http.url", "https://u:hunter2@h/x"),
            ("http.headers", "Authorization: ${env:TOKEN}"),
        ];
        let assignments = flags.map(|(key, value)| Assignment::flag("-", key, value)).to_vec();
        let started = load(&Overrides { assignments, ..Overrides::default() }, &environment);
        let (connection, settings) = started.for_journal();
        let run = settings_text(&settings);
        assert!(!run.contains("hunter2"), "{run}");
        assert!(!settings.contains_key("http.url"), "half a secret is of no use: {run}");
        let here = std::env::current_dir().unwrap();
        assert!(run.contains(&format!("handler = \"ndjson:{}/out/lines\"", here.display())), "{run}");
        let resumed = ResumedSettings { origin: "journal".into(), connection, run };
        let overrides = Overrides { resumed: Some(resumed), ..Overrides::default() };
        let again = load(&overrides, &environment);
        assert_eq!(again.run.settings.handlers.http.headers, started.run.settings.handlers.http.headers);
        assert_eq!(again.run.settings.handlers.http.headers[0].value(), "Authorization: hunter2");
    }

    #[test]
    fn paths_are_made_absolute_and_nothing_else() {
        let here = std::env::current_dir().unwrap();
        let made = |text: &str| absolute(&Value::from(text)).unwrap().as_str().unwrap().to_owned();
        assert_eq!(made("a.sql"), here.join("a.sql").display().to_string());
        assert_eq!(made("sqlite:a.db"), format!("sqlite:{}", here.join("a.db").display()));
        for same in ["/a.sql", "sqlite:/a.db", "postgres://h/d", "postgres:host=h", "${env:TARGET}", "sqlite:${env:T}"]
        {
            assert_eq!(made(same), same);
        }
        assert_eq!(made("sqlite:///a.db"), "sqlite:/a.db");
    }

    #[test]
    fn the_state_directory_is_the_first_that_is_named() {
        let dir = |config: &Config, pairs: [(&str, &str); 2]| {
            config.journals(&Environment::from_pairs(pairs)).map(|journals| journals.dir().display().to_string())
        };
        let mut config = Config::default();
        let (home, state) = (("HOME", "/home/ada"), ("XDG_STATE_HOME", "/state"));
        assert_eq!(dir(&config, [home, state]).unwrap(), "/state/kreplay/runs");
        assert_eq!(dir(&config, [home, ("XDG_STATE_HOME", "here")]).unwrap(), "/home/ada/.local/state/kreplay/runs");
        assert_eq!(dir(&config, [("HOME", ""), ("XDG_STATE_HOME", "")]), None);
        config.run.journal.state_dir = Some("/mine".into());
        assert_eq!(dir(&config, [home, state]).unwrap(), "/mine/kreplay/runs");
    }
}
