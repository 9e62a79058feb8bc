//! `[http]`

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use kreplay_model::domain::{Glob, Secret};

/// `[http]`
#[derive(Clone, Debug, PartialEq)]
pub struct HttpSettings {
    /// The URL that requests are sent to. A URL in the handler's text takes precedence.
    pub url: Option<Secret>,
    /// The HTTP method.
    pub method: Method,
    /// Headers of each request, as `Name: value`.
    pub headers: Vec<Secret>,
    /// What a request carries.
    pub body: Body,
    /// Names of the record headers that are sent if the body is the record's value.
    pub record_headers: Vec<Glob>,
    /// The maximum number of records per request, for bodies that hold several.
    pub batch: u32,
    /// The maximum bytes of a request with several records. A larger record is sent alone.
    pub max_body: u64,
    /// Whether the answer to a request with several records has a result for each.
    pub per_record: bool,
    /// The maximum time of a request, from resolving the host to the end of the answer.
    pub timeout: Duration,
    /// The maximum time to establish a connection.
    pub connect_timeout: Duration,
    /// What follows from 401 and 403.
    pub on_denied: OnDenied,
    /// PEM file with the trusted CA certificates, instead of the system's.
    pub ca: Option<PathBuf>,
    /// PEM file with the client certificate chain.
    pub client_certificate: Option<PathBuf>,
    /// PEM file with the client's private key.
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

/// Defines an enum whose variants are words in the configuration.
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
                    other => Err(format!("`{other}` is not a valid value")),
                }
            }
        }
    };
}

words! {
    /// HTTP methods with a body.
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
        /// One record as a JSON object, as `ndjson` writes it.
        #[default]
        Record = "record",
        /// One record's value, unchanged; everything else is sent in headers.
        Value = "value",
        /// Several records as a JSON array of such objects.
        Array = "array",
        /// Several records, one object per line.
        Ndjson = "ndjson",
    }
}

impl Body {
    /// Whether a request can hold several records.
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
    /// What follows from an answer that denies access. It concerns all records alike.
    OnDenied {
        /// The run fails at once, and can be resumed.
        #[default]
        Stop = "stop",
        /// The record is retried by the run's retry schedule.
        Retry = "retry",
        /// The record fails for good.
        GiveUp = "give-up",
    }
}
