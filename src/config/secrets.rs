//! The secrets of a configuration, for removal from what clients and servers say.

use kreplay_handlers::HandlerSpec;
use kreplay_model::domain::Secret;

use super::Config;

/// Shorter values would match too much ordinary text.
const MIN_SECRET_BYTES: usize = 4;

impl Config {
    /// The values that are shown masked: properties of clients, and secrets of handlers, the schema registry,
    /// metrics, attached consoles, and actions on alerts.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        let handlers = &self.run.handlers;
        let of_spec = match &self.run.handler {
            HandlerSpec::Http { url } => url.as_ref(),
            _ => None,
        };
        let decoding = self.run.scope.rules.decoding.settings();
        let texts = handlers
            .exec
            .environment
            .iter()
            .chain(of_spec)
            .chain(&handlers.http.url)
            .chain(&handlers.http.headers)
            .chain(&handlers.projection.target)
            .chain(&handlers.topic.properties)
            .chain(&decoding.registry)
            .chain(&decoding.username)
            .chain(&decoding.password)
            .chain(&decoding.token)
            .chain(&self.metrics.token)
            .chain(&self.serve.token)
            .chain(self.notify.secrets());
        let properties = self.kafka.properties.iter().zip(self.kafka.properties.shown());
        let masked = properties.filter(|((_, value), (_, shown))| value != shown && value.len() >= MIN_SECRET_BYTES);
        texts.flat_map(Secret::secrets).chain(masked.map(|((_, value), _)| value.to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::SecretFormat;

    use super::*;
    use crate::config::{Assignment, Environment, Overrides, catalog};

    const SECRET: &str = "hunter2";

    #[test]
    fn secrets_of_clients_are_listed() {
        let mut config = Config::default();
        config.kafka.properties.set("sasl.password", "of-the-broker".into(), "test", false);
        config.kafka.properties.set("client.id", "not-secret".into(), "test", false);
        assert_eq!(config.secrets(), ["of-the-broker"]);
    }

    /// A value of a setting, which contains the secret.
    fn value(key: &str, format: SecretFormat) -> String {
        match (key, format) {
            ("projection.target", _) => format!("postgres://ada:{SECRET}@host/db"),
            (_, SecretFormat::Address) => format!("https://ada:{SECRET}@host/x"),
            (_, SecretFormat::Header) => format!("Authorization: Bearer {SECRET}"),
            (_, SecretFormat::Variable) => format!("sasl.password={SECRET}"),
            (_, SecretFormat::Secret) => SECRET.to_owned(),
        }
    }

    #[test]
    fn the_secret_of_every_setting_is_listed() {
        let of_catalog = catalog::settings().filter_map(|setting| Some((setting.key, setting.kind.secret()?)));
        let settings = of_catalog
            .map(|(key, format)| (key, value(key, format)))
            .chain([("run.handler", format!("http:https://ada:{SECRET}@host/x"))]);
        for (key, value) in settings {
            let assignments = vec![Assignment::flag("-", key, value)];
            let overrides = Overrides { assignments, ..Overrides::default() };
            let folder = tempfile::tempdir().unwrap();
            let config = match Config::load(&overrides, &Environment::default(), folder.path()) {
                Ok(config) => config,
                // Some addresses are refused if they contain a password. The message must not contain it.
                Err(error) => {
                    assert!(key == "decode.schema_registry" && !error.to_string().contains(SECRET), "{key}: {error}");
                    continue;
                }
            };
            assert!(config.secrets().iter().any(|secret| secret == SECRET), "{key}: {:?}", config.secrets());
        }
    }

    #[test]
    fn secrets_of_actions_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kreplay.toml");
        let url = format!("kind = \"webhook\"\nurl = \"https://ada:{SECRET}@host/x\"");
        std::fs::write(&file, format!("[notify.ops]\n{url}\nheaders = [\"Authorization: Bearer of-the-header\"]\n"))
            .unwrap();
        let overrides = Overrides { file: Some(file), ..Overrides::default() };
        let config = Config::load(&overrides, &Environment::default(), folder.path()).unwrap();
        assert_eq!(config.secrets(), [SECRET, "of-the-header"]);
    }
}
