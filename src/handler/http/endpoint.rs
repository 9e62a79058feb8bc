//! Where requests go: an address without the user and password that may be in it, which become a header.

use base64::{Engine, engine::general_purpose::STANDARD};
use ureq::http::{HeaderValue, Uri};

use crate::domain::Masked;

/// Where requests go.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    /// Without user and password.
    pub(super) uri: Uri,
    /// The header `Authorization` that user and password stand for.
    pub(super) authorization: Option<HeaderValue>,
    /// For people, without secrets.
    pub(super) shown: String,
}

impl Endpoint {
    /// # Errors
    /// It is no address of HTTP: one sentence without a secret.
    pub(super) fn new(url: &Masked) -> Result<Self, String> {
        let wrong = || format!("{} is not an address such as https://host/path", url.shown());
        let (scheme, rest) = url.value().split_once("://").ok_or_else(wrong)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        // A fragment is the client's own business.
        let path = path.split('#').next().unwrap_or_default();
        let uri: Uri = format!("{scheme}://{host}{path}").parse().map_err(|_| wrong())?;
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        // Whoever parses addresses leaves ports to whoever connects. The colons of `[::1]` are none of them.
        let port = host.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
        if !known || port.is_some_and(|port| port.parse::<u16>().is_err()) || uri.host().is_none_or(str::is_empty) {
            return Err(wrong());
        }
        let authorization = user.map(|user| basic(user).ok_or_else(wrong)).transpose()?;
        Ok(Self { uri, authorization, shown: url.shown().to_owned() })
    }

    /// Whether what is sent is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }
}

fn basic(user: &str) -> Option<HeaderValue> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let credentials = [&decoded(name)?, b":".as_slice(), &decoded(password)?].concat();
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(credentials))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Takes percent-encoding back.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
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
    use super::*;
    use crate::domain::Form;

    fn endpoint(url: &str) -> Result<Endpoint, String> {
        Endpoint::new(&Masked::plain(Form::Address, url.into()))
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
    }

    #[test]
    fn what_is_no_address_is_told_without_its_password() {
        for wrong in
            ["", "host/x", "ftp://h/x", "http://", "http://ada:hunter2@", "http://ada:%zz@h", "http://h:port/x"]
        {
            let error = endpoint(wrong).unwrap_err();
            assert!(error.contains("is not an address") && !error.contains("hunter2"), "{error}");
        }
    }
}
