//! `[metrics]`: whether, where and what to export.

use std::path::PathBuf;

use kreplay_metrics::MetricsOptions;
use kreplay_model::domain::Secret;

use super::MetricsAddress;

/// Whether, where and what to export.
#[derive(Clone, Debug, Default)]
pub struct MetricsSettings {
    /// Where to listen; `None` exports nothing.
    pub address: Option<MetricsAddress>,
    /// The token that each request must carry.
    pub token: Option<Secret>,
    /// The certificate chain of the server, a PEM file.
    pub tls_certificate: Option<PathBuf>,
    /// The private key of the server, a PEM file.
    pub tls_key: Option<PathBuf>,
    /// What to export.
    pub options: MetricsOptions,
}

impl MetricsSettings {
    /// Why these settings cannot be used, in one sentence with the next step. Without an address, all can be.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        let address = self.address?;
        let has_tls = match (&self.tls_certificate, &self.tls_key) {
            (Some(_), Some(_)) => true,
            (None, None) => false,
            (Some(_), None) => return Some("metrics.tls_certificate needs metrics.tls_key".to_owned()),
            (None, Some(_)) => return Some("metrics.tls_key needs metrics.tls_certificate".to_owned()),
        };
        if address.is_loopback() || has_tls || self.token.is_some() {
            return None;
        }
        Some(format!(
            "metrics on {address} could be read from other machines; set metrics.token, or metrics.tls_certificate \
             and metrics.tls_key, or listen on 127.0.0.1"
        ))
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::SecretFormat;

    use super::*;

    #[test]
    fn other_machines_need_a_token_or_tls() {
        let at =
            |address: &str| MetricsSettings { address: Some(address.parse().unwrap()), ..MetricsSettings::default() };
        assert_eq!(MetricsSettings::default().contradiction(), None);
        assert_eq!(at("127.0.0.1:0").contradiction(), None);
        assert!(at("0.0.0.0:0").contradiction().unwrap().contains("set metrics.token"));
        let token = Some(Secret::plain(SecretFormat::Secret, "secret".to_owned()));
        assert_eq!(MetricsSettings { token, ..at("0.0.0.0:0") }.contradiction(), None);
        let (certificate, key) = (Some(PathBuf::from("c.pem")), Some(PathBuf::from("k.pem")));
        let tls = MetricsSettings { tls_certificate: certificate, tls_key: key, ..at("0.0.0.0:0") };
        assert_eq!(tls.contradiction(), None);
        assert!(MetricsSettings { tls_key: None, ..tls }.contradiction().unwrap().contains("needs metrics.tls_key"));
    }
}
