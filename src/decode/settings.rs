//! How keys and values are decoded, and where their schemas are.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use crate::{
    domain::{Format, Formats, Masked},
    plan::Glob,
};

/// How keys and values are decoded, and where their schemas are: the table `[decode]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeSettings {
    /// What keys and values are where nothing else is said of their topic.
    pub formats: Formats,
    /// What the values of some topics are; the first that matches counts.
    pub topics: Vec<TopicFormat>,
    /// What the keys of some topics are; the first that matches counts.
    pub key_topics: Vec<TopicFormat>,
    /// The address of the schema registry, or several of one and the same.
    pub registry: Vec<Masked>,
    /// The user that the registry knows.
    pub username: Option<Masked>,
    /// The user's password.
    pub password: Option<Masked>,
    /// A token instead of user and password.
    pub token: Option<Masked>,
    /// Certificates of authorities that are trusted besides the system's, as PEM.
    pub ca: Option<PathBuf>,
    /// The certificate that we show, as PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, as PEM.
    pub private_key: Option<PathBuf>,
    /// How long one request may take.
    pub timeout: Duration,
    /// How long reading waits for a registry that does not answer, where filters or keys need a schema.
    pub patience: Duration,
    /// How many schemas are kept in memory.
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
    /// What the records of a topic are.
    #[must_use]
    pub fn formats_of(&self, topic: &str) -> Formats {
        let of = |list: &[TopicFormat], otherwise| {
            list.iter().find(|one| one.topic.is_match(topic.as_bytes())).map_or(otherwise, |one| one.format)
        };
        Formats { key: of(&self.key_topics, self.formats.key), value: of(&self.topics, self.formats.value) }
    }

    /// Every format that is asked for.
    fn asked(&self) -> impl Iterator<Item = Format> {
        let topics = self.topics.iter().chain(&self.key_topics).map(|one| one.format);
        [self.formats.key, self.formats.value].into_iter().chain(topics).filter(|format| format.is_asked())
    }

    /// Whether anything is asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.asked().next().is_some()
    }

    /// The format, if one is asked for that needs a registry.
    #[must_use]
    pub fn needs_registry(&self) -> Option<Format> {
        self.asked().find(|format| format.needs_registry())
    }
}

/// What the keys or values of some topics are. As text: `PATTERN=FORMAT`, such as `orders.*=avro`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicFormat {
    /// A pattern that a whole topic name matches.
    pub topic: Glob,
    /// What they are.
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
            return Err(format!("`{text}` names no topic; write TOPIC=FORMAT, such as orders.*=avro"));
        }
        Ok(Self { topic: topic.parse()?, format: format.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_have_formats_of_their_own() {
        let settings = DecodeSettings {
            formats: Formats { value: Format::Json, ..Formats::default() },
            topics: ["orders.raw=bytes", "orders.*=avro"].map(|text| text.parse().unwrap()).to_vec(),
            key_topics: vec!["orders.*=text".parse().unwrap()],
            ..DecodeSettings::default()
        };
        let of = |topic: &str| (settings.formats_of(topic).key, settings.formats_of(topic).value);
        assert_eq!(of("orders.raw"), (Format::Text, Format::Bytes));
        assert_eq!(of("orders.eu"), (Format::Text, Format::Avro));
        assert_eq!(of("users"), (Format::Unsaid, Format::Json));
        assert_eq!(settings.needs_registry(), Some(Format::Avro));
        assert!(!DecodeSettings::default().is_asked());
    }

    #[test]
    fn a_topic_format_reads_back_as_it_is_shown() {
        for text in ["orders.*=avro", "a=b=registry"] {
            assert_eq!(text.parse::<TopicFormat>().unwrap().to_string(), text);
        }
        for wrong in ["", "avro", "=avro", "orders=unsaid", "orders=xml", "[=avro"] {
            assert!(wrong.parse::<TopicFormat>().is_err(), "{wrong}");
        }
    }
}
