//! Settings from environment variables: `KREPLAY_` and the key in capitals, with `_` for each dot.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

use super::{
    Origin, Problem, catalog,
    input::{Assignment, Input},
};

const PREFIX: &str = "KREPLAY_";
const PROPERTIES: &str = "KAFKA_PROPERTIES_";

/// A snapshot of the environment variables, so that loading a configuration does not depend on global state. It does
/// not implement `Debug`, because variables may hold secrets.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
}

impl Environment {
    /// The variables of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let with_utf8_name = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
        Self { variables: std::env::vars_os().filter_map(with_utf8_name).collect() }
    }

    /// Only the given variables.
    #[must_use]
    pub fn from_pairs<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        Self { variables: pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }

    /// The value of a variable; `Err` holds the raw value if it is not UTF-8.
    pub(super) fn get(&self, name: &str) -> Option<Result<&str, &OsStr>> {
        self.variables.get(name).map(|value| value.to_str().ok_or(value.as_os_str()))
    }

    /// The value of a variable that holds a path. An empty value counts as not set.
    pub(super) fn path(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(name).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// The settings given by variables, and the problems with them.
    ///
    /// A variable that does not match a setting is an error if its name resembles one. Others are ignored: container
    /// platforms set variables such as `KREPLAY_PORT` for a service of that name.
    pub(super) fn assignments(&self) -> (Vec<Assignment>, Vec<Problem>) {
        let mut assignments = Vec::new();
        let mut problems = Vec::new();
        for (name, value) in &self.variables {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            if rest == "CONFIG" || rest.starts_with("TEST_") {
                continue;
            }
            let origin = Origin::Environment(name.clone());
            let mut problem = |key, message| problems.push(Problem { origin: origin.clone(), key, message });
            let key = match rest.strip_prefix(PROPERTIES) {
                Some(property) => Some(format!("kafka.properties.{}", property.to_lowercase().replace('_', "."))),
                None => catalog::settings().map(|it| it.key).find(|key| variable(key) == *name).map(str::to_owned),
            };
            let Some(key) = key else {
                if let Some(message) = unknown(rest) {
                    problem(None, message);
                }
                continue;
            };
            match value.to_str() {
                Some(text) => {
                    assignments.push(Assignment { key, input: Input::Untyped(text.into()), origin });
                }
                None => problem(Some(key), "the value is not UTF-8".into()),
            }
        }
        (assignments, problems)
    }
}

/// The name of a setting's variable: `KREPLAY_RUN_BATCH` for `run.batch`.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "_"))
}

/// The error for a variable that does not match a setting; `None` if its name does not resemble one.
fn unknown(rest: &str) -> Option<String> {
    // Kubernetes sets these for services: KREPLAY_DEMO_SERVICE_HOST, KREPLAY_DEMO_PORT_80_TCP and so on.
    if format!("_{rest}_").contains("_PORT_") || rest.ends_with("SERVICE_HOST") {
        return None;
    }
    if rest == "CONSOLE_KEYS" || rest.starts_with("CONSOLE_KEYS_") {
        return Some("keys can be set only in a configuration file, in [console.keys]".into());
    }
    let key = rest.to_lowercase().replacen('_', ".", 1);
    let table = key.split('.').next().unwrap_or_default();
    match catalog::suggest(&key).or_else(|| catalog::suggest(&rest.to_lowercase())) {
        Some(key) => Some(format!("unknown setting; did you mean {}?", variable(key))),
        None if catalog::tables().any(|known| known == table) => {
            Some("unknown setting; `kreplay config show` lists all settings".into())
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_has_a_distinct_variable() {
        let mut names: Vec<_> = catalog::settings().map(|setting| variable(setting.key)).collect();
        assert!(names.contains(&"KREPLAY_RUN_RETRY_FIRST_DELAY".to_owned()));
        names.sort();
        names.dedup();
        assert_eq!(names.len(), catalog::settings().count());
    }

    #[test]
    fn variables_become_settings_and_properties() {
        let environment = Environment::from_pairs([
            ("KREPLAY_RUN_BATCH", "10"),
            ("KREPLAY_KAFKA_PROPERTIES_SASL_PASSWORD", "x"),
            ("KREPLAY_CONFIG", "f"),
            ("KREPLAY_TEST_BOOTSTRAP", "b"),
            ("KREPLAY_PORT", "tcp://10.0.0.1:80"),
            ("KREPLAY_SERVICE_HOST", "10.0.0.1"),
            ("KREPLAY_DEMO_SERVICE_HOST", "10.0.0.1"),
            ("KREPLAY_DEMO_SERVICE_PORT", "80"),
            ("KREPLAY_RUN_PORT_80_TCP_ADDR", "10.0.0.1"),
            ("HOME", "h"),
        ]);
        let (assignments, problems) = environment.assignments();
        let keys: Vec<_> = assignments.iter().map(|it| it.key.as_str()).collect();
        assert_eq!(keys, ["kafka.properties.sasl.password", "run.batch"]);
        assert_eq!(problems, []);
    }

    #[test]
    fn variables_that_resemble_a_setting_must_match_one() {
        let environment = Environment::from_pairs([
            ("KREPLAY_CONCURRENCY", "10"),
            ("KREPLAY_RUN_BACTH", "10"),
            ("KREPLAY_DEMO_NOTHING_LIKE_IT", "10"),
        ]);
        let messages: Vec<_> = environment.assignments().1.iter().map(ToString::to_string).collect();
        assert_eq!(
            messages,
            [
                "KREPLAY_CONCURRENCY: unknown setting; did you mean KREPLAY_RUN_CONCURRENCY?",
                "KREPLAY_DEMO_NOTHING_LIKE_IT: unknown setting; `kreplay config show` lists all settings",
                "KREPLAY_RUN_BACTH: unknown setting; did you mean KREPLAY_RUN_BATCH?",
            ]
        );
    }
}
