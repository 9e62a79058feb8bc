//! Where a process serves its feed.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

/// Where a process serves its feed. Both kinds can be reached from this machine only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// The path of a Unix socket.
    Socket(PathBuf),
    /// A loopback address. Port 0 lets the system choose one.
    Loopback(SocketAddr),
}

impl Address {
    /// A short name for what is served there: the name of the socket's file without its extension, or the port with its
    /// host.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Socket(path) => {
                path.file_stem().map_or_else(|| path.display().to_string(), |stem| stem.to_string_lossy().into_owned())
            }
            Self::Loopback(address) => address.to_string(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A path without a slash could be mistaken for HOST:PORT.
            Self::Socket(path) if path.components().count() == 1 && path.is_relative() => {
                write!(f, "./{}", path.display())
            }
            Self::Socket(path) => path.display().fmt(f),
            Self::Loopback(address) => address.fmt(f),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    /// A text with a slash, or without a colon, is a path.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.contains('\0') {
            return Err("the text is neither a path nor an address".to_owned());
        }
        if text.contains('/') || !text.contains(':') {
            // `./name` and `name` are the same file.
            return Ok(Self::Socket(PathBuf::from(
                text.strip_prefix("./").filter(|rest| !rest.is_empty()).unwrap_or(text),
            )));
        }
        // A host name could resolve to another machine.
        let local = text.strip_prefix("localhost:").map(|port| format!("{}:{port}", Ipv4Addr::LOCALHOST));
        let address: SocketAddr = local
            .as_deref()
            .unwrap_or(text)
            .parse()
            .map_err(|_| "the text is not an IP address with a port; a path has a slash".to_owned())?;
        if is_loopback(address.ip()) {
            return Ok(Self::Loopback(address));
        }
        Err("the address could be reached from other machines; use 127.0.0.1, and `ssh -L` from elsewhere".to_owned())
    }
}

fn is_loopback(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_loopback_addresses_survive_their_text() {
        for (text, name) in [
            ("/run/user/1000/a.sock", "a"),
            ("./a:1", "a:1"),
            ("run.sock", "run"),
            ("127.0.0.1:9310", "127.0.0.1:9310"),
            ("localhost:9310", "127.0.0.1:9310"),
            ("[::1]:9310", "[::1]:9310"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.name(), name, "{text}");
            assert_eq!(address.to_string().parse(), Ok(address), "{text}");
        }
    }

    #[test]
    fn other_machines_and_incomplete_addresses_are_refused() {
        for text in ["0.0.0.0:1", "[::]:1", "10.0.0.7:9310", "192.168.0.1:1"] {
            assert!(text.parse::<Address>().unwrap_err().contains("from other machines"), "{text}");
        }
        for text in ["", "example.org:9310", "127.0.0.1:", ":9310", "127.0.0.1:99999", "a\0b"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
