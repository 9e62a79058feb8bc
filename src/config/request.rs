//! Requests for runs: the settings of a request over a configuration, and the flags that a request does not have.

use kreplay_model::{
    control::{FieldProblem, RunField, RunRequest},
    domain::{is_secret, printable},
};
use toml::Value;

use super::{
    Assignment, Config, Environment, Origin, Overrides, Problem, catalog, input::Input, list::join,
    merge::with_assignments, property,
};
use crate::demo::Datasets;

/// The tables of a configuration that a run has its settings from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunTable {
    /// `[run]`: runs on a cluster.
    Run,
    /// `[demo]`, and what it shares with `[run]`.
    Demo,
}

/// Flags that have no value.
const SWITCHES: [&str; 7] =
    ["--time-order", "--single-threaded", "--shadow", "--quarantine", "--no-journal", "--plan", "--dry-run"];

/// Tables that do not define a run.
const OTHER_TABLES: [&str; 4] = ["metrics", "recording", "serve", "console"];

impl RunTable {
    /// The settings that a request for such a run has.
    #[must_use]
    pub fn fields(self) -> Vec<RunField> {
        let has = |field: &RunField| *field == RunField::Topics || self.key(*field).is_some();
        RunField::ALL.iter().copied().filter(has).collect()
    }

    /// The key of a setting. The topics of the demo are no setting.
    fn key(self, field: RunField) -> Option<&'static str> {
        let [of_run, of_demo] = match field {
            RunField::Topics => [Some("run.topics"), None],
            RunField::Partitions => [Some("run.partitions"), None],
            RunField::From => [Some("run.from"), Some("demo.from")],
            RunField::To => [Some("run.to"), Some("demo.to")],
            RunField::Keys => [Some("run.keys"), Some("demo.keys")],
            RunField::KeyTemplate => [Some("run.key_template"), Some("demo.key_template")],
            RunField::Headers => [Some("run.headers"), None],
            RunField::Json => [Some("run.json"), None],
            RunField::EventTypes => [Some("run.event_types"), None],
            RunField::Ordering => [Some("run.ordering"); 2],
            RunField::Workers => [Some("run.concurrency"), Some("demo.concurrency")],
            RunField::Rate => [Some("run.rate"); 2],
            RunField::Group => [Some("run.group"), Some("demo.group")],
            RunField::OnFailure => [Some("run.on_failure"); 2],
            RunField::Handler => [Some("run.handler"), Some("demo.handler")],
        };
        if self == Self::Run { of_run } else { of_demo }
    }

    /// Whether a request decides about a setting.
    fn decides_about(self, key: &str) -> bool {
        let others: &[&str] = if self == Self::Run { &["run.last", "run.topics_regex"] } else { &["demo.work"] };
        others.contains(&key) || RunField::ALL.iter().any(|field| self.key(*field) == Some(key))
    }
}

impl Config {
    /// The request for the run that the configuration describes. Passwords in it are masked.
    #[must_use]
    pub fn request(&self, table: RunTable) -> RunRequest {
        let mut request = RunRequest::default();
        request.dry_run = table == RunTable::Run && self.run.settings.dry_run.is_some();
        for field in table.fields() {
            request.set(field, self.request_value(field, table));
        }
        request
    }

    fn request_value(&self, field: RunField, table: RunTable) -> String {
        let (scope, handler) = match table {
            RunTable::Run => (&self.run.scope, &self.run.handler),
            RunTable::Demo => (&self.demo.scope, &self.demo.handler),
        };
        match field {
            RunField::From => scope.range.from.to_string(),
            RunField::To => scope.range.to.to_string(),
            RunField::Handler => handler.to_string(),
            RunField::Topics if table == RunTable::Demo => {
                let topics = (1..=self.demo.datasets.count.get() as usize).map(Datasets::topic);
                topics.collect::<Vec<_>>().join(",")
            }
            _ => {
                let setting = table.key(field).and_then(catalog::setting);
                setting.and_then(|setting| (setting.show)(self)).map(|value| written(&value)).unwrap_or_default()
            }
        }
    }

