//! Why a request failed.

use std::time::Duration;

use kreplay_model::domain::duration::in_units;
use thiserror::Error;

use crate::address::BrokerAddress;
use crate::api::{Api, VersionRange};
use crate::codec::{DecodeError, EncodeError};
use crate::error_code::ErrorCode;

/// Why a request failed, as a whole or for one group or partition. No message contains a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WireError {
    /// No connection could be made.
    #[error("cannot connect to {broker}: {reason}")]
    Connect {
        /// The broker.
        broker: BrokerAddress,
        /// What the system or TLS reports.
        reason: String,
    },
    /// The broker's certificate is not trusted, or the broker does not accept that of the client.
    #[error("cannot establish TLS with {broker}: {reason}")]
    Tls {
        /// The broker.
        broker: BrokerAddress,
        /// What is wrong.
        reason: String,
    },
    /// The broker refused the user, or did not prove that it knows the password.
    #[error("{broker} rejected the {mechanism} authentication: {reason}")]
    Authentication {
        /// The broker.
        broker: BrokerAddress,
        /// The SASL mechanism.
        mechanism: &'static str,
        /// What the broker or the mechanism reports.
        reason: String,
    },
    /// The connection ended while a request was in flight.
    #[error("the connection to {broker} ended: {reason}")]
    Closed {
        /// The broker.
        broker: BrokerAddress,
        /// Why it ended.
        reason: String,
    },
    /// There was no answer in time.
    #[error("no answer within {}{}", in_units(*.after), .last.as_ref().map(|last| format!("; last error: {last}")).unwrap_or_default())]
    Timeout {
        /// The time that passed.
        after: Duration,
        /// The error that was being retried.
        last: Option<Box<WireError>>,
    },
    /// The broker and this client have no version of the request in common.
    #[error(
        "the broker does not support the required version of {api}: it supports {}, this client needs version {client}",
        .broker.map_or_else(|| "no version".to_owned(), |range| format!("version {range}"))
    )]
    Unsupported {
        /// The request.
        api: Api,
        /// The broker's versions; `None` if it does not know the request.
        broker: Option<VersionRange>,
        /// The client's versions.
        client: VersionRange,
    },
    /// A response is not what the protocol says.
    #[error("the response to {api} version {version} is malformed: {reason}")]
    Malformed {
        /// The request.
        api: Api,
        /// Its version.
        version: i16,
        /// What is wrong with it.
        reason: DecodeError,
    },
    /// A request cannot be encoded.
    #[error("the request {api} cannot be encoded: {reason}")]
    Unencodable {
        /// The request.
        api: Api,
        /// What is wrong with it.
        reason: EncodeError,
    },
    /// The broker reports an error.
    #[error("{code}{}", .message.as_ref().map(|message| format!(": {message}")).unwrap_or_default())]
    Kafka {
        /// The error code.
        code: ErrorCode,
        /// The broker's explanation.
        message: Option<String>,
    },
    /// The response has nothing about a group, partition or transaction that was asked for.
    #[error("the broker's response to {0} has no entry for the requested item")]
    NoAnswer(Api),
}

impl WireError {
    /// The error of a field of a response; `None` if the code is zero.
    pub(crate) fn of(code: i16, message: Option<String>) -> Option<Self> {
        ErrorCode::of(code).map(|code| Self::Kafka { code, message: message.filter(|text| !text.is_empty()) })
    }

    /// A value, unless the code of its field reports an error.
    pub(crate) fn check<T>(code: i16, message: Option<String>, value: impl FnOnce() -> T) -> Result<T, Self> {
        Self::of(code, message).map_or_else(|| Ok(value()), Err)
    }

    /// The broker's error code, if it reports one.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Kafka { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the same request can succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Kafka { code, .. } => code.is_retriable(),
            Self::Connect { .. } | Self::Closed { .. } | Self::Timeout { .. } => true,
            Self::Tls { .. }
            | Self::Authentication { .. }
            | Self::Unsupported { .. }
            | Self::Malformed { .. }
            | Self::Unencodable { .. }
            | Self::NoAnswer(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_cause_and_figures() {
        let unsupported =
            |broker| WireError::Unsupported { api: Api::StreamsGroupDescribe, broker, client: VersionRange::new(0, 0) };
        assert_eq!(
            unsupported(None).to_string(),
            "the broker does not support the required version of StreamsGroupDescribe: it supports no version, this \
             client needs version 0"
        );
        assert!(unsupported(Some(VersionRange::new(2, 3))).to_string().contains("it supports version 2-3"));
        let last = WireError::of(16, None).map(Box::new);
        assert_eq!(
            WireError::Timeout { after: Duration::from_secs(3), last }.to_string(),
            "no answer within 3s; last error: NOT_COORDINATOR"
        );
        assert_eq!(WireError::of(30, Some("no".into())).unwrap().to_string(), "GROUP_AUTHORIZATION_FAILED: no");
    }
}
