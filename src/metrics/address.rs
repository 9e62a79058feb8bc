//! Where the server listens.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
};

/// Where the server listens: an IP address, or `localhost`, and a port. Port 0 lets the system choose one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricsAddress(SocketAddr);

impl MetricsAddress {
    /// The address.
    #[must_use]
    pub fn get(self) -> SocketAddr {
        self.0
    }

    /// Whether only processes on this machine can connect.
    #[must_use]
    pub fn is_loopback(self) -> bool {
        match self.0.ip() {
            IpAddr::V4(ip) => ip.is_loopback(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback()),
        }
    }
}

impl fmt::Display for MetricsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for MetricsAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A host name could resolve to another address later, and would make the check for loopback unreliable.
        let local = text.strip_prefix("localhost:").map(|port| format!("{}:{port}", Ipv4Addr::LOCALHOST));
        let address = local.as_deref().unwrap_or(text).parse();
        address.map(Self).map_err(|_| "the text is not an address with a port".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_machine_are_recognised() {
        for (text, is_loopback) in [
            ("127.0.0.1:9308", true),
            ("localhost:9308", true),
            ("127.1.2.3:0", true),
            ("[::1]:9308", true),
            ("[::ffff:127.0.0.1]:9308", true),
            ("0.0.0.0:9308", false),
            ("[::]:9308", false),
            ("10.0.0.7:9308", false),
        ] {
            let address: MetricsAddress = text.parse().unwrap();
            assert_eq!(address.is_loopback(), is_loopback, "{text}");
            assert_eq!(address.to_string().parse(), Ok(address));
        }
        for invalid in ["", "9308", ":9308", "example.org:9308", "127.0.0.1", "127.0.0.1:99999", "::1:9308"] {
            assert!(invalid.parse::<MetricsAddress>().is_err(), "{invalid}");
        }
    }
}
