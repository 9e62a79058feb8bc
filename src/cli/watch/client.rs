//! Which client looks at groups: kreplay's own, or librdkafka where that cannot be used.

use std::collections::BTreeMap;

use kreplay_kafka::{GroupViewer, KafkaConfig};
use kreplay_watcher::{WatchClient, WatchError};
use kreplay_wire::{ConfigError, WireClient, WireConfig};

use crate::{
    cli::CliError,
    config::{ClientChoice, Config},
};

/// What librdkafka does not show.
const NOT_SHOWN: &str = "epochs, share and streams groups, and the transactions that hold readers back are not shown";

/// The client of a watch.
pub(super) struct Chosen {
    pub(super) client: WatchClient,
    /// Why it is librdkafka; `None` for kreplay's own.
    pub(super) librdkafka_because: Option<String>,
}

impl Chosen {
    fn librdkafka(config: &Config, because: String) -> Result<Self, CliError> {
        let unusable = |error| match config.watch.client {
            ClientChoice::Auto => format!("{because}, and librdkafka cannot be used either: {error}"),
            ClientChoice::Wire | ClientChoice::Librdkafka => format!("{error}"),
        };
        let viewer = GroupViewer::new(&kafka(config));
        let viewer = viewer.map_err(|error| CliError::Usage(format!("cannot watch groups: {}", unusable(error))))?;
        let client = WatchClient::librdkafka(viewer, config.kafka.connect_timeout);
        Ok(Self { client, librdkafka_because: Some(because) })
    }

    /// A warning for standard error if librdkafka was not chosen by the configuration.
    pub(super) fn warning(&self, config: &Config) -> Option<String> {
        let because = self.librdkafka_because.as_ref()?;
        (config.watch.client == ClientChoice::Auto).then(|| {
            format!(
                "watching groups with librdkafka, because kreplay's own client cannot be used: {because}; {NOT_SHOWN}"
            )
        })
    }
}

/// The client for the cluster of the configuration. Nothing is sent.
///
/// # Errors
/// The configuration cannot be used.
pub(super) fn choose(config: &Config) -> Result<Chosen, CliError> {
    let choice = config.watch.client;
    if choice == ClientChoice::Librdkafka {
        return Chosen::librdkafka(config, "watch.client is set to librdkafka".to_owned());
    }
    match wire(config) {
        Ok(client) => Ok(Chosen { client: client.into(), librdkafka_because: None }),
        Err(error) if choice == ClientChoice::Auto && error.is_unsupported() => {
            Chosen::librdkafka(config, error.to_string())
        }
        Err(error) => Err(CliError::Usage(format!("cannot watch groups: {error}{}", next_step(&error)))),
    }
}

/// The client to use after kreplay's own has failed; `None` if librdkafka would fail, too, or may not be used.
pub(super) fn after(error: &WatchError, config: &Config) -> Option<Result<Chosen, CliError>> {
    (config.watch.client == ClientChoice::Auto && error.is_unsupported())
        .then(|| Chosen::librdkafka(config, error.to_string()))
}

fn next_step(error: &ConfigError) -> &'static str {
    if error.is_unsupported() { "; set watch.client to auto, so that librdkafka is used" } else { "" }
}

fn wire(config: &Config) -> Result<WireClient, ConfigError> {
    let mut wire = WireConfig::from_properties(&properties(config))?;
    wire.deadline = config.kafka.connect_timeout;
    wire.requests_per_second = config.watch.requests_per_second;
    WireClient::new(wire)
}

fn properties(config: &Config) -> BTreeMap<String, String> {
    let mut properties = config.kafka.properties.to_map();
    let cluster = config.kafka.bootstrap_servers.clone().unwrap_or_default();
    properties.insert("bootstrap.servers".to_owned(), cluster);
    properties
}

/// The cluster for librdkafka's clients.
pub(super) fn kafka(config: &Config) -> KafkaConfig {
    let bootstrap_servers = config.kafka.bootstrap_servers.clone().unwrap_or_default();
    KafkaConfig { bootstrap_servers, properties: config.kafka.properties.to_map() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kreplay_wire::{Api, VersionRange, WireError};

    use super::*;
    use crate::config::{Environment, Overrides};

    fn config(client: &str, properties: &[&str]) -> Config {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("kreplay.toml");
        let properties = properties.join("\n");
        let text = format!(
            "[kafka]\nbootstrap_servers = 'localhost:1'\n[kafka.properties]\n{properties}\n[watch]\nclient = '{client}'\n"
        );
        std::fs::write(&file, text).unwrap();
        let overrides = Overrides { file: Some(file), ..Overrides::default() };
        Config::load(&overrides, &Environment::default(), directory.path()).unwrap()
    }

    const OAUTH: [&str; 2] = ["'security.protocol' = 'sasl_ssl'", "'sasl.mechanisms' = 'OAUTHBEARER'"];
    const PEM: [&str; 2] = ["'security.protocol' = 'ssl'", "'ssl.crl.location' = '/crl.pem'"];

    #[test]
    fn librdkafka_is_used_where_kreplays_own_client_cannot_be() {
        let because = |client, properties: &[&str]| choose(&config(client, properties)).unwrap().librdkafka_because;
        assert_eq!(because("auto", &[]), None);
        assert_eq!(because("librdkafka", &[]).as_deref(), Some("watch.client is set to librdkafka"));
        assert!(because("auto", &OAUTH).unwrap().contains("the SASL mechanism OAUTHBEARER"));
    }

    #[test]
    fn the_warning_says_why_and_what_is_not_shown() {
        let automatic = config("auto", &OAUTH);
        let warning = choose(&automatic).unwrap().warning(&automatic).unwrap();
        assert!(warning.contains("this client does not support the SASL mechanism OAUTHBEARER"), "{warning}");
        assert!(warning.contains("share and streams groups"), "{warning}");
        let forced = config("librdkafka", &OAUTH);
        assert_eq!(choose(&forced).unwrap().warning(&forced), None);
    }

    #[test]
    fn kreplays_own_client_alone_says_what_it_lacks_and_what_to_do() {
        for properties in [OAUTH, PEM] {
            let error = choose(&config("wire", &properties)).err().unwrap().to_string();
            assert!(error.contains("does not support") && error.contains("watch.client to auto"), "{error}");
        }
        // What is wrong for both is an error with every choice.
        let half = ["'security.protocol' = 'ssl'", "'ssl.key.location' = '/k.pem'"];
        assert!(choose(&config("auto", &half)).is_err());
    }

    #[test]
    fn librdkafka_takes_over_from_brokers_that_are_too_old_only() {
        let unsupported =
            WireError::Unsupported { api: Api::Metadata, broker: None, client: VersionRange::new(12, 13) };
        let automatic = config("auto", &[]);
        let chosen = after(&unsupported.clone().into(), &automatic).unwrap().unwrap();
        assert!(chosen.warning(&automatic).unwrap().contains("does not support the required version of Metadata"));
        assert!(after(&unsupported.into(), &config("wire", &[])).is_none());
        let timeout = WireError::Timeout { after: Duration::from_secs(1), last: None };
        assert!(after(&timeout.into(), &automatic).is_none());
    }
}
