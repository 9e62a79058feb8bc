//! Merges file, environment and flags; later sources take precedence.

use std::path::{Path, PathBuf};

use kreplay_console::{action::Action, key::Key, keymap::Keymap};
use kreplay_model::domain::{Concurrency, printable};

use super::{
    Config, ConfigError, Environment, Origin, Problem, ResumedSettings, alerts, catalog, file,
    input::{Assignment, Input},
    journal, keys, named_tables, notify, property, reference,
};

/// The command line's part of a configuration: the file to read, and values.
#[derive(Clone, Default)]
pub struct Overrides {
    /// The file given by `--config`.
    pub file: Option<PathBuf>,
    /// Values given by flags, in order.
    pub assignments: Vec<Assignment>,
    /// Values of `-X`, in order.
    pub properties: Vec<String>,
    /// Stored settings of a run that is being resumed. The connection has lower precedence than the file. The settings
    /// of the run replace those of file and environment, also where the run was started without one.
    pub resumed: Option<ResumedSettings>,
}

impl Config {
    /// Merges file, environment and command line. Looks for `kreplay.toml` in `directory`.
    ///
    /// # Errors
    /// All problems, each with its source, its key and the allowed values.
    pub fn load(overrides: &Overrides, environment: &Environment, directory: &Path) -> Result<Self, ConfigError> {
        let mut merge =
            Merge { config: Self::default(), keys: Vec::new(), named: Vec::new(), problems: Vec::new(), environment };
        if let Some(resumed) = &overrides.resumed {
            merge.layer_text(&resumed.origin, &resumed.connection);
        }
        let is_read = |it: &Assignment| {
            overrides.resumed.as_ref().is_none_or(|run| !journal::is_of_journal_alone(&it.key, &run.left_out))
        };
        if let Some(path) = file::find(overrides.file.as_deref(), environment, directory) {
            let text = file::read(directory, &path)?;
            let (mut assignments, problems) = file::parse(&path, &text);
            merge.problems.extend(problems);
            assignments.retain(is_read);
            merge.layer(&assignments);
            merge.build_keymap();
            merge.build_alerts();
            merge.problems.sort_by_key(|problem| problem.origin.line_and_column());
            merge.config.file = Some(path);
        }
        let (assignments, problems) = environment.assignments();
        merge.problems.extend(problems);
        let (assignments, of_run): (Vec<_>, Vec<_>) = assignments.into_iter().partition(is_read);
        merge.layer(&assignments);
        if let Some(resumed) = &overrides.resumed {
            merge.layer_run(resumed);
            let overriding = of_run.into_iter().filter(|it| ENVIRONMENT_ON_RESUME.contains(&it.key.as_str()));
            merge.layer(&overriding.collect::<Vec<_>>());
        }
        let properties = merge.property_flags(&overrides.properties);
        merge.layer(&properties);
        merge.layer(&overrides.assignments);
        merge.check_concurrency();
        // The handler `topic` uses the strategy of `[topics]`.
        let topics = merge.config.topics.clone();
        let republishing = &mut merge.config.run.handlers.topic;
        (republishing.strategy, republishing.channel) = (topics.strategy, topics.channel);
        if merge.problems.is_empty() { Ok(merge.config) } else { Err(ConfigError::Invalid(merge.problems)) }
    }
}

/// A configuration with more values, which have precedence over its own.
///
/// # Errors
/// All problems with them.
pub(super) fn with_assignments(config: Config, assignments: &[Assignment]) -> Result<Config, Vec<Problem>> {
    let environment = Environment::default();
    let mut merge =
        Merge { config, keys: Vec::new(), named: Vec::new(), problems: Vec::new(), environment: &environment };
    merge.layer(assignments);
    merge.check_concurrency();
    if merge.problems.is_empty() { Ok(merge.config) } else { Err(merge.problems) }
}

/// The keys of the console, and the problems with those of the configuration.
pub struct LoadedKeymap {
    /// The keys in force: the default keys, with all changes that can be made.
    pub keymap: Keymap,
    /// The problems with `[console.keys]`, or with the text of the file as a whole.
    pub problems: Vec<Problem>,
}

