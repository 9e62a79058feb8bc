//! Detects requests whose headers may be too large for the server.
//!
//! Servers accept 8 to 64 KiB of headers. Above that some answer 431, some 400 or 413, and some close the connection
//! without an answer, so an error about a request with large headers mentions them.

use std::fmt::Write;

use kreplay_model::domain::{Record, printable};
use ureq::http::HeaderMap;

use super::{HttpSettings, request::sent_headers};

/// The total size above which headers may be the reason of a failure. Some servers accept no more, and few requests
/// need it.
const SUSPICIOUS_HEADER_BYTES: usize = 4 << 10;
/// Statuses that servers use for large headers: Apache 400, nginx 400 and 494.
const HEADER_SIZE_STATUSES: [u16; 4] = [400, 413, 431, 494];
/// The maximum length of a header name in an error.
const MAX_NAME_CHARS: usize = 60;

/// The total size of a request's headers, and the largest header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeaderSizes {
    total: usize,
    largest: Option<(String, usize)>,
}

impl HeaderSizes {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let sizes = || headers.iter().map(|(name, value)| (name.as_str(), name.as_str().len() + value.len() + 4));
        let largest = sizes().max_by_key(|(_, size)| *size);
        Self {
            total: sizes().map(|(_, size)| size).sum(),
            largest: largest.map(|(name, size)| (name.to_owned(), size)),
        }
    }

    /// An explanation if the headers may be the reason of a failed request. `status` is `None` if there was no answer.
    pub(super) fn explain(&self, status: Option<u16>, settings: &HttpSettings, record: &Record) -> Option<String> {
        let certain = matches!(status, Some(431 | 494));
        let possible =
            status.is_none_or(|status| HEADER_SIZE_STATUSES.contains(&status)) && self.total > SUSPICIOUS_HEADER_BYTES;
        if !certain && !possible {
            return None;
        }
        let (name, largest) = self.largest.as_ref()?;
        let mut text = format!("the request has {} bytes of headers, {name} {largest} of them", self.total);
        if name == "kreplay-headers" {
            let own = sent_headers(record, &settings.record_headers)
                .map(|header| (header.key, header.key.len() + header.value.map_or(0, <[u8]>::len)))
                .max_by_key(|(_, size)| *size);
            if let Some((key, bytes)) = own {
                let key: String = String::from_utf8_lossy(key).chars().take(MAX_NAME_CHARS).collect();
                // Writing to a String cannot fail.
                let _ = write!(text, " (the record's header {} has {bytes})", printable(&key));
            }
            text.push_str("; select the headers to send with http.record_headers");
        } else if name.starts_with("kreplay-key") {
            text.push_str("; with http.body = \"record\" the key is in the body");
        } else {
            text.push_str("; make it shorter");
        }
        text.push_str(", or raise the server's limit");
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::record;

    fn sizes(pairs: &[(&'static str, usize)]) -> HeaderSizes {
        HeaderSizes::of(
            &pairs.iter().map(|(name, size)| (name.parse().unwrap(), "x".repeat(*size).parse().unwrap())).collect(),
        )
    }

    #[test]
    fn the_error_names_the_largest_header_and_the_setting() {
        let large = vec![b'x'; 20_000];
        let record = record(0, 1, None, Some(b"v"), &[(b"a", Some(b"1")), (b"trace\n", Some(&large))]);
        let settings = HttpSettings::default();
        let sizes = sizes(&[("kreplay-topic", 5), ("kreplay-headers", 26_000)]);
        for status in [None, Some(400), Some(413), Some(431), Some(494)] {
            let text = sizes.explain(status, &settings, &record).unwrap();
            for part in ["kreplay-headers", "header trace\\n has", "http.record_headers"] {
                assert!(text.contains(part), "{text}");
            }
        }
        assert_eq!(sizes.explain(Some(404), &settings, &record), None);
    }

    #[test]
    fn small_headers_are_mentioned_only_if_the_status_says_so() {
        let record = record(0, 1, Some(b"k"), Some(b"v"), &[]);
        let (settings, sizes) = (HttpSettings::default(), sizes(&[("kreplay-key", 500)]));
        assert_eq!(
            (sizes.explain(None, &settings, &record), sizes.explain(Some(400), &settings, &record)),
            (None, None)
        );
        assert!(sizes.explain(Some(431), &settings, &record).unwrap().contains("http.body"));
    }
}
