//! The part of the configuration that a run stores in its journal, and where journals are.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use kreplay_engine::{journal::Journals, replay::JournalOptions, rules::KeyList};
use kreplay_handlers::HandlerSpec;
use kreplay_model::domain::MASK;
use toml::Value;

use super::{Config, Environment, catalog, environment::variable, kind::Kind, show::one_line};

/// Settings of `[run]` that are not stored, because they do not define the run.
const NOT_STORED: [&str; 5] =
    ["run.dry_run", "run.journal", "run.journal_keep", "run.state_dir", "run.progress_interval"];

/// The tables whose settings are stored.
const STORED_TABLES: [&str; 8] = ["run", "decode", "projection", "topics", "topic", "exec", "http", "export"];

/// The entry of a journal's settings with the digest of the keys in the file `run.keys_from`. It is not a setting.
pub(super) const KEYS_DIGEST: &str = "run.keys_digest";

/// The digest of a list of keys, as a journal has it.
pub(super) fn keys_digest(list: &KeyList) -> String {
    format!("{:016x}", list.digest())
}

/// The digest of the keys in the settings of a journal. Journals of earlier versions have none.
pub(super) fn stored_keys_digest(settings: &str) -> Option<String> {
    let tables: toml::Table = settings.parse().ok()?;
    Some(tables.get("run")?.get("keys_digest")?.as_str()?.to_owned())
}

/// Whether a setting defines a run, so that the journal of the run stores it.
fn defines_run(key: &str) -> bool {
    let table = key.split('.').next().unwrap_or_default();
    STORED_TABLES.contains(&table) && !NOT_STORED.contains(&key)
}

/// Whether a resumed run has a setting from its journal alone: a run whose journal does not have it was started without
/// it. The secrets that the journal leaves out are not of this kind.
pub(super) fn is_of_journal_alone(key: &str, left_out: &[String]) -> bool {
    // A dry run has no journal, so a run that has one is never continued as a dry run.
    let is_of_run = defines_run(key) || key == "run.dry_run";
    is_of_run && catalog::setting(key).is_some() && !left_out.iter().any(|one| one == key)
}

/// Makes a path absolute, also one after `sqlite:`. Other databases, and paths that begin with a reference, are not
/// changed.
fn absolute(value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    let (scheme, path) = match text.strip_prefix("sqlite:") {
        Some(path) => ("sqlite:", path.strip_prefix("//").unwrap_or(path)),
        // Another database, not a local path.
        None if text.contains("://") || text.starts_with("postgres") => return Some(value.clone()),
        None => ("", text),
    };
    if path.starts_with("${") {
        return Some(value.clone());
    }
    Some(Value::from(format!("{scheme}{}", std::path::absolute(path).ok()?.display())))
}

/// Whether a shown value contains the mask of a secret.
fn is_masked(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(MASK),
        Value::Array(items) => items.iter().any(is_masked),
        _ => false,
    }
}

/// The stored settings of a run that is being resumed.
#[derive(Clone, Debug, Default)]
pub struct ResumedSettings {
    /// Name of the source in error messages.
    pub origin: PathBuf,
    /// The connection to the cluster, as the text of a configuration file.
    pub connection: String,
    /// The settings of the run, as the text of a configuration file.
    pub run: String,
    /// Keys of settings that the journal does not have, because they contain literal secrets.
    pub left_out: Vec<String>,
}

impl Config {
    /// The journals below the state directory; `None` if none is known.
    #[must_use]
    pub fn journals(&self, environment: &Environment) -> Option<Journals> {
        self.state_dir(environment).map(|dir| Journals::below(&dir))
    }

