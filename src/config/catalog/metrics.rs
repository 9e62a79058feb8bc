//! `[metrics]`: the export of metrics.

use kreplay_model::domain::{Secret, SecretFormat};

use super::{Kind, codec, table::settings};
use crate::config::value::{bearer_token, store, text};

const ADDRESS: &str = "IP:PORT or localhost:PORT, such as 127.0.0.1:9308";
const PREFIX: &str = "at most 64 letters, digits and underscores, not beginning with a digit";
const TOKEN: Kind = Kind::Text("visible ASCII characters without spaces");
const PEM: &str = "the path of a PEM file";

settings! { METRICS:
    /// Serve metrics for Prometheus on this address; port 0 lets the system choose one.
    "metrics.address": Text(ADDRESS) => metrics.address as codec::Optional<codec::Parsed>;
    /// Token that requests must carry, as in `Authorization: Bearer TOKEN`.
    "metrics.token": Secret(SecretFormat::Secret, &TOKEN) => {
        |c, i| store(&mut c.metrics.token, i.secret().and_then(bearer_token).map(Some)),
        |c| c.metrics.token.as_ref().map(|token| text(&Secret::shown(token))),
    };
    /// Certificate chain of the server; metrics are then served with TLS.
    "metrics.tls_certificate": Path(PEM) => metrics.tls_certificate;
    /// Private key of the certificate.
    "metrics.tls_key": Path(PEM) => metrics.tls_key;
    /// Level of detail of the metrics. Default: group for watched groups, partition for runs.
    "metrics.level": Word(&["group", "topic", "partition"]) => metrics.options.level as codec::Optional<codec::Word>;
    /// Maximum number of series; beyond it, the groups with the most series fall back to a coarser level.
    "metrics.max_series": Integer(100..=1_000_000) => metrics.options.max_series;
    /// Prefix of all metric names.
    "metrics.prefix": Text(PREFIX) => metrics.options.prefix as codec::Parsed;
    /// Also export group metrics under another exporter's names.
    "metrics.names": Word(&["none", "kafka_exporter", "kafka_lag_exporter"]) => metrics.options.names as codec::Word;
}