    /// The configuration with the settings of a request. Those that are as in [`Self::request`] are kept, with their
    /// secrets. The topics of the demo are not read.
    ///
    /// # Errors
    /// All problems with the request, in the words of `kreplay config check`.
    pub fn with_request(&self, request: &RunRequest, table: RunTable) -> Result<Self, Vec<FieldProblem>> {
        let before = self.request(table);
        let mut config = self.clone();
        let mut assignments = Vec::new();
        for field in table.fields().into_iter().filter(|field| request.value(*field) != before.value(*field)) {
            let Some(key) = table.key(field) else { continue };
            match request.value(field) {
                "" => match config.without(field, table) {
                    Some(()) => drop(config.origins.remove(key)),
                    None => assignments.push(empty_list(field, key)),
                },
                value => assignments.push(Assignment::flag(field.flag(), key, value)),
            }
        }
        with_assignments(config, &assignments)
            .map_err(|problems| problems.into_iter().map(|problem| of_field(&problem, table)).collect::<Vec<_>>())
    }

    /// Removes a value that is not a list. `None` if it is one.
    fn without(&mut self, field: RunField, table: RunTable) -> Option<()> {
        let is_run = table == RunTable::Run;
        let scope = if is_run { &mut self.run.scope } else { &mut self.demo.scope };
        match field {
            RunField::Topics => self.run.topics = None,
            RunField::KeyTemplate => std::sync::Arc::make_mut(&mut scope.rules).template = None,
            RunField::Group if is_run => self.run.settings.group = None,
            RunField::Group => self.demo.group = None,
            _ => return None,
        }
        Some(())
    }
}

/// A value as it is written in a flag.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => join(items.iter().filter_map(Value::as_str)),
        other => other.to_string(),
    }
}

fn empty_list(field: RunField, key: &str) -> Assignment {
    Assignment { key: key.into(), input: Input::List(Vec::new()), origin: Origin::Flag(field.flag().into()) }
}

fn of_field(problem: &Problem, table: RunTable) -> FieldProblem {
    let key = problem.key.as_deref();
    let field = RunField::ALL.iter().copied().find(|field| key.is_some() && table.key(*field) == key);
    FieldProblem { field, text: printable(&problem.message).into_owned() }
}

/// The words of the flags that a request does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtherFlags {
    /// The words, not quoted. Without secrets.
    pub words: Vec<String>,
    /// The flags that are left out, because their values are secret.
    pub left_out: Vec<String>,
}

impl Overrides {
    /// The command line without the flags that a request has.
    #[must_use]
    pub fn without_request(&self, table: RunTable) -> Self {
        let assignments = self.assignments.iter().filter(|it| !table.decides_about(&it.key)).cloned().collect();
        Self { assignments, ..self.clone() }
    }

    /// The value of a flag that was given for a setting.
    #[must_use]
    pub fn flag_value(&self, key: &str) -> Option<String> {
        let given = self.assignments.iter().rev().find(|it| it.key == key)?;
        given.input.text().ok().map(str::to_owned)
    }

    /// The flags that define a run, besides those that a request has.
    #[must_use]
    pub fn other_flags(&self, table: RunTable) -> OtherFlags {
        let mut flags = OtherFlags::default();
        if let Some(file) = &self.file {
            flags.words.extend(["--config".to_owned(), file.display().to_string()]);
        }
        for text in &self.properties {
            match property::split(text) {
                Ok((name, value)) if is_secret(name) && !value.starts_with("${") => {
                    flags.left_out.push(format!("-X {name}"));
                }
                _ => flags.words.extend(["-X".to_owned(), text.clone()]),
            }
        }
        let defines_run = |it: &&Assignment| {
            let of = it.key.split('.').next().unwrap_or_default();
            !OTHER_TABLES.contains(&of) && !table.decides_about(&it.key)
        };
        for assignment in self.assignments.iter().filter(defines_run) {
            let Origin::Flag(flag) = &assignment.origin else { continue };
            flags.add(flag, assignment);
        }
        flags
    }
}