impl LoadedKeymap {
    /// Reads `[console.keys]` of the file that [`Config::load`] would read. Other settings are not checked.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn load(file: Option<&Path>, environment: &Environment, directory: &Path) -> Result<Self, ConfigError> {
        let Some(path) = file::find(file, environment, directory) else {
            return Ok(Self { keymap: Keymap::default(), problems: Vec::new() });
        };
        let (assignments, mut problems) = file::parse(&path, &file::read(directory, &path)?);
        problems.retain(|problem| problem.key.as_ref().is_none_or(|key| key.starts_with(keys::TABLE)));
        let mut changes = Vec::new();
        for assignment in assignments {
            let Some(name) = assignment.key.strip_prefix(keys::PREFIX) else { continue };
            match keys::action(name).and_then(|action| Ok((action, keys::keys(&assignment.input)?))) {
                Ok((action, keys)) => changes.push((action, keys, assignment.origin)),
                Err(message) => {
                    problems.push(Problem { origin: assignment.origin, key: Some(assignment.key), message });
                }
            }
        }
        let keymap = loop {
            let wanted: Vec<_> = changes.iter().map(|(action, keys, _)| (*action, keys.clone())).collect();
            let errors = match Keymap::with_changes(&wanted) {
                Ok(keymap) => break keymap,
                Err(errors) => errors,
            };
            for error in &errors {
                let origin =
                    changes.iter().rev().find(|change| change.0 == error.action()).map(|change| change.2.clone());
                let key = Some(format!("{}{}", keys::PREFIX, error.action().name()));
                problems.push(Problem { origin: origin.unwrap_or_default(), key, message: keys::problem(error) });
            }
            // Each error names the action of a change, so that the loop ends.
            changes.retain(|change| errors.iter().all(|error| error.action() != change.0));
        };
        problems.sort_by_key(|problem| problem.origin.line_and_column());
        Ok(Self { keymap, problems })
    }
}

/// Settings that the environment can change when a run is resumed.
const ENVIRONMENT_ON_RESUME: [&str; 3] = ["run.on_failure", "run.dead_letter.topic", "run.dead_letter.create"];

struct Merge<'a> {
    config: Config,
    /// The entries of `[console.keys]`. Only a file has them.
    keys: Vec<(Action, Vec<Key>)>,
    /// The settings of `[alerts]` and `[notify]`. Only a file has them.
    named: Vec<Assignment>,
    problems: Vec<Problem>,
    environment: &'a Environment,
}

