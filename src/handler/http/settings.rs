//! `[http]`

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use crate::{domain::Masked, plan::Glob};

/// `[http]`
#[derive(Clone, Debug, PartialEq)]
pub struct HttpSettings {
    /// Where requests go, unless the handler's name says it.
    pub url: Option<Masked>,
    /// With which method.
    pub method: Method,
    /// Headers of each request, as `Name: value`.
    pub headers: Vec<Masked>,
    /// What a request carries.
    pub body: Body,
    /// Which headers of a record go along with its value, by name, where the value is the body.
    pub record_headers: Vec<Glob>,
    /// How many records a request carries at most, where its body has room for several.
    pub batch: u32,
    /// How many bytes a request with several records carries at most; a larger record goes alone.
    pub max_body: u64,
    /// Whether the answer to a request with several records says what became of each.
    pub per_record: bool,
    /// The longest time for a request, from looking the host up to the answer's end.
    pub timeout: Duration,
    /// The longest time for a connection to be made.
    pub connect_timeout: Duration,
    /// What follows from 401 and 403.
    pub on_denied: OnDenied,
    /// The certificates of authorities that are trusted instead of the system's, as PEM.
    pub ca: Option<PathBuf>,
    /// The certificates that kreplay shows, as PEM.
    pub client_certificate: Option<PathBuf>,
    /// Their private key, as PEM.
    pub client_key: Option<PathBuf>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            url: None,
            method: Method::default(),
            headers: Vec::new(),
            body: Body::default(),
            record_headers: Glob::any().into_iter().collect(),
            batch: 100,
            max_body: 1 << 20,
            per_record: false,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            on_denied: OnDenied::default(),
            ca: None,
            client_certificate: None,
            client_key: None,
        }
    }
}

/// Words for a setting, each with what it means.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $(Self::$variant => $word,)*
                })
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    other => Err(format!("`{other}` is not understood")),
                }
            }
        }
    };
}

words! {
    /// The methods that carry a body.
    Method {
        /// POST
        #[default]
        Post = "POST",
        /// PUT
        Put = "PUT",
        /// PATCH
        Patch = "PATCH",
    }
}

words! {
    /// What a request carries.
    Body {
        /// One record as an object of JSON, as `ndjson` writes it.
        #[default]
        Record = "record",
        /// One record's value as it is; all else is in headers.
        Value = "value",
        /// Several records as an array of such objects.
        Array = "array",
        /// Several records, an object on each line.
        Ndjson = "ndjson",
    }
}

impl Body {
    /// Whether there is room for several records.
    pub(super) fn takes_many(self) -> bool {
        matches!(self, Self::Array | Self::Ndjson)
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Record | Self::Array => "application/json",
            Self::Value => "application/octet-stream",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

words! {
    /// What follows from an answer that denies access, which concerns all records alike.
    OnDenied {
        /// The run fails at once, and can be resumed.
        #[default]
        Stop = "stop",
        /// The record is tried again, as the run's schedule says.
        Retry = "retry",
        /// The record has failed for good.
        GiveUp = "give-up",
    }
}