impl OtherFlags {
    fn add(&mut self, flag: &str, assignment: &Assignment) {
        let is_secret = catalog::setting(&assignment.key).is_some_and(|setting| setting.kind.secret().is_some());
        match &assignment.input {
            _ if SWITCHES.contains(&flag) => self.words.push(flag.to_owned()),
            // A file that has the secret.
            Input::Text(text) if text.starts_with("${file:") => {
                let path = text.trim_start_matches("${file:").trim_end_matches('}');
                self.word(flag, path);
            }
            _ if is_secret => self.left_out.push(flag.to_owned()),
            Input::Untyped(text) | Input::Text(text) => self.word(flag, text),
            Input::Flags(values) => values.iter().for_each(|value| self.word(flag, value)),
            _ => self.left_out.push(flag.to_owned()),
        }
    }

    fn word(&mut self, flag: &str, value: &str) {
        if value.starts_with('-') {
            self.words.push(format!("{flag}={value}"));
        } else {
            self.words.extend([flag.to_owned(), value.to_owned()]);
        }
    }
}

/// The settings of a process without the flags that a request has: what the arguments of a request are added to.
///
/// # Errors
/// All problems of file, environment and the remaining flags.
pub fn floor(
    overrides: &Overrides,
    table: RunTable,
    environment: &Environment,
    directory: &std::path::Path,
) -> Result<RunRequest, super::ConfigError> {
    Ok(Config::load(&overrides.without_request(table), environment, directory)?.request(table))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Config {
        let assignments = pairs.iter().map(|(key, value)| Assignment::flag("-", key, *value)).collect();
        let overrides = Overrides { assignments, ..Overrides::default() };
        Config::load(&overrides, &Environment::default(), std::path::Path::new("/nowhere")).unwrap()
    }

    #[test]
    fn a_request_that_changes_nothing_keeps_secrets() {
        let config =
            with(&[("run.handler", "http:https://u:hunter2@h/x"), ("run.topics", "a,b"), ("run.keys", r"x\,y,z")]);
        let request = config.request(RunTable::Run);
        assert!(!format!("{request:?}").contains("hunter2") && !request.value(RunField::Handler).contains("hunter2"));
        assert_eq!((request.value(RunField::Topics), request.value(RunField::Keys)), ("a,b", r"x\,y,z"));
        let same = config.with_request(&request, RunTable::Run).unwrap();
        assert_eq!(same.run.handler, config.run.handler);
        assert_eq!(same.run_settings(), config.run_settings());
    }

    #[test]
    fn values_are_changed_and_removed() {
        let config = with(&[("run.group", "g"), ("run.keys", "a*"), ("run.key_template", "{id}"), ("run.last", "9")]);
        let request = config.request(RunTable::Run);
        assert_eq!(request.value(RunField::From), "last:9");
        let request = RunRequest::default().with(RunField::Workers, "auto").with(RunField::From, "-2h");
        let config = config.with_request(&request, RunTable::Run).unwrap();
        assert_eq!(config.request(RunTable::Run), request);
        assert!(config.run.settings.adaptive && config.run.settings.group.is_none());
        assert!(config.run.scope.rules.template.is_none() && config.run.scope.rules.filter.is_empty());
    }

    #[test]
    fn problems_have_their_field_and_the_words_of_a_check() {
        let request = RunRequest::default().with(RunField::Rate, "fast").with(RunField::Topics, "a b");
        let problems = Config::default().with_request(&request, RunTable::Run).unwrap_err();
        let fields: Vec<_> = problems.iter().map(|problem| problem.field).collect();
        assert_eq!(fields, [Some(RunField::Topics), Some(RunField::Rate)]);
        assert!(problems[1].text.starts_with("`fast` is not a rate; allowed: a rate in records"), "{problems:?}");
    }

    #[test]
    fn other_flags_are_kept_without_secrets() {
        let assignments = vec![
            Assignment::flag("--topics", "run.topics", "a"),
            Assignment::flag("--batch", "run.batch", "5"),
            Assignment::flag("--single-threaded", "run.single_threaded", "true"),
            Assignment::flag("--record", "recording.file", "x"),
        ];
        let properties = ["sasl.password=hunter2", "client.id=me"].map(str::to_owned).to_vec();
        let flags = Overrides { assignments, properties, ..Overrides::default() }.other_flags(RunTable::Run);
        assert_eq!(flags.words, ["-X", "client.id=me", "--batch", "5", "--single-threaded"]);
        assert_eq!(flags.left_out, ["-X sasl.password"]);
    }
}