impl Merge<'_> {
    fn layer(&mut self, assignments: &[Assignment]) {
        let origin = |key: &str| assignments.iter().find(|it| it.key == key).map(|it| it.origin.clone());
        for (one, other) in catalog::EXCLUSIVE {
            if let (Some(_), Some(origin)) = (origin(one), origin(other)) {
                self.problem(origin, other, format!("conflicts with {one}; set only one of them"));
            }
        }
        for assignment in assignments {
            let key = assignment.key.as_str();
            if named_tables::has(key) {
                self.named.push(assignment.clone());
                self.record_origin(assignment);
                continue;
            }
            let result = match (key.strip_prefix("kafka.properties."), key.strip_prefix(keys::PREFIX)) {
                (Some(name), _) => self.property(name, assignment),
                (None, Some(action)) => self.action_keys(action, assignment),
                (None, None) => self.setting(assignment),
            };
            match result {
                Ok(()) => self.record_origin(assignment),
                Err(message) => self.problem(assignment.origin.clone(), &assignment.key, message),
            }
        }
    }

    fn layer_text(&mut self, origin: &Path, text: &str) {
        let (assignments, problems) = file::parse(origin, text);
        self.problems.extend(problems);
        self.layer(&assignments);
    }

    /// The settings of a resumed run, whose list of keys must be the one that it began with.
    fn layer_run(&mut self, resumed: &ResumedSettings) {
        let (assignments, mut problems) = file::parse(&resumed.origin, &resumed.run);
        problems.retain(|problem| problem.key.as_deref() != Some(journal::KEYS_DIGEST));
        self.problems.extend(problems);
        self.layer(&assignments);
        let stored = journal::stored_keys_digest(&resumed.run);
        let current = self.config.run.scope.rules.filter.key_list.as_ref().map(journal::keys_digest);
        if stored.is_some() && current.is_some() && stored != current {
            let file = printable(self.config.run.keys_from.as_deref().unwrap_or("the file"));
            let message =
                format!("the file has other keys than when the run began; restore {file}, or start a new run");
            let origin = self.config.origin("run.keys_from");
            self.problem(origin, "run.keys_from", message);
        }
    }

    fn setting(&mut self, assignment: &Assignment) -> Result<(), String> {
        let key = assignment.key.as_str();
        let setting = catalog::setting(key).ok_or("unknown setting")?;
        let set = |config: &mut Config, input: &Input| {
            setting.set(config, input).map_err(|reason| {
                let separator = if reason.ends_with('?') { "" } else { ";" };
                format!("{reason}{separator} allowed: {}", setting.kind)
            })
        };
        if let Some(format) = setting.kind.secret() {
            let resolved = reference::resolve_input(&assignment.input, format, self.environment)?;
            return set(&mut self.config, &resolved);
        }
        if key != "kafka.bootstrap_servers" {
            return set(&mut self.config, &assignment.input);
        }
        let resolved = assignment.input.try_map(|text| reference::resolve(text, self.environment))?;
        set(&mut self.config, &resolved)?;
        let written = assignment.input.list().or_else(|_| assignment.input.text().map(|text| vec![text.to_owned()]))?;
        let referenced = written.iter().any(|text| reference::has_reference(text));
        self.config.kafka.bootstrap_shown =
            if referenced { Some(written.join(",")) } else { self.config.kafka.bootstrap_servers.clone() };
        Ok(())
    }

    fn property(&mut self, name: &str, assignment: &Assignment) -> Result<(), String> {
        if property::BOOTSTRAP.contains(&name) {
            return Err("this property cannot be set; use kafka.bootstrap_servers".into());
        }
        property::check_name(name)?;
        let text = assignment.input.property()?;
        let value = reference::resolve(&text, self.environment)?;
        if value.contains('\0') {
            return Err("the value contains a NUL character".into());
        }
        self.config.kafka.properties.set(name, value, &text, reference::has_reference(&text));
        Ok(())
    }

    fn action_keys(&mut self, action: &str, assignment: &Assignment) -> Result<(), String> {
        self.keys.push((keys::action(action)?, keys::keys(&assignment.input)?));
        Ok(())
    }

    /// Applies the user's keys. If one of them is wrong, follow-up errors would only confuse.
    fn build_keymap(&mut self) {
        if self.problems.iter().filter_map(|problem| problem.key.as_ref()).any(|key| key.starts_with(keys::PREFIX)) {
            return;
        }
        match Keymap::with_changes(&self.keys) {
            Ok(keymap) => self.config.console.keymap = keymap,
            Err(errors) => {
                for error in errors {
                    let key = format!("{}{}", keys::PREFIX, error.action().name());
                    self.problem(self.config.origin(&key), &key, keys::problem(&error));
                }
            }
        }
    }

    fn build_alerts(&mut self) {
        let (section, problems) = notify::build(&self.named, self.environment);
        self.config.notify = section;
        self.problems.extend(problems);
        let actions = self.config.notify.actions();
        // An action with a problem is not reported a second time.
        let prefix = |action: &str| format!("{}{action}.", notify::PREFIX);
        let is_written = |action: &str| self.named.iter().any(|it| it.key.starts_with(&prefix(action)));
        let has_action = |action: &str| actions.iter().any(|it| it.name.as_str() == action) || is_written(action);
        let (section, problems) = alerts::build(&self.named, has_action);
        self.config.alerts = section;
        self.problems.extend(problems);
    }

    fn property_flags(&mut self, texts: &[String]) -> Vec<Assignment> {
        let mut assignments = Vec::new();
        for text in texts {
            match property::split(text) {
                Ok((name, value)) if property::BOOTSTRAP.contains(&name) => {
                    assignments.push(Assignment::flag("-X", "kafka.bootstrap_servers", value));
                }
                Ok((name, value)) => {
                    assignments.push(Assignment::flag("-X", &format!("kafka.properties.{name}"), value));
                }
                Err(message) => {
                    self.problems.push(Problem { origin: Origin::Flag("-X".into()), key: None, message });
                }
            }
        }
        assignments
    }

    fn record_origin(&mut self, assignment: &Assignment) {
        for (one, other) in catalog::EXCLUSIVE {
            if assignment.key == one {
                self.config.origins.remove(other);
            } else if assignment.key == other {
                self.config.origins.remove(one);
            }
        }
        self.config.origins.insert(assignment.key.clone(), assignment.origin.clone());
    }

    /// Refuses a concurrency from a flag or a variable that `run.single_threaded` would silently override.
    fn check_concurrency(&mut self) {
        if !self.config.run.settings.single_threaded {
            return;
        }
        let (run, demo) = (&self.config.run.settings, &self.config.demo);
        for (key, is_one) in [
            ("run.concurrency", run.concurrency == Concurrency::MIN && !run.adaptive),
            ("demo.concurrency", demo.concurrency == Concurrency::MIN && !demo.adaptive),
        ] {
            let origin = self.config.origin(key);
            let single = self.config.origin("run.single_threaded");
            let is_weaker = matches!((&origin, &single), (Origin::Environment(_), Origin::Flag(_)));
            if is_one || is_weaker || matches!(origin, Origin::Default | Origin::File { .. }) {
                continue;
            }
            let message = format!("a single-threaded run ({single}) has one worker; remove one of the two settings");
            return self.problem(origin, key, message);
        }
    }

    fn problem(&mut self, origin: Origin, key: &str, message: String) {
        self.problems.push(Problem { origin, key: Some(key.into()), message });
    }
}
