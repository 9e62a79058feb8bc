//! Where HTTP requests are sent to, and their headers. What is shown of them contains no secrets.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kreplay_model::domain::Secret;
use ureq::http::{HeaderName, HeaderValue, Uri};

use crate::error::ActionError;

/// A URL. A user and a password in it become an `Authorization` header.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    url: Secret,
    /// The URL without user and password.
    pub(crate) uri: Uri,
    pub(crate) authorization: Option<HeaderValue>,
}

impl Endpoint {
    /// Checks a URL.
    ///
    /// # Errors
    /// [`ActionError::Url`]: it is not an HTTP URL.
    pub fn new(url: Secret) -> Result<Self, ActionError> {
        let wrong = || ActionError::Url(url.shown().to_owned());
        let (scheme, rest) = url.value().split_once("://").ok_or_else(wrong)?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        // A fragment is not sent to the server.
        let path = path.split('#').next().unwrap_or_default();
        let uri: Uri = format!("{scheme}://{host}{path}").parse().map_err(|_| wrong())?;
        // The URL parser does not check ports. The colons in `[::1]` do not start a port.
        let port = host.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        if !is_http || port.is_some_and(|port| port.parse::<u16>().is_err()) || uri.host().is_none_or(str::is_empty) {
            return Err(wrong());
        }
        let authorization = user.map(|user| basic(user).ok_or_else(wrong)).transpose()?;
        Ok(Self { url, uri, authorization })
    }

    /// The URL as it was given.
    #[must_use]
    pub fn url(&self) -> &Secret {
        &self.url
    }

    /// Another path on the same server, below the path of this URL.
    pub(crate) fn below(&self, path: &str) -> Option<Uri> {
        let base = self.uri.path().trim_end_matches('/');
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = Some(format!("{base}{path}").parse().ok()?);
        Uri::from_parts(parts).ok()
    }
}

/// The header for `user:password`, which may have percent-encoded characters.
fn basic(user: &str) -> Option<HeaderValue> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let credentials = [&percent_decoded(name)?, b":".as_slice(), &percent_decoded(password)?].concat();
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(credentials))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let decoded = if *first == b'%' {
            let digits = std::str::from_utf8(more.get(..2)?).ok()?;
            rest = more.get(2..)?;
            u8::from_str_radix(digits, 16).ok()?
        } else {
            rest = more;
            *first
        };
        bytes.push(decoded);
    }
    Some(bytes)
}

/// A header of requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    text: Secret,
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
}

impl Header {
    /// Reads `NAME: VALUE`.
    ///
    /// # Errors
    /// [`ActionError::Header`].
    pub fn new(text: Secret) -> Result<Self, ActionError> {
        let wrong = || ActionError::Header(text.shown().to_owned());
        let (name, value) = text.value().split_once(':').ok_or_else(wrong)?;
        let name = HeaderName::try_from(name.trim()).map_err(|_| wrong())?;
        let mut value = HeaderValue::try_from(value.trim()).map_err(|_| wrong())?;
        value.set_sensitive(true);
        Ok(Self { text, name, value })
    }

    /// The header as it was given.
    #[must_use]
    pub fn text(&self) -> &Secret {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::SecretFormat;

    use super::*;

    fn endpoint(url: &str) -> Result<Endpoint, ActionError> {
        Endpoint::new(Secret::plain(SecretFormat::Address, url.into()))
    }

    #[test]
    fn user_and_password_become_a_header() {
        let it = endpoint("https://ada:hun%40ter2@h:8443/a/?c=d#e").unwrap();
        assert_eq!(it.uri.to_string(), "https://h:8443/a/?c=d");
        assert_eq!(it.authorization.as_ref().unwrap().to_str().unwrap(), "Basic YWRhOmh1bkB0ZXIy");
        assert_eq!(it.below("/api/v2/alerts").unwrap().to_string(), "https://h:8443/a/api/v2/alerts");
        assert!(!format!("{it:?}").contains("hun"), "{it:?}");
    }

    #[test]
    fn errors_about_urls_and_headers_hide_secrets() {
        for wrong in ["", "host/x", "ftp://h/x", "http://", "http://ada:hunter2@", "http://a:%z@h", "http://h:port/x"] {
            let error = endpoint(wrong).unwrap_err().to_string();
            assert!(error.contains("is not an HTTP URL") && !error.contains("hunter2"), "{error}");
        }
        for wrong in ["Authorization hunter2", "Authorization: hunter2\u{1}", ": x"] {
            let error = Header::new(Secret::plain(SecretFormat::Header, wrong.into())).unwrap_err().to_string();
            assert!(error.contains("is not a header") && !error.contains("hunter2"), "{error}");
        }
    }
}
