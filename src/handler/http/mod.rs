//! `http`: sends records to a URL.

/// `[http]`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpSettings {}
