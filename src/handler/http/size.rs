//! Requests whose headers are larger than a server takes.
//!
//! Servers take 8 to 64 KiB of headers. Above that some answer 431, some 400 or 413, and some close the connection without
//! an answer, so a refusal of a request with large headers names them.

use std::fmt::Write;

use ureq::http::HeaderMap;

use super::{HttpSettings, request::sent_headers};
use crate::{domain::Record, feed::printable};

/// Some servers take no more than this, and nobody sends as much without a reason.
const SUSPICIOUS_BYTES: usize = 4 << 10;
/// Apache's way to refuse large headers is 400, nginx has 400 and 494.
const REFUSALS: [u16; 4] = [400, 413, 431, 494];
/// A name in an error's text.
const MAX_NAME_CHARS: usize = 60;

/// What the headers of a request take, and the largest of them.
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

    /// What to say of a refusal for which these headers may be the reason; `status` is `None` without an answer.
    pub(super) fn blame(&self, status: Option<u16>, settings: &HttpSettings, record: &Record) -> Option<String> {
        let certain = matches!(status, Some(431 | 494));
        let possible = status.is_none_or(|status| REFUSALS.contains(&status)) && self.total > SUSPICIOUS_BYTES;
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
            text.push_str("; choose with http.record_headers which headers go along");
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
    use crate::handler::testing::record;

    fn sizes(pairs: &[(&'static str, usize)]) -> HeaderSizes {
        HeaderSizes::of(
            &pairs.iter().map(|(name, size)| (name.parse().unwrap(), "x".repeat(*size).parse().unwrap())).collect(),
        )
    }

    #[test]
    fn the_largest_header_is_named_with_the_setting() {
        let large = vec![b'x'; 20_000];
        let record = record(0, 1, None, Some(b"v"), &[(b"a", Some(b"1")), (b"trace\n", Some(&large))]);
        let settings = HttpSettings::default();
        let sizes = sizes(&[("kreplay-topic", 5), ("kreplay-headers", 26_000)]);
        for status in [None, Some(400), Some(413), Some(431), Some(494)] {
            let text = sizes.blame(status, &settings, &record).unwrap();
            for part in ["kreplay-headers", "header trace\\n has", "http.record_headers"] {
                assert!(text.contains(part), "{text}");
            }
        }
        assert_eq!(sizes.blame(Some(404), &settings, &record), None);
    }

    #[test]
    fn small_headers_are_to_blame_only_where_the_answer_says_so() {
        let record = record(0, 1, Some(b"k"), Some(b"v"), &[]);
        let (settings, sizes) = (HttpSettings::default(), sizes(&[("kreplay-key", 500)]));
        assert_eq!((sizes.blame(None, &settings, &record), sizes.blame(Some(400), &settings, &record)), (None, None));
        assert!(sizes.blame(Some(431), &settings, &record).unwrap().contains("http.body"));
    }
}
