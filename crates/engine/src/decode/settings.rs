//! How keys and values are decoded, and the schema registry.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use kreplay_model::domain::{Format, Formats, Glob, Secret};

/// How keys and values are decoded, and the schema registry: the `[decode]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeSettings {
    /// The formats for topics without a more specific one.
    pub formats: Formats,
    /// Value formats of some topics; the first match applies.
    pub topics: Vec<TopicFormat>,
    /// Key formats of some topics; the first match applies.
    pub key_topics: Vec<TopicFormat>,
    /// The addresses of the schema registry's instances.
    pub registry: Vec<Secret>,
    /// The user name for the registry.
    pub username: Option<Secret>,
    /// The password for the registry.
    pub password: Option<Secret>,
    /// A token, instead of user name and password.
    pub token: Option<Secret>,
    /// A PEM file with certificate authorities, in addition to the system's.
    pub ca: Option<PathBuf>,
    /// A PEM file with the client certificate.
    pub certificate: Option<PathBuf>,
    /// A PEM file with the client certificate's private key.
    pub private_key: Option<PathBuf>,
    /// The timeout of one request.
    pub timeout: Duration,
    /// How long reading retries while the registry does not answer, if filters or keys need a schema.
    pub patience: Duration,
    /// The maximum number of cached schemas.
    pub schemas: u32,
}

impl Default for DecodeSettings {
    fn default() -> Self {
        Self {
            formats: Formats::default(),
            topics: Vec::new(),
            key_topics: Vec::new(),
            registry: Vec::new(),
            username: None,
            password: None,
            token: None,
            ca: None,
            certificate: None,
            private_key: None,
            timeout: Duration::from_secs(5),
            patience: Duration::from_secs(30),
            schemas: 1_000,
        }
    }
}

impl DecodeSettings {
    /// The formats of a topic.
    #[must_use]
    pub fn formats_of(&self, topic: &str) -> Formats {
        let of = |list: &[TopicFormat], otherwise| {
            list.iter().find(|one| one.topic.is_match(topic.as_bytes())).map_or(otherwise, |one| one.format)
        };
        Formats { key: of(&self.key_topics, self.formats.key), value: of(&self.topics, self.formats.value) }
    }

    /// All configured formats.
    fn configured(&self) -> impl Iterator<Item = Format> {
        let topics = self.topics.iter().chain(&self.key_topics).map(|one| one.format);
        [self.formats.key, self.formats.value].into_iter().chain(topics).filter(|format| format.is_specified())
    }

    /// Whether a format is configured.
    #[must_use]
    pub fn is_specified(&self) -> bool {
        self.configured().next().is_some()
    }

    /// A configured format that needs a registry, if any.
    #[must_use]
    pub fn needs_registry(&self) -> Option<Format> {
        self.configured().find(|format| format.needs_registry())
    }
}

/// The format of the keys or values of some topics. As text: `PATTERN=FORMAT`, such as `orders.*=avro`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicFormat {
    /// A pattern that must match the whole topic name.
    pub topic: Glob,
    /// The format.
    pub format: Format,
}

impl fmt::Display for TopicFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.topic, self.format)
    }
}

impl FromStr for TopicFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (topic, format) =
            text.rsplit_once('=').ok_or_else(|| format!("`{text}` is not TOPIC=FORMAT, such as orders.*=avro"))?;
        if topic.is_empty() {
            return Err(format!("`{text}` has no topic; use TOPIC=FORMAT, such as orders.*=avro"));
        }
        Ok(Self { topic: topic.parse()?, format: format.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_can_have_specific_formats() {
        let settings = DecodeSettings {
            formats: Formats { value: Format::Json, ..Formats::default() },
            topics: ["orders.raw=bytes", "orders.*=avro"].map(|text| text.parse().unwrap()).to_vec(),
            key_topics: vec!["orders.*=text".parse().unwrap()],
            ..DecodeSettings::default()
        };
        let of = |topic: &str| (settings.formats_of(topic).key, settings.formats_of(topic).value);
        assert_eq!(of("orders.raw"), (Format::Text, Format::Bytes));
        assert_eq!(of("orders.eu"), (Format::Text, Format::Avro));
        assert_eq!(of("users"), (Format::Unspecified, Format::Json));
        assert_eq!(settings.needs_registry(), Some(Format::Avro));
        assert!(!DecodeSettings::default().is_specified());
    }

    #[test]
    fn topic_format_round_trips_through_text() {
        for text in ["orders.*=avro", "a=b=registry"] {
            assert_eq!(text.parse::<TopicFormat>().unwrap().to_string(), text);
        }
        for wrong in ["", "avro", "=avro", "orders=unspecified", "orders=xml", "[=avro"] {
            assert!(wrong.parse::<TopicFormat>().is_err(), "{wrong}");
        }
    }
}
