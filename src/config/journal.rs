//! What a run leaves of its configuration, and where.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use toml::Value;

use super::{Config, Environment, catalog, environment::variable, show::one_line};
use crate::{domain::MASK, handler::HandlerSpec, journal::Journals, replay::JournalOptions};

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
            left_out: self.left_out_of_journal(),
            resume: None,
        }
    }

    /// The settings that the handler goes by and that no journal holds, because they hold secrets.
    fn left_out_of_journal(&self) -> Vec<String> {
        let handler = &self.run.settings.handler;
        let is_handlers = |key: &str| match key.split('.').next() {
            Some("http") => matches!(handler, HandlerSpec::Http { .. }),
            Some("exec") => matches!(handler, HandlerSpec::Exec { .. }),
            Some("projection") => matches!(handler, HandlerSpec::Projection { .. }),
            Some("topic") => matches!(handler, HandlerSpec::Topic { .. }),
            _ => true,
        };
        let is_left_out = |key: &str| match handler {
            HandlerSpec::Http { url: Some(url) } if key == "http.url" => !url.is_whole(),
            _ => self.shown(key).is_some_and(|value| is_masked(&value)),
        };
        let keys = catalog::SECRETS.iter().map(|(key, _)| *key);
        keys.filter(|key| is_handlers(key) && is_left_out(key)).map(str::to_owned).collect()
    }

    fn shown(&self, key: &str) -> Option<Value> {
        catalog::settings().find(|setting| setting.key == key).and_then(|setting| (setting.show)(self))
    }

    /// What keeps a run from going on with this configuration, in one sentence: settings that it was started with, that its
    /// journal does not hold, and that nobody has given again.
    #[must_use]
    pub fn missing_secrets(&self, run: &str, left_out: &[String]) -> Option<String> {
        let unset = Self::default();
        let missing: Vec<&String> = left_out.iter().filter(|key| self.shown(key) == unset.shown(key)).collect();
        let names = missing.iter().map(|key| key.as_str()).collect::<Vec<_>>().join(", ");
        let variables = missing.iter().map(|key| variable(key)).collect::<Vec<_>>().join(", ");
        (!missing.is_empty()).then(|| {
            format!(
                "run {run} was started with a secret written out in {names}, which its journal does not hold; set it again, in a \
                 configuration file or as {variables}, and resume; a reference such as ${{env:NAME}} is held and need not be \
                 given again"
            )
        })
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
                "exec.directory" if matches!(self.run.settings.handler, HandlerSpec::Exec { .. }) => {
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
    fn a_secret_that_no_journal_holds_is_asked_for_and_nothing_else() {
        let with = |pairs: &[(&str, &str)]| {
            let assignments = pairs.iter().map(|(key, value)| Assignment::flag("-", key, *value)).collect();
            load(&Overrides { assignments, ..Overrides::default() }, &Environment::from_pairs([("T", "hunter2")]))
        };
        let literal = ("http.headers", "Authorization: hunter2");
        for (pairs, left_out) in [
            (&[("run.handler", "http:http://h/x"), literal][..], &["http.headers"][..]),
            (&[("run.handler", "http:http://u:hunter2@h/x")], &["http.url"]),
            (&[("run.handler", "http"), ("http.url", "http://u:hunter2@h/x"), literal], &["http.url", "http.headers"]),
            (&[("run.handler", "http:http://h/x"), ("http.headers", "Authorization: ${env:T}")], &[]),
            // Whatever else is configured, the handler does not go by it.
            (&[("run.handler", "null"), literal, ("projection.target", "postgres://u:hunter2@h/d")], &[]),
            (&[("run.handler", "projection"), ("projection.target", "sqlite:a.db")], &[]),
            (
                &[("run.handler", "projection"), ("projection.target", "postgres://u:hunter2@h/d")],
                &["projection.target"],
            ),
            (&[("run.handler", "exec:cat"), ("exec.environment", "TOKEN=hunter2")], &["exec.environment"]),
            (&[("run.handler", "topic:t"), ("topic.properties", "sasl.password=hunter2")], &["topic.properties"]),
            (&[("run.handler", "null"), ("decode.password", "hunter2")], &["decode.password"]),
        ] {
            let started = with(pairs);
            assert_eq!(started.left_out_of_journal(), left_out, "{pairs:?}");
            let owned = started.left_out_of_journal();
            let sentence = Config::default().missing_secrets("r", &owned);
            assert_eq!(sentence.is_some(), !left_out.is_empty());
            for key in left_out {
                let sentence = sentence.as_ref().unwrap();
                assert!(sentence.contains(key) && sentence.contains(&variable(key)), "{sentence}");
                assert!(!sentence.contains("hunter2"), "{sentence}");
            }
        }
        let owned = ["http.headers".to_owned()];
        assert_eq!(with(&[literal]).missing_secrets("r", &owned), None, "it is given again");
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
