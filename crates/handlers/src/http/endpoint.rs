//! The URL that requests are sent to. A user and password in it become an `Authorization` header.

use base64::{Engine, engine::general_purpose::STANDARD};
use kreplay_model::domain::Secret;
use ureq::http::{HeaderValue, Uri};

/// The URL that requests are sent to.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    /// The URL without user and password.
    pub(super) uri: Uri,
    /// The `Authorization` header for the user and password.
    pub(super) authorization: Option<HeaderValue>,
    /// The URL for display, without secrets.
    pub(super) shown: String,
}

impl Endpoint {
    /// # Errors
    /// One sentence without secrets: it is not an HTTP URL.
    pub(super) fn new(url: &Secret) -> Result<Self, String> {
        let wrong = || format!("{} is not an HTTP URL such as https://host/path", url.shown());
        let (scheme, rest) = url.value().split_once("://").ok_or_else(wrong)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        // A fragment is not sent to the server.
        let path = path.split('#').next().unwrap_or_default();
        let uri: Uri = format!("{scheme}://{host}{path}").parse().map_err(|_| wrong())?;
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        // The URL parser does not check ports. The colons in `[::1]` do not start a port.
        let port = host.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
        if !known || port.is_some_and(|port| port.parse::<u16>().is_err()) || uri.host().is_none_or(str::is_empty) {
            return Err(wrong());
        }
        let authorization = user.map(|user| basic(user).ok_or_else(wrong)).transpose()?;
        Ok(Self { uri, authorization, shown: url.shown().to_owned() })
    }

    /// Whether requests are encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }
}

fn basic(user: &str) -> Option<HeaderValue> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let credentials = [&percent_decoded(name)?, b":".as_slice(), &percent_decoded(password)?].concat();
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(credentials))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Decodes percent-encoding.
pub(super) fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(more.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &more[2..];
        } else {
            bytes.push(*first);
            rest = more;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::SecretFormat;

    use super::*;

    fn endpoint(url: &str) -> Result<Endpoint, String> {
        Endpoint::new(&Secret::plain(SecretFormat::Address, url.into()))
    }

    #[test]
    fn user_and_password_become_a_header() {
        let it = endpoint("https://ada:hun%40ter2@h:8443/a/b?c=d#e").unwrap();
        assert_eq!(it.uri.to_string(), "https://h:8443/a/b?c=d");
        assert_eq!(it.authorization.unwrap().to_str().unwrap(), format!("Basic {}", STANDARD.encode("ada:hun@ter2")));
        assert_eq!(it.shown, "https://ada:***@h:8443/a/b?c=d#e");
        let it = endpoint("http://127.0.0.1:80").unwrap();
        assert_eq!((it.uri.path(), it.authorization, it.uri.to_string().as_str()), ("/", None, "http://127.0.0.1:80/"));
        assert!(endpoint("https://[::1]:1/x").is_ok());
        // A token is the user without a password.
        for (url, credentials, shown) in
            [("https://t0ken@h/x", "t0ken:", "https://***@h/x"), ("https://t0ken:@h/x", "t0ken:", "https://***:@h/x")]
        {
            let it = endpoint(url).unwrap();
            let header = it.authorization.unwrap();
            assert_eq!(header.to_str().unwrap(), format!("Basic {}", STANDARD.encode(credentials)));
            assert_eq!(it.shown, shown);
        }
    }

    #[test]
    fn errors_about_invalid_urls_hide_the_password() {
        for wrong in
            ["", "host/x", "ftp://h/x", "http://", "http://ada:hunter2@", "http://ada:%zz@h", "http://h:port/x"]
        {
            let error = endpoint(wrong).unwrap_err();
            assert!(error.contains("is not an HTTP URL") && !error.contains("hunter2"), "{error}");
        }
    }
}
