//! `http`: requests.

use crate::domain::Masked;

/// `[http]`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpSettings {
    /// Where requests go, unless the handler's name says it.
    pub url: Option<Masked>,
    /// Headers of each request, as `Name: value`.
    pub headers: Vec<Masked>,
}
