//! The secrets of a configuration, for removal from what clients and servers say.

use kreplay_model::domain::Secret;

use super::Config;

/// Shorter values would match too much ordinary text.
const MIN_SECRET_BYTES: usize = 4;

impl Config {
    /// The values that are shown masked: properties of clients, and secrets of handlers, the schema registry,
    /// metrics and attached consoles.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        let handlers = &self.run.handlers;
        let decoding = self.run.scope.rules.decoding.settings();
        let texts = handlers
            .exec
            .environment
            .iter()
            .chain(&handlers.http.url)
            .chain(&handlers.http.headers)
            .chain(&handlers.projection.target)
            .chain(&handlers.topic.properties)
            .chain(&decoding.registry)
            .chain(&decoding.username)
            .chain(&decoding.password)
            .chain(&decoding.token)
            .chain(&self.metrics.token)
            .chain(&self.serve.token);
        let properties = self.kafka.properties.iter().zip(self.kafka.properties.shown());
        let masked = properties.filter(|((_, value), (_, shown))| value != shown && value.len() >= MIN_SECRET_BYTES);
        texts.flat_map(Secret::secrets).chain(masked.map(|((_, value), _)| value.to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::SecretFormat;

    use super::*;

    #[test]
    fn secrets_of_handlers_and_clients_are_listed() {
        let mut config = Config::default();
        config.run.handlers.http.headers =
            vec![Secret::plain(SecretFormat::Header, "Authorization: Bearer of-the-endpoint".into())];
        config.kafka.properties.set("sasl.password", "of-the-broker".into(), "test", false);
        config.kafka.properties.set("client.id", "not-secret".into(), "test", false);
        assert_eq!(config.secrets(), ["of-the-endpoint", "of-the-broker"]);
    }
}