    /// The first of `run.state_dir`, `$XDG_STATE_HOME` and `~/.local/state` that is known; `None` if none is.
    #[must_use]
    pub fn state_dir(&self, environment: &Environment) -> Option<PathBuf> {
        let home = || Some(Path::new(environment.path("HOME")?).join(".local/state"));
        // The XDG specification requires relative paths to be ignored.
        let user = || environment.path("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let named = self.run.journal.state_dir.clone();
        named.or_else(user).or_else(home)
    }

    /// Journal options for a session, also if `run.journal` is false.
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

    /// Keys of settings that the handler uses and that are not stored, because they contain literal secrets.
    fn left_out_of_journal(&self) -> Vec<String> {
        let handler = &self.run.handler;
        let is_used = |key: &str| match key.split('.').next() {
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
        let secrets = catalog::settings().filter(|setting| setting.kind.secret().is_some());
        secrets.map(|setting| setting.key.to_owned()).filter(|key| is_used(key) && is_left_out(key)).collect()
    }

    fn shown(&self, key: &str) -> Option<Value> {
        catalog::setting(key).and_then(|setting| (setting.show)(self))
    }

    /// The error for a run that cannot be resumed because secret settings are missing: its journal does not store them,
    /// and this configuration does not set them. `None` if nothing is missing.
    #[must_use]
    pub fn missing_secrets(&self, run: &str, left_out: &[String]) -> Option<String> {
        let unset = Self::default();
        let missing: Vec<&String> = left_out.iter().filter(|key| self.shown(key) == unset.shown(key)).collect();
        let names = missing.iter().map(|key| key.as_str()).collect::<Vec<_>>().join(", ");
        let variables = missing.iter().map(|key| variable(key)).collect::<Vec<_>>().join(", ");
        (!missing.is_empty()).then(|| {
            format!(
                "run {run} was started with literal secrets in {names}, which its journal does not store; set them \
                 again in a configuration file or as {variables}, then resume (references such as ${{env:NAME}} are \
                 stored)"
            )
        })
    }

    /// The connection as the text of a configuration file, and the run's settings by key, for the journal.
    fn for_journal(&self) -> (String, BTreeMap<String, String>) {
        let settings = catalog::settings().filter(|setting| defines_run(setting.key)).filter_map(|setting| {
            let value = match setting.key {
                // The run may be resumed in another directory.
                "run.handler" => Value::from(self.run.handler.absolute().ok()?.to_string()),
                "run.keys_from" => absolute(&Value::from(self.run.keys_from.clone()?))?,
                // The command and its arguments may be relative to this directory.
                "exec.directory" if matches!(self.run.handler, HandlerSpec::Exec { .. }) => {
                    absolute(&(setting.show)(self).unwrap_or_else(|| Value::from(".")))?
                }
                // The path after `sqlite:`.
                "projection.target" => absolute(&(setting.show)(self)?)?,
                _ if matches!(setting.kind, Kind::Path(_)) => absolute(&(setting.show)(self)?)?,
                _ => (setting.show)(self)?,
            };
            // Literal secrets are not stored. References are stored as references and resolved again on resume.
            let is_secret = setting.kind.secret().is_some();
            (!(is_secret && is_masked(&value))).then(|| (setting.key.to_owned(), one_line(&value)))
        });
        // The file can change before the run is resumed.
        let list = self.run.scope.rules.filter.key_list.as_ref();
        let digest = list.map(|list| (KEYS_DIGEST.to_owned(), one_line(&Value::from(keys_digest(list)))));
        // Addresses that contain a reference are not stored.
        let plain = self.kafka.bootstrap_servers.as_ref().filter(|it| Some(*it) == self.kafka.bootstrap_shown.as_ref());
        let connection = plain.map_or_else(String::new, |servers| {
            format!("[kafka]\nbootstrap_servers = {}\n", one_line(&Value::from(servers.clone())))
        });
        (connection, settings.chain(digest).collect())
    }
}

#[cfg(test)]
mod tests {
    use kreplay_engine::replay::settings_text;

    use super::*;
    use crate::config::{Assignment, Overrides};

    fn load(overrides: &Overrides, environment: &Environment) -> Config {
        let dir = tempfile::tempdir().unwrap();
        Config::load(overrides, environment, dir.path()).unwrap()
    }

    #[test]
    fn automatic_concurrency_and_rate_are_restored_unless_flags_override_them() {
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
            let resumed = ResumedSettings { origin: "journal".into(), connection, run, ..ResumedSettings::default() };
            let again = |key: &str, value: &str| Assignment::flag("-", key, value);
            let mut assignments = vec![again("run.rate", "off")];
            assignments.extend(flag.map(|value| again("run.concurrency", value)));
            let config = load(
                &Overrides { assignments, resumed: Some(resumed), ..Overrides::default() },
                &Environment::default(),
            );
            assert_eq!(config.run.settings.adaptive, expected, "{started}, then {flag:?}");
            assert_eq!(config.run.settings.rate, None, "a stored rate can be removed");
        }
    }

    #[test]
    fn a_resumed_run_keeps_the_settings_it_was_started_with() {
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
        let resumed = ResumedSettings { origin: "journal".into(), connection, run, ..ResumedSettings::default() };
        let flag = vec![Assignment::flag("--concurrency", "run.concurrency", "3")];
        let environment =
            Environment::from_pairs([("KREPLAY_RUN_BATCH", "5"), ("KREPLAY_KAFKA_BOOTSTRAP_SERVERS", "other:1")]);
        let again =
            load(&Overrides { assignments: flag, resumed: Some(resumed), ..Overrides::default() }, &environment);
        let concurrency = again.run.settings.concurrency;
        assert_eq!(concurrency.get(), 3, "flags of resume take precedence");
        assert_eq!(
            again.kafka.bootstrap_servers.as_deref(),
            Some("other:1"),
            "the current bootstrap servers take precedence"
        );
        let mut settings = again.run.settings.clone();
        settings.concurrency = started.run.settings.concurrency;
        assert_eq!(settings, started.run.settings, "all other settings are restored");
        assert_eq!((&again.run.handler, &again.run.handlers), (&started.run.handler, &started.run.handlers));
        assert_eq!(again.run.scope.range, started.run.scope.range);
        assert_eq!(again.run.scope.rules, started.run.scope.rules);
        assert_eq!(again.for_journal().1["run.topics"], r#"["a", "b"]"#);
    }

    #[test]
    fn a_run_is_not_resumed_with_other_keys() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys").display().to_string();
        let write = |keys: &str| std::fs::write(&path, keys).unwrap();
        write("a\nb\n");
        let flag = Assignment::flag("--keys-from", "run.keys_from", path.as_str());
        let overrides = Overrides { assignments: vec![flag], ..Overrides::default() };
        let (_, settings) = load(&overrides, &Environment::default()).for_journal();
        let resume = |settings: &BTreeMap<String, String>| {
            let run = settings_text(settings);
            let resumed = ResumedSettings { origin: "journal".into(), run, ..ResumedSettings::default() };
            let overrides = Overrides { resumed: Some(resumed), ..Overrides::default() };
            let loaded = Config::load(&overrides, &Environment::default(), dir.path());
            loaded.map(|config| config.run.scope.rules.filter.key_list.as_ref().map(KeyList::len))
        };
        write("b\r\na\n");
        assert_eq!(resume(&settings).unwrap(), Some(2), "the same keys");
        write("a\nc\nd\n");
        let error = resume(&settings).unwrap_err().to_string();
        let refusal = format!("run.keys_from: the file has other keys than when the run began; restore {path}");
        assert!(error.contains(&refusal), "{error}");
        let mut earlier = settings;
        earlier.remove(KEYS_DIGEST);
        assert_eq!(resume(&earlier).unwrap(), Some(3), "a journal of an earlier version");
    }

    #[test]
    fn a_resumed_run_is_never_a_dry_run() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("kreplay.toml"), "[run]\ndry_run = true\n").unwrap();
        let environment = Environment::from_pairs([("KREPLAY_RUN_DRY_RUN", "true")]);
        let load = |resumed: Option<ResumedSettings>| {
            let overrides = Overrides { resumed, ..Overrides::default() };
            Config::load(&overrides, &environment, dir.path()).unwrap().run_settings().dry_run
        };
        assert!(load(None).is_some());
        assert_eq!(load(Some(ResumedSettings { origin: "journal".into(), ..ResumedSettings::default() })), None);
    }

    #[test]
    fn handler_settings_are_stored_without_secrets_and_with_absolute_paths() {
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
        assert!(!settings.contains_key("http.url"), "a partly masked value is not stored: {run}");
        let here = std::env::current_dir().unwrap();
        assert!(run.contains(&format!("handler = \"ndjson:{}/out/lines\"", here.display())), "{run}");
        let resumed = ResumedSettings { origin: "journal".into(), connection, run, ..ResumedSettings::default() };
        let overrides = Overrides { resumed: Some(resumed), ..Overrides::default() };
        let again = load(&overrides, &environment);
        assert_eq!(again.run.handlers.http.headers, started.run.handlers.http.headers);
        assert_eq!(again.run.handlers.http.headers[0].value(), "Authorization: hunter2");
    }

    #[test]
    fn only_missing_literal_secrets_are_asked_for() {
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
            // Secrets that the handler does not use are not asked for.
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
            let message = Config::default().missing_secrets("r", &owned);
            assert_eq!(message.is_some(), !left_out.is_empty());
            for key in left_out {
                let message = message.as_ref().unwrap();
                assert!(message.contains(key) && message.contains(&variable(key)), "{message}");
                assert!(!message.contains("hunter2"), "{message}");
            }
        }
        let owned = ["http.headers".to_owned()];
        assert_eq!(with(&[literal]).missing_secrets("r", &owned), None, "the secret is set again");
    }

    #[test]
    fn only_local_paths_are_made_absolute() {
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
    fn the_first_known_state_directory_is_used() {
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
