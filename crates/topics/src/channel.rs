//! The channel of a migrated record, and its new key.

use std::{borrow::Cow, fmt, str::FromStr};

use kreplay_engine::rules::{Fields, KeyTemplate, Rules};

/// What the channel of a record is. As text: `topic`, or a key template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Channel {
    /// The name of its old topic.
    #[default]
    Topic,
    /// The key that a template makes of it.
    Template(Box<Rules>),
}

/// The key of a migrated record. As text: `channel` or `keep`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewKey {
    /// Its channel.
    #[default]
    Channel,
    /// Its old key.
    Keep,
}

impl Channel {
    /// The channel of a record; `None` if the template makes no key.
    #[must_use]
    pub fn of<'a, F: Fields>(&'a self, topic: &'a str, record: &'a F) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::Topic => Some(Cow::Borrowed(topic.as_bytes())),
            Self::Template(rules) => rules.lane_key(record),
        }
    }

    /// The template, if there is one.
    #[must_use]
    pub fn template(&self) -> Option<&KeyTemplate> {
        match self {
            Self::Topic => None,
            Self::Template(rules) => rules.template.as_ref(),
        }
    }
}

impl FromStr for Channel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "topic" {
            return Ok(Self::Topic);
        }
        let template = Some(text.parse()?);
        Ok(Self::Template(Box::new(Rules { template, ..Rules::default() })))
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.template() {
            None => f.write_str("topic"),
            Some(template) => template.fmt(f),
        }
    }
}

impl FromStr for NewKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "channel" => Ok(Self::Channel),
            "keep" => Ok(Self::Keep),
            other => Err(format!("`{other}` is neither channel nor keep")),
        }
    }
}

impl fmt::Display for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Channel => "channel",
            Self::Keep => "keep",
        })
    }
}
